// What other sites, other people and the clock may not do to an administrator who is signed in.
import { crawl, forms } from '../crawl.mjs';
import { addsAccount, addsToken, doublePresses, signsIn } from '../deeds.mjs';
import { foreign } from '../foreign.mjs';
import { Person, check, eventually, play, same, stage } from '../stage.mjs';

let person;
let elsewhere;
const found = new Map();
const refusals = /status of 403/;

await play({
  'an administrator signs in': async () => {
    person = await Person.enters();
    elsewhere = await foreign();
    await signsIn(person);
    await addsAccount(person, 'guarded', 'right');
    await addsToken(person, { name: 'stored', mailbox: 'stored@example.test', client: 'web', secret: 'web-s3cret' });
    await person.opens('keys');
    await person.fills({ Name: 'program' });
    await person.page.locator('input[name=scopes][value=read]').check();
    await person.presses('Make the key');
  },
  'nobody else sees anything': async () => {
    const stranger = await Person.enters();
    for (const section of ['', 'tokens', 'accounts', 'sessions', 'events', 'audit', 'keys', 'accounts/add', 'tokens/add']) {
      await stranger.opens(section);
      check(new URL(stranger.page.url()).pathname.endsWith('/sign-in'), `${section} leads a stranger to ${stranger.page.url()}`);
    }
  },
  'every form that changes something': async () => {
    await crawl(person, async () => {
      for (const form of await forms(person.page)) if (!form.action.endsWith('/sign-out')) found.set(form.action, form);
    });
    for (const deed of ['tokens/stored/forget', 'tokens/stored/disable', 'tokens/stored/edit', 'tokens/stored/authorize', 'accounts/guarded/remove', 'accounts/guarded/passwords/add', 'accounts/guarded/test', 'keys/remove']) check([...found.keys()].some((action) => action === stage.url + deed), `no form of ${deed} was found`);
    found.set(`${stage.url}sessions/1/end`, { action: `${stage.url}sessions/1/end`, fields: [['q', '']] });
  },
  'a form of a foreign page changes nothing': async () => {
    person.expects(refusals);
    for (const form of found.values()) {
      elsewhere.sends(form);
      for (const site of [elsewhere.sameSite, elsewhere.crossSite]) {
        await person.page.goto(`${site}/form`);
        const [answer] = await Promise.all([person.page.waitForResponse((response) => response.request().method() === 'POST'), person.page.click('button')]);
        same(answer.status(), 403, `${form.action} with a form of ${site}`);
        // With its style: what is left half loaded is told as an error of the next page.
        await person.page.waitForLoadState();
      }
    }
  },
  'nor one of ours with the token of somebody else': async () => {
    for (const { action, fields } of found.values()) {
      const body = new URLSearchParams(fields.filter(([name]) => name !== 'csrf')).toString();
      await person.opens('');
      for (const token of ['', '&csrf=', '&csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']) {
        const status = await person.page.evaluate(async ([url, body]) => (await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' }, redirect: 'manual' })).status, [action, body + token]);
        same(status, 403, `${action} with ${token || 'no token'}`);
      }
    }
  },
  'a script of another origin reads nothing': async () => {
    for (const site of [elsewhere.sameSite, elsewhere.crossSite]) {
      const other = await Person.enters();
      other.expects(/./);
      await other.page.goto(`${site}/form`);
      const said = await other.page.evaluate(async (url) => fetch(url, { credentials: 'include' }).then((answer) => answer.text()).catch((error) => `refused: ${error}`), stage.url);
      check(said.startsWith('refused'), said);
      other.alarms.length = 0;
    }
  },
  'no page is shown in a frame': async () => {
    person.expects(/frame-ancestors|X-Frame-Options|Refused to display|chrome-error|Framing/);
    for (const site of [elsewhere.sameSite, elsewhere.crossSite]) {
      await person.page.goto(`${site}/frame`);
      const frame = await eventually('the frame', () => person.page.frames()[1]);
      await frame.waitForLoadState().catch(() => {});
      check(!(await frame.content().catch(() => '')).includes('Gatepost'), 'a page of ours is in a frame');
    }
  },
  'nothing was changed': async () => {
    await person.opens('accounts/guarded');
    await person.reads('guarded', 'Disable');
    await person.opens('audit');
    same(await person.page.locator('tbody tr').filter({ hasText: /account\.(disabled|removed|changed|test)|token\.(forgotten|disabled|changed|authorized)|password\.|key\.removed|session\./ }).count(), 0, 'deeds');
  },
  'two administrators change the same account at once': async () => {
    const other = await Person.enters();
    await signsIn(other);
    for (const one of [person, other]) await one.opens('accounts/guarded/edit');
    await person.fills({ 'Other user names': 'of-the-first' });
    await other.fills({ 'Other user names': 'of-the-second' });
    await person.presses('Save');
    await person.reads('of-the-first');
    await other.presses('Save');
    await other.reads('Nothing was saved', 'Somebody else has changed this account');
    same(await other.page.getByLabel(/^Other user names/).inputValue(), 'of-the-second', 'what was typed');
    await other.looks('account-conflict');
    await person.opens('accounts/guarded');
    await person.reads('of-the-first');
    await other.presses('Save');
    await other.reads('of-the-second');
  },
  'two clicks add one account': async () => {
    await person.opens('accounts/add');
    await person.fills({ 'User name': 'twice', Token: 'right' });
    await doublePresses(person, 'Add the account');
    await person.reads('It is shown this once');
    await person.opens('audit');
    same(await person.page.locator('tbody tr').filter({ hasText: 'account.added' }).filter({ hasText: 'twice' }).count(), 1, 'accounts');
  },
  'back to a form that was sent adds nothing': async () => {
    await addsAccount(person, 'once', 'right');
    await person.page.reload();
    await person.reads(/shown once/);
    await person.page.goBack();
    await person.page.goBack().catch(() => {});
    await person.page.goForward().catch(() => {});
    await person.opens('audit');
    same(await person.page.locator('tbody tr').filter({ hasText: 'account.added' }).filter({ hasText: 'once' }).count(), 1, 'accounts');
  },
  'an account that is there already is told beside the field': async () => {
    await person.opens('accounts/add');
    await person.fills({ 'User name': 'once', Token: 'right' });
    await person.presses('Add the account');
    await person.reads('Nothing was saved');
    same(await person.page.getByLabel(/^User name/).inputValue(), 'once', 'what was typed');
  },
  'who is signed out in the middle of a form is told so': async () => {
    await person.opens('accounts/add');
    await person.fills({ 'User name': 'typed-in-vain', Token: 'right' });
    await person.context.clearCookies();
    await person.presses('Add the account');
    await person.reads(/not signed in any more/i, /what you sent was not done/i);
    await person.looks('signed-out-meanwhile');
    await person.fills({ Password: stage.password });
    await person.presses('Sign in');
    await person.page.getByRole('navigation', { name: 'Sections' }).waitFor();
    await person.opens('accounts');
    check(!(await person.text()).includes('typed-in-vain'), 'it was added all the same');
  },
  'the elsewhere is closed': async () => elsewhere.close(),
});
