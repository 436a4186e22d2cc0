// From the first start to the first message, by someone who never touches a terminal again.
import { PASSWORD, link, setsPassword, signsIn } from '../deeds.mjs';
import { Person, play } from '../stage.mjs';

let person;
await play({
  'before the password': async () => {
    person = await Person.enters();
    await person.opens('');
    await person.looks('no-password');
    await person.page.goto(await link());
    await person.looks('setup');
  },
  'the first password': async () => {
    await setsPassword(person);
    await person.looks('overview-empty');
  },
  'sign out and in': async () => {
    await person.presses('Sign out');
    await person.looks('sign-in');
    await signsIn(person, PASSWORD);
  },
});
