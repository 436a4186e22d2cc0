// What goes wrong on the way to a token, and what the pages then say.
import { doublePresses, getsToken, reachesProvider, registers, shown, signsIn } from '../deeds.mjs';
import { Person, ask, check, eventually, play, same, stage } from '../stage.mjs';

let person;
let back;
const at = (name) => person.opens(`tokens/${name}`);
// Others sign in as the client `web` at the same time; the redirect URI is this stage's own.
const redeemed = async () => Number(await ask(`/requests?client=${encodeURIComponent(`${stage.url}oauth/callback`)}`));
const isBack = (name) => eventually(`the page of ${name}`, () => person.page.url().startsWith(`${stage.url}tokens/${name}`));

await play({
  'an administrator signs in': async () => {
    person = await Person.enters();
    await signsIn(person);
    await at('right');
    for (const client of ['web', 'expired']) await registers(await shown(person, 'Redirect URI'), client);
  },
  'consent is declined': async () => {
    await getsToken(person, 'right@example.test', 'Decline');
    await isBack('right');
    await person.reads(/access_denied|declined/i, 'Next step');
    await person.looks('consent-declined');
  },
  'the wrong account signs in': async () => {
    await person.context.clearCookies({ domain: 'localhost', name: /^_(session|interaction|grant)/ });
    await at('right');
    await getsToken(person, 'wrong@example.test');
    await isBack('right');
    await person.reads('wrong@example.test', 'right@example.test', 'Next step');
    await person.looks('consent-wrong-account');
  },
  'the right one signs in, after two clicks at once': async () => {
    await person.context.clearCookies({ domain: 'localhost', name: /^_(session|interaction|grant)/ });
    await at('right');
    await doublePresses(person, 'Get token');
    await reachesProvider(person);
    person.page.on('request', (request) => { if (request.url().includes('/oauth/callback')) back = request.url(); });
    await person.consents('right@example.test');
    await isBack('right');
    await person.reads('right@example.test', /authorized|good/i);
  },
  'back and forth after it changes nothing': async () => {
    const before = await redeemed();
    check(before > 0, 'no code was redeemed');
    await person.page.goBack();
    await person.page.goBack().catch(() => {});
    await at('right');
    await person.page.reload();
    await person.reads(/good|authorized/i);
    same(await redeemed(), before, 'redeemed codes');
  },
  'an answer that was used': async () => {
    person.expects(/status of 40\d/);
    await person.page.goto(back);
    await person.reads(/used|under way/);
    await at('right');
    await person.reads(/good|authorized/i);
  },
  'a forged answer': async () => {
    await person.opens('oauth/callback?code=f0rged&state=f0rged');
    await person.reads(/under way/);
    await person.looks('consent-forged');
  },
  'an answer in somebody else\'s browser': async () => {
    await at('other');
    await person.presses('Get token');
    await reachesProvider(person);
    const answer = await person.consentsElsewhere('other@example.test');
    const thief = await Person.enters();
    thief.expects(/status of 40\d/);
    await thief.page.goto(answer);
    check(!/is authorized|Done:/.test(await thief.text()), await thief.text());
    await at('other');
    await person.reads('Nobody has signed in for it yet');
  },
  'a client secret that has expired': async () => {
    await at('expired');
    await getsToken(person, 'expired@example.test');
    await isBack('expired');
    await person.reads(/secret/, 'Next step');
    await person.looks('consent-expired-secret');
  },
  'a code for another device': async () => {
    await at('device');
    await person.presses(/^Get token$/);
    const code = (await person.page.locator('#user-code').textContent()).trim();
    await person.looks('consent-device');
    const other = await Person.enters();
    await other.page.goto(`${stage.oauth}/device`);
    await other.page.locator('input[name=user_code]').fill(code);
    await other.page.getByRole('button', { name: 'Continue' }).click();
    await other.page.getByRole('button', { name: 'Continue' }).click();
    await other.consents('device@example.test');
    await person.reads('device@example.test', /Done|good/);
    await person.looks('consent-device-done');
  },
  'an answer that is pasted': async () => {
    await person.context.clearCookies({ domain: 'localhost', name: /^_(session|interaction|grant)/ });
    await person.opens('tokens/other/authorize');
    await person.presses('Use a browser elsewhere');
    const address = await shown(person, 'Address');
    await person.looks('consent-paste');
    const other = await Person.enters();
    await other.page.goto(address);
    const answer = await other.consentsElsewhere('other@example.test');
    await person.page.locator('section[aria-labelledby=paste] input, section[aria-labelledby=paste] textarea').last().fill(answer);
    await person.presses('Take this answer');
    await person.reads('other@example.test', /authorized|good|Done/i);
    await person.looks('consent-pasted');
  },
});
