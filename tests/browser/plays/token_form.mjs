// The form of a token: what is uploaded, names that look like something else, two people at once, and a secret that has ended.
import fs from 'node:fs';
import path from 'node:path';
import { addsToken, getsToken, reachesProvider, registers, shown, signsIn } from '../deeds.mjs';
import { Person, check, eventually, play, same, stage } from '../stage.mjs';

let person;
const json = (content) => ({ name: 'file.json', mimeType: 'application/json', buffer: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)) });
const upload = (label, content) => person.page.getByLabel(label, { exact: true }).setInputFiles(json(content));
const key = fs.readFileSync(path.join(stage.peers, 'service-account.json'), 'utf8');
const secret = JSON.parse(key).private_key.split('\n')[3];
const client = (redirect) => ({ web: { client_id: 'web', project_id: 'x', auth_uri: `${stage.oauth}/auth`, token_uri: `${stage.oauth}/token`, client_secret: 'web-s3cret', redirect_uris: [redirect] } });
const isAt = (address) => eventually(`${address}`, () => person.page.url() === `${stage.url}${address}`, 90_000).catch(async (error) => { throw new Error(`${error.message}: ${person.page.url()} ${await person.page.locator('.notice').allInnerTexts()}`); });

const isBack = () => person.page.waitForURL((url) => url.href.startsWith(stage.url));

