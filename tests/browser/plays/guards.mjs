// What other sites, other people and the clock may not do to an administrator who is signed in.
import { crawl, forms } from '../crawl.mjs';
import { signsIn } from '../deeds.mjs';
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
  },
  'nobody else sees anything': async () => {
    const stranger = await Person.enters();
    for (const section of ['', 'tokens', 'accounts', 'sessions', 'events', 'audit', 'keys', 'tokens/add', 'accounts/add']) {
      await stranger.opens(section);
      check(new URL(stranger.page.url()).pathname.endsWith('/sign-in'), `${section} leads a stranger to ${stranger.page.url()}`);
    }
  },
  'every form that changes something': async () => {
    await crawl(person, async () => {
      for (const form of await forms(person.page)) if (!form.action.endsWith('/sign-out')) found.set(form.action, form);
    });
    check(found.size > 0, 'there is no form at all');
  },
  'a form of a foreign page changes nothing': async () => {
    person.expects(refusals);
    for (const form of found.values()) {
      elsewhere.sends(form);
      for (const site of [elsewhere.sameSite, elsewhere.crossSite]) {
        await person.page.goto(`${site}/form`);
        const [answer] = await Promise.all([person.page.waitForResponse((response) => response.request().method() === 'POST'), person.page.click('button')]);
        const refused = answer.status() === 403 || (answer.status() === 303 && answer.headers().location?.includes('/sign-in'));
        check(refused, `${form.action} took a form of ${site}: ${answer.status()}`);
      }
    }
  },
  'nor one of ours with the token of somebody else': async () => {
    for (const { action, fields } of found.values()) {
      const body = new URLSearchParams(fields.filter(([name]) => name !== 'csrf')).toString();
      await person.opens('');
      for (const token of ['', '&csrf=', '&csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']) {
        const status = await person.page.evaluate(async ([url, data]) => (await fetch(url, { method: 'POST', body: data, headers: { 'content-type': 'application/x-www-form-urlencoded' }, redirect: 'manual' })).status, [action, body + token]);
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
  'who is signed out in the middle of a form is told so': async () => {
    await signsIn(person);
    await person.opens('tokens/add');
    const field = person.page.locator('main form input[type=text]').first();
    await field.fill('typed in vain');
    await person.context.clearCookies();
    await person.page.locator('main form[method=post] button:not([type=button])').last().click();
    await person.reads(/not signed in any more/i, /what you sent was not done|not saved/i);
    await person.looks('signed-out-meanwhile');
  },
  'the elsewhere is closed': async () => elsewhere.close(),
});
