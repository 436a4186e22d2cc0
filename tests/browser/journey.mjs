// From the first start to the first message. `settings` are those of the browser.
import { PASSWORD, addsAccount, addsToken, getsToken, link, registers, setsPassword, shown, signsIn } from './deeds.mjs';
import { refused, roundtrip, session } from './mail.mjs';
import { Person, check, eventually, play, same, stage } from './stage.mjs';

export async function journey(settings) {
  let person;
  let password;
  const scripts = settings.javaScriptEnabled !== false;
  const prefix = scripts ? '' : 'plain-';
  const name = scripts ? 'support' : 'plain';
  const mailbox = `${name}.journey@example.test`;
  const looks = (page) => person.looks(prefix + page);
  await play({
    'before the password': async () => {
      person = await Person.enters(settings);
      await person.opens('tokens');
      await looks('no-password');
      await person.page.goto(await link());
      await looks('setup');
    },
    'the first password': async () => {
      await setsPassword(person);
      await looks('overview-empty');
    },
    'sign out and in': async () => {
      await person.presses('Sign out');
      await looks('sign-in');
      await signsIn(person, PASSWORD);
    },
    'a token, by hand': async () => {
      await person.opens('tokens');
      await looks('tokens-empty');
      await addsToken(person, { name, mailbox, client: 'web', secret: 'web-s3cret' }, looks);
    },
    'its redirect URI': async () => {
      const redirect = await shown(person, 'Redirect URI');
      same(redirect, `${stage.url}oauth/callback`);
      if (scripts) {
        await person.presses('Copy: Redirect URI');
        await eventually('the copy', async () => (await person.page.evaluate(() => navigator.clipboard.readText())) === redirect);
      }
      await looks('token-new');
      await registers(redirect);
    },
    'the provider\'s own pages, and back': async () => {
      await getsToken(person, mailbox);
      await eventually('the token\'s page', () => person.page.url().startsWith(`${stage.url}tokens/${name}`));
      await person.reads(mailbox, /authorized|good/i);
      await looks('token-good');
    },
    'an account, with a password that is made up': async () => {
      await person.opens('accounts');
      await looks('accounts-empty');
      await person.opens('accounts/add');
      await looks('accounts-add');
      password = await addsAccount(person, `${name}-program`, name);
      check(password.length >= 12, 'the password is short');
      await looks('account-password');
    },
    'the settings to type': async () => {
      await person.presses('To the account');
      await person.reads(String(stage.smtp), String(stage.imap), String(stage.pop3), `${name}-program`);
      await looks('account-new');
      check(!(await person.page.content()).includes(password), 'the password is shown again');
    },
    'the first message': async () => {
      await roundtrip(`${name}-program`, password, mailbox);
    },
    'it shows': async () => {
      const client = await session(`${name}-program`, password);
      await person.opens('');
      await person.reads(name, `${name}-program`, mailbox);
      await looks('overview');
      await person.opens('sessions');
      await person.reads(`${name}-program`);
      await looks('sessions');
      await person.page.getByRole('button', { name: /^(End|Disconnect)/ }).first().click();
      await eventually('the program\'s session ends', () => !client.usable);
      await person.opens('events');
      await person.reads('message.accepted', 'session.login', `${name}-program`);
      await looks('events');
      if (scripts) {
        await person.reads('New events appear here by themselves');
        await refused('nobody-at-all', 'wrong');
        await person.reads('nobody-at-all');
      }
      await person.opens('audit');
      await person.reads('account.added', 'token.added', name);
      await looks('audit');
      await person.opens(`accounts/${name}-program`);
      await person.reads(/Last message .*(ago|UTC|s)/);
      await looks('account-used');
    },
    'a test': async () => {
      await person.presses('Test');
      await looks('account-test');
      await person.presses('Test the account');
      await person.reads(/Going on|Done|Not done/);
      await eventually('the end of the test', async () => { if (!scripts) await person.page.reload(); return !(await person.text()).includes('Going on'); });
      await person.reads('Done');
      await looks('account-tested');
      await person.fills({ 'Send a test message to': mailbox });
      await person.presses('Send it');
      await eventually('the end of the message', async () => { if (!scripts) await person.page.reload(); return (await person.text()).includes('own answer'); });
      await person.reads(/250 2\.0\.0/);
      await looks('account-sent');
    },
    'another password': async () => {
      await person.opens('password');
      await looks('password');
      await person.fills({ 'Password until now': PASSWORD, 'New password': `${PASSWORD} indeed`, 'New password again': `${PASSWORD} indeed` });
      await person.presses('Change the password');
      await person.reads('The password is changed');
    },
    'what does not exist': async () => {
      person.expects(/status of 404/);
      await person.opens('tokens/none-such');
      await looks('not-found');
    },
    'an API key': async () => {
      await person.opens('keys');
      await looks('keys');
    },
  });
}
