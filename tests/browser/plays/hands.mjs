// Each button that does something once is pressed twice, as fast as a nervous hand; then the way back and forth is gone. What it
// does is done once, and the page says so and not that it failed. With scripts, and without: then the browser may send the form
// twice, and the second may be told that there is nothing left to do.
import { addsAccount, doublePresses, getsToken, registers, shown, signsIn } from '../deeds.mjs';
import { refused, session, messages } from '../mail.mjs';
import { Person, check, eventually, play, same } from '../stage.mjs';

const MAILBOX = 'right@example.test';
let person;
let name;
let password;

const notices = () => person.page.locator('.notice').allInnerTexts();
const noted = async (what, subject, detail = '') => {
  await person.opens('audit');
  return person.page.locator('tbody tr').filter({ hasText: what }).filter({ hasText: subject }).filter({ hasText: detail }).count();
};

// What the second of two forms is told, where the first has done it.
const LATE = /There is no |There is a token /;
const failures = async () => (await notices()).filter((text) => /Not done|Nothing was saved|no such|not found|there is no/i.test(text) && (person.scripts || !LATE.test(text)));

async function once(button, { did, subject = name, detail }) {
  const here = person.page.url();
  const before = await noted(did, subject, detail);
  await person.page.goto(here);
  await doublePresses(person, button);
  same(await failures(), [], `two clicks on "${button}"`);
  await person.page.goBack().catch(() => {});
  await person.page.goForward().catch(() => {});
  same(await noted(did, subject, detail), before + 1, `${did} after two clicks on "${button}"`);
}

const scenes = (kind, settings) => Object.fromEntries(Object.entries({
  'signs in with two clicks': async () => {
    person = await Person.enters(settings);
    name = kind;
    await person.opens('sign-in');
    await person.fills({ Password: 'l0cal password' });
    await doublePresses(person, 'Sign in');
    await person.page.getByRole('navigation', { name: 'Sections' }).waitFor();
    await person.page.goBack().catch(() => {});
    await person.opens('');
    await person.page.getByRole('navigation', { name: 'Sections' }).waitFor();
  },
  'has a token and an account': async () => {
    await person.opens('tokens/right');
    await registers(await shown(person, 'Redirect URI'));
    await getsToken(person, MAILBOX);
    await eventually('the token', async () => { await person.opens('tokens/right'); return /good/.test(await person.text()); });
    password = await addsAccount(person, name, 'right');
  },
  'ends a session': async () => {
    const client = await session(name, password);
    await person.opens(`sessions?q=${name}`);
    await doublePresses(person, /^End the imap/i);
    await eventually('the session ends', () => !client.usable);
    same(await noted('session.ended', name), 1, 'ended sessions');
  },
  'disables and enables the account': async () => {
    await person.opens(`accounts/${name}`);
    const client = await session(name, password);
    await once('Disable', { did: 'account.disabled' });
    await eventually('its session ends', () => !client.usable);
    check(await refused(name, password), 'a disabled account lets its program in');
    await person.opens(`accounts/${name}`);
    await once('Enable', { did: 'account.enabled' });
    same(await refused(name, password), '', 'an account that is enabled again');
  },
  'revokes a password': async () => {
    await person.opens(`accounts/${name}/passwords/add`);
    if (settings.looks) await person.looks('password-add');
    await person.fills({ Label: 'scanner' });
    await doublePresses(person, 'Give it this password');
    await person.reads(/It is shown this once|shown once/);
    await person.opens(`accounts/${name}`);
    await person.presses(/Revoke the password scanner/);
    if (settings.looks) await person.looks('password-revoke');
    await once('Revoke it', { did: 'password.revoked', detail: 'scanner' });
  },
  'sends one test message': async () => {
    const before = await messages(name, password);
    await person.opens(`accounts/${name}/test`);
    await person.fills({ 'Send a test message to': MAILBOX });
    await doublePresses(person, 'Send it');
    await person.page.waitForURL(/\/test\/./);
    await eventually('the answer', async () => { if (!person.scripts) await person.page.reload(); return (await person.text()).includes('own answer'); });
    await person.reads(/250 2\.0\.0/);
    await person.page.goBack().catch(() => {});
    await person.page.goForward().catch(() => {});
    await person.page.reload();
    await eventually('the message', async () => (await messages(name, password)) > before);
    await person.page.waitForTimeout(1000);
    same(await messages(name, password), before + 1, 'messages');
  },
  'makes an API key': async () => {
    await person.opens('keys');
    await person.fills({ Name: `key-${name}` });
    await person.page.locator('input[name=scopes][value=read]').check();
    // Its page cannot be loaded again, so a form that is sent twice has lost the key.
    if (person.scripts) await doublePresses(person, 'Make the key');
    else await person.presses('Make the key');
    await person.reads('Copy it now');
    if (settings.looks) await person.looks('keys-made');
    await person.opens('keys');
    check(!/gpk_/.test(await person.text()), 'the key is shown again');
    await person.page.getByRole('link', { name: `Remove key-${name}` }).click();
    await person.page.waitForLoadState();
    if (settings.looks) await person.looks('keys-remove');
    await doublePresses(person, 'Remove the key');
    await person.reads(`The key "key-${name}" is removed`);
  },
  'adds, disables, enables and forgets a token': async () => {
    const token = `twice-${name}`;
    await person.opens('tokens/add');
    await person.fills({ Name: token, Type: 'real', Mailbox: MAILBOX, 'Client ID': 'web', 'The app proves itself by': 'client_secret', 'Client secret': 'web-s3cret' });
    await doublePresses(person, 'Add the token');
    same(await failures(), [], 'two clicks add a token');
    same(await noted('token.added', token), 1, 'added');
    await person.opens(`tokens/${token}`);
    await once('Disable', { did: 'token.disabled', subject: token });
    await person.opens(`tokens/${token}`);
    if (settings.looks) await person.looks('token-disabled');
    await once('Enable', { did: 'token.enabled', subject: token });
    await person.opens(`tokens/${token}/forget`);
    if (settings.looks) await person.looks('token-forget');
    await once('Forget it', { did: 'token.forgotten', subject: token });
  },
  'removes the account': async () => {
    await person.opens(`accounts/${name}/remove`);
    if (settings.looks) await person.looks('account-remove');
    await once('Remove it', { did: 'account.removed' });
  },
}).map(([scene, plays]) => [`${kind}: ${scene}`, plays]));

await play({ ...scenes('scripted', { looks: true }), ...scenes('plain', { javaScriptEnabled: false }) });
