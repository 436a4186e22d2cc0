// What administrators do on the pages, as people do it.
import { ask, check, eventually, said, stage } from './stage.mjs';

export const PASSWORD = 'a good and long password';

// The one-time link, as the first start prints it.
export const link = () => eventually('the one-time link', () => said().match(/https?:\/\/\S+\/setup\?code=[\w-]+/g)?.at(-1));

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

// Has the OAuth server take this redirect URI, as its administrator would who copied it from the page.
export const registers = (redirect, client = 'web') => ask(`/redirect?client=${client}&uri=${encodeURIComponent(redirect)}`);

// What stands beside a copy button.
export const shown = async ({ page }, label) => (await page.getByLabel(label, { exact: true }).first().textContent()).trim();

// From a token's page through the provider's, and back to it.
export async function getsToken(person, mailbox, decision = 'Accept') {
  await person.presses('Get token');
  await reachesProvider(person);
  await person.consents(mailbox, decision);
  await person.page.waitForURL((url) => url.href.startsWith(stage.url));
}

// By itself, or by its link: whichever is quicker. A click is never left waiting: it would follow such a link on a later page.
export async function reachesProvider({ page }) {
  const link = page.getByRole('link', { name: /^Continue to/ });
  await eventually('the provider\'s page', async () => {
    const pressed = (await link.isVisible()) && (await link.click({ timeout: 1_000, noWaitAfter: true }).then(() => true, () => false));
    // Not pressed again while the page that it leads to is on its way.
    if (pressed) await page.waitForURL((url) => url.href.startsWith(stage.oauth), { timeout: 10_000 }).catch(() => {});
    return page.url().startsWith(stage.oauth);
  });
  await page.waitForLoadState();
}

// An account with a password that is made up; returns the password.
export async function addsAccount(person, name, token) {
  await person.opens('accounts/add');
  await person.fills({ 'User name': name, Token: token });
  await person.presses('Add the account');
  await person.reads('It is shown this once');
  return shown(person, 'Password');
}

// Presses a button twice, as fast as a nervous hand.
export async function doublePresses({ page }, name) {
  const button = page.getByRole('button', { name, exact: typeof name === 'string' }).first();
  await button.waitFor();
  // Before the style sheet has come, it is not yet where it will be.
  await page.waitForLoadState();
  const answered = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await Promise.all([answered, button.dblclick()]);
  // The second may go out after the answer to the first.
  await page.waitForTimeout(300);
  await page.waitForLoadState();
}

// A token that is typed in; ends on its page.
export async function addsToken(person, { name, mailbox, client, secret }, looks = () => {}) {
  await person.opens('tokens/add');
  await looks('tokens-add');
  await person.fills({ Name: name, Type: 'real', Mailbox: mailbox, 'Client ID': client, 'The app proves itself by': 'client_secret', 'Client secret': secret });
  await person.presses('Add the token');
  await eventually('the token\'s page', () => person.page.url() === `${stage.url}tokens/${name}`);
  check(!(await person.page.content()).includes(secret), 'the client secret is shown');
}
