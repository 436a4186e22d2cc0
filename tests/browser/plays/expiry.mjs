// A session that has really ended, in the middle of forms: who sends one is told that nothing was done, and where to go on.
import { addsAccount, getsToken, registers, shown, signsIn } from '../deeds.mjs';
import { Person, check, eventually, play, stage } from '../stage.mjs';

// session_idle_seconds of this stage, and a little.
const IDLE = 62_000;
const forms = [
  ['tokens/add', { Name: 'typed-token', Mailbox: 'typed@example.test' }, 'Add the token'],
  ['accounts/add', { 'User name': 'typed-account' }, 'Add the account'],
  ['keys', { Name: 'typed-key' }, 'Make the key'],
  ['accounts/kept/edit', { 'Other user names': 'typed-alias' }, 'Save'],
];
const people = [];
let looker;

await play({
  'forms are filled in': async () => {
    for (const javaScriptEnabled of [true, false]) {
      for (const [address, fields, button] of forms) {
        const person = await Person.enters({ javaScriptEnabled });
        // What is typed is judged by a script, which is told that nobody is signed in.
        person.expects(/status of 401/);
        await signsIn(person);
        if (!people.length) await addsAccount(person, 'kept', 'right');
        await person.opens(address);
        await person.fills(fields);
        people.push({ person, address, fields, button });
      }
    }
    looker = await Person.enters();
    looker.expects(/status of 401/);
    await signsIn(looker);
    await looker.opens('events');
    await looker.reads('New events appear here by themselves');
  },
  'somebody else is at work meanwhile': async () => {
    const other = await Person.enters();
    await signsIn(other);
    const end = Date.now() + IDLE;
    while (Date.now() < end) {
      await other.opens('tokens');
      await other.page.waitForTimeout(4_000);
    }
    await other.reads('right');
  },
  'a page that is only looked at says so': async () => {
    await looker.reads(/not signed in any more/);
  },
  'who types on is told so before it is sent': async () => {
    const { person } = people[0];
    await person.page.getByLabel(/^Name/).press('End');
    await person.page.keyboard.type('x');
    await person.reads(/not signed in any more/i);
    await person.looks('form-expired');
  },
  'who sends a form is told that it was not done': async () => {
    for (const { person, button } of people) {
      await person.presses(button);
      await person.reads(/not signed in any more/i, /what you sent was not done/i);
      await person.fills({ Password: stage.password });
      await person.presses('Sign in');
      await person.page.getByRole('navigation', { name: 'Sections' }).waitFor();
    }
  },
  'and it was not': async () => {
    const { person } = people[0];
    for (const section of ['tokens', 'accounts', 'keys', 'accounts/kept']) {
      await person.opens(section);
      check(!/typed-/.test(await person.text()), `${section}: ${await person.text()}`);
    }
  },
});
