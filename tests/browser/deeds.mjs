// What administrators do on the pages, as people do it.
import { check, eventually, log, stage } from './stage.mjs';

export const PASSWORD = 'a good and long password';

// The one-time link, as the first start prints it.
export const link = () => eventually('the one-time link', () => log().match(/https?:\/\/\S+\/setup\?code=[\w-]+/g)?.at(-1));

export async function setsPassword(person, password = PASSWORD) {
  await person.page.goto(await link());
  await person.fills({ 'New password': password, 'New password again': password });
  await person.presses('Set the password');
  await isIn(person);
}

export async function signsIn(person, password = stage.password) {
  await person.opens('sign-in');
  await person.fills({ Password: password });
  await person.presses('Sign in');
  await isIn(person);
}

async function isIn({ page }) {
  await page.getByRole('navigation', { name: 'Sections' }).waitFor();
  check(page.url().startsWith(stage.url), `not at home: ${page.url()}`);
}