await play({
  'an administrator signs in': async () => {
    person = await Person.enters();
    await signsIn(person);
  },
  'Google\'s JSON file of a client': async () => {
    await person.opens('tokens/add');
    await person.fills({ Name: 'uploaded', Type: 'real', Mailbox: 'uploaded@example.test', 'The app proves itself by': 'client_json' });
    await upload('Google\'s JSON file of the client', key);
    await person.presses('Add the token');
    await person.reads('Nothing was saved', /service account, not an OAuth client/i);
    check(!(await person.page.content()).includes(secret), 'the key is shown again');
    await person.looks('token-form-wrong-file');
    await upload('Google\'s JSON file of the client', 'no JSON at all');
    await person.presses('Add the token');
    await person.reads('Nothing was saved', /not the JSON file of an OAuth client/i);
    await upload('Google\'s JSON file of the client', client(`${stage.url}oauth/callback`));
    await person.presses('Add the token');
    await isAt('tokens/uploaded');
    check(!(await person.page.content()).includes('web-s3cret'), 'the client secret is shown');
    await registers(await shown(person, 'Redirect URI'));
    await getsToken(person, 'uploaded@example.test');
    await person.reads('uploaded@example.test', /good/);
  },
  'a file that is too large': async () => {
    await person.opens('tokens/add');
    await person.fills({ Name: 'large', Type: 'real', Mailbox: 'large@example.test', 'The app proves itself by': 'client_json' });
    await upload('Google\'s JSON file of the client', ' '.repeat(70_000));
    await person.presses('Add the token');
    await person.reads('Nothing was saved', 'more than');
    same(await person.page.getByLabel(/^Name/).inputValue(), 'large', 'what was typed');
    person.expects(/status of 413/);
    await upload('Google\'s JSON file of the client', ' '.repeat(2_000_000));
    await person.presses('Add the token');
    await person.reads('Too large');
  },
  'a key of a service account': async () => {
    await person.opens('tokens/add');
    await person.fills({ Name: 'service', Type: 'real', 'How it is obtained': 'service_account' });
    await upload('JSON key of the service account', client(''));
    await person.presses('Add the token');
    await person.reads('Nothing was saved', /OAuth client, not a service account/i);
    await upload('JSON key of the service account', key);
    await person.presses('Add the token');
    await isAt('tokens/service');
    await person.presses('Other ways to get it').catch(() => person.opens('tokens/service/authorize'));
    await person.looks('authorize-service-account');
    await person.page.locator('input[name=mailbox]').fill('service@example.test');
    await person.presses('Get it now');
    await person.reads('service@example.test', /good/);
    await person.opens('tokens/service');
    await person.looks('token-service-account');
    check(!(await person.page.content()).includes(secret), 'the key is shown');
  },
  'names that look like something else': async () => {
    for (const name of ['.', '..', 'a/b', '%2e%2e', 'add', '~add', 'a?b#c', ' ']) {
      await person.opens('tokens/add');
      await person.fills({ Name: name, Type: 'real', Mailbox: 'named@example.test', 'Client ID': 'web', 'The app proves itself by': 'client_secret', 'Client secret': 'web-s3cret' });
      await person.page.locator('main form[method=post]').first().evaluate((form) => { form.noValidate = true; });
      await person.presses('Add the token');
      if ((await person.text()).includes('Nothing was saved')) {
        check(/Name|name/.test(await person.page.locator('#wrong').innerText()), `${JSON.stringify(name)} is refused: ${await person.page.locator('#wrong').innerText()}`);
        continue;
      }
      same((await person.page.locator('h1').textContent()).trim(), `Token ${name}`.trim(), 'the page of the new token');
      await person.opens('tokens');
      await person.page.locator('tbody th a').and(person.page.getByText(name, { exact: true })).first().click();
      await person.page.waitForLoadState();
      same((await person.page.locator('h1').textContent()).trim(), `Token ${name}`.trim(), 'where its link leads');
      for (const way of ['Edit', 'Other ways to get it', 'Forget it and its settings…']) {
        const here = person.page.url();
        await person.presses(way);
        check((await person.text()).includes(name.trim()) && !/Not found/.test(await person.text()), `${way} of ${JSON.stringify(name)}: ${person.page.url()} says ${(await person.text()).slice(0, 300)}`);
        if (way !== 'Forget it and its settings…') await person.page.goto(here);
      }
      await person.presses('Forget it');
      await person.reads('are forgotten');
    }
  },
  'accounts of such names': async () => {
    for (const name of ['.', '..', 'a/b', 'add', '~add']) {
      await person.opens('accounts/add');
      await person.fills({ 'User name': name, Token: 'uploaded' });
      await person.presses('Add the account');
      await person.reads('It is shown this once');
      await person.presses('To the account');
      for (const way of ['Edit', 'Test', 'Give it another password', 'Remove']) {
        const here = person.page.url();
        await person.presses(way);
        check((await person.text()).includes(name) && !/Not found/.test(await person.text()), `${way} of ${JSON.stringify(name)}: ${person.page.url()} says ${(await person.text()).slice(0, 300)}`);
        if (way !== 'Remove') await person.page.goto(here);
      }
      await person.presses('Remove it');
      await person.reads('is removed');
    }
  },
  'two administrators change the same token at once': async () => {
    await addsToken(person, { name: 'shared', mailbox: 'shared@example.test', client: 'web', secret: 'web-s3cret' });
    const other = await Person.enters();
    await signsIn(other);
    for (const one of [person, other]) await one.opens('tokens/shared/edit');
    await person.looks('token-edit');
    await person.fills({ Mailbox: 'first@example.test' });
    await other.fills({ Mailbox: 'second@example.test' });
    await person.presses('Save');
    await person.reads('first@example.test');
    await other.presses('Save');
    await other.reads('Nothing was saved', 'somebody else has changed this token', 'first@example.test');
    same(await other.page.getByLabel(/^Mailbox/).inputValue(), 'second@example.test', 'what was typed');
    await other.looks('token-conflict');
    await person.opens('tokens/shared');
    await person.reads('first@example.test');
    await other.presses('Save');
    await other.reads('second@example.test');
    await person.opens('tokens/shared/edit');
    await other.opens('tokens/shared/forget');
    await other.presses('Forget it');
    await person.fills({ Mailbox: 'third@example.test' });
    person.expects(/status of 404/);
    await person.presses('Save');
    await person.reads(/no token|not found|forgotten/i, 'Next step');
    await person.looks('token-gone');
  },
  'a client secret that has ended is replaced': async () => {
    await addsToken(person, { name: 'ends', mailbox: 'ends@example.test', client: 'expired', secret: 'web-s3cret' });
    await person.context.clearCookies({ domain: 'localhost', name: /^_(session|interaction|grant)/ });
    await registers(await shown(person, 'Redirect URI'), 'expired');
    await getsToken(person, 'ends@example.test');
    await eventually('why', async () => /secret/.test(await person.page.locator('.notice').first().innerText()));
    await person.opens('tokens/ends');
    await person.reads('Next step');
    await person.looks('token-trouble');
    await person.presses('Edit');
    await person.fills({ 'Client ID': 'web', 'Client secret': 'web-s3cret' });
    await person.presses('Save');
    await isAt('tokens/ends');
    await person.presses('Get token');
    await reachesProvider(person);
    await person.consents('ends@example.test');
    await isBack();
    await person.opens('tokens/ends');
    await person.reads('ends@example.test', /good/);
    await person.presses('Refresh now');
    await person.reads(/Done|refreshed/);
    await person.looks('token-refreshed');
  },
});
