// A play's stage: the browser, the people in front of it, and what nobody may ever see there.
//   GATEPOST_STAGE   JSON: addresses, ports and directories (tests/browser/stage.rs)
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const stage = JSON.parse(process.env.GATEPOST_STAGE);
export const load = createRequire(`${stage.modules}/`);
const { chromium } = load('playwright-core');
const axe = fs.readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');

// Nothing on a page takes longer, also on a slow and busy machine.
const PATIENCE = 60_000;
// No play does.
setTimeout(() => { console.error('the play takes too long'); process.exit(1); }, 1_200_000).unref();

// Those without which it looks for Google, and for a sandbox that root has not.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const people = [];
let browser;

export function check(holds, otherwise) {
  if (!holds) throw new Error(typeof otherwise === 'string' ? otherwise : JSON.stringify(otherwise));
}

export function same(found, wanted, what = '') {
  check(JSON.stringify(found) === JSON.stringify(wanted), `${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

// What is asked of a page that is just being left has no answer yet.
const LEAVING = /Execution context was destroyed|Cannot find context/;

// Waits until this is so, and returns it.
export async function eventually(what, is, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await Promise.resolve(is()).catch((fault) => { if (!LEAVING.test(fault.message)) throw fault; });
    if (found) return found;
    check(Date.now() < end, `${what}: not in ${patience / 1000} s`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

// What the OAuth server's test address answers.
export async function ask(request) {
  const response = await fetch(stage.ask + request);
  check(response.ok, `${request}: ${response.status}`);
  return response.text();
}

// A command beside the service, as its administrator may run it.
export const command = (args, input = '') => execFileSync(stage.program, [...args, '--config', 'gatepost.toml'], { cwd: stage.directory, input, encoding: 'utf8' });

// The service's log and whatever else it said to standard error.
// What it says beside its log: the one-time link.
export const said = () => fs.readFileSync(path.join(stage.directory, 'said'), 'utf8');
export const log = () => fs.readFileSync(path.join(stage.directory, 'log'), 'utf8');

// A label, which may say that the field is required.
const labelled = (label) => new RegExp(`^\\s*${label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*(\\(required\\))?\\s*$`);

// Somebody in front of a browser of their own.
export class Person {
  // `settings` are Playwright's for a context: javaScriptEnabled, viewport and so on.
  static async enters(settings = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'], ...settings });
    context.setDefaultTimeout(PATIENCE);
    const person = new Person(context, await context.newPage(), settings);
    people.push(person);
    return person;
  }

  constructor(context, page, { javaScriptEnabled = true } = {}) {
    Object.assign(this, { context, page, alarms: [], expected: [/status of (409|410|422)/, new RegExp(`at ${stage.oauth}`)], scripts: javaScriptEnabled });
    // A form that is refused is no alarm, nor is a secret that is gone.
    // What markup that got through would do: show a dialog, break a policy, ask elsewhere, stop with an error.
    const alarm = (text) => { if (!this.expected.some((pattern) => pattern.test(text))) this.alarms.push(text); };
    context.on('dialog', (dialog) => { alarm(`a dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
    context.on('weberror', (error) => alarm(`an error of a script: ${error.error()}`));
    context.on('console', (message) => { if (['error', 'warning'].includes(message.type())) alarm(`${message.type()} at ${message.page()?.url()}: ${message.text()}`); });
    context.on('request', (request) => { if (!/^(https?:\/\/(localhost|127\.0\.0\.1)[:/]|data:|about:|blob:)/.test(request.url())) alarm(`asked elsewhere: ${request.url()}`); });
  }

  // These alarms are what the play is about.
  expects(...patterns) { this.expected.push(...patterns); }

  // Opens a page of the service.
  async opens(address = '') { return this.page.goto(new URL(address, stage.url).href); }

  async text() { return (await this.page.locator('body').innerText()).replace(/\s+/g, ' '); }

  async reads(...parts) {
    for (const part of parts) {
      const is = (text) => (part instanceof RegExp ? part.test(text) : text.includes(part));
      await eventually(`"${part}" at ${this.page.url()}`, async () => is(await this.text()), 90_000).catch(async (error) => { throw new Error(`${error.message}; the page says: ${await this.text()}`); });
    }
  }

  // Fills in a form as its labels say: text, a choice, or true and false for a box.
  async fills(fields, within = this.page) {
    for (const [label, value] of Object.entries(fields)) {
      const field = within.getByLabel(labelled(label)).first();
      if (typeof value === 'boolean') await field.setChecked(value);
      else if ((await field.evaluate((element) => element.tagName)) === 'SELECT') await field.selectOption(value);
      else await field.fill(value);
    }
  }

  // Presses a button or follows a link of that name.
  async presses(name, within = this.page) {
    const exact = typeof name === 'string';
    await within.getByRole('button', { name, exact }).or(within.getByRole('link', { name, exact })).first().click();
    await this.page.waitForLoadState();
  }

  // The page in light and dark: a picture of each, and no violation that axe knows; and nothing to scroll sideways on a phone.
  async looks(name) {
    const { page } = this;
    await page.waitForLoadState();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const violations = await this.violations();
      await page.screenshot({ path: path.join(stage.screenshots, `${name}-${colorScheme}.png`), fullPage: true });
      check(violations.length === 0, `axe at ${page.url()} (${name}, ${colorScheme}):\n${violations.join('\n')}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
    const before = page.viewportSize();
    await page.setViewportSize({ width: 360, height: 740 });
    const wide = await page.evaluate(() => {
      const root = document.documentElement;
      const culprits = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1);
      return root.scrollWidth > root.clientWidth ? `${root.scrollWidth} px: ${culprits.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)).join('\n')}` : '';
    });
    await page.screenshot({ path: path.join(stage.screenshots, `${name}-phone.png`), fullPage: true });
    await page.setViewportSize(before);
    check(!wide, `${name} scrolls sideways at 360 px: ${wide}`);
    this.isQuiet();
  }

  async violations() {
    if (!this.scripts) return [];
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return found.violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `    ${node.html.slice(0, 200)} ${node.failureSummary.replace(/\s+/g, ' ')}`).join('\n')}`);
  }

  // Nothing has gone off so far.
  isQuiet() { same(this.alarms, [], 'alarms'); }

  // On the OAuth server's pages: signs in as this mailbox, if asked, and decides.
  async consents(mailbox, decision = 'Accept') {
    const { page } = this;
    const login = page.locator('input[name=login]');
    const decide = page.getByRole('button', { name: decision, exact: true });
    await login.or(decide).first().waitFor();
    if (await login.isVisible()) {
      await login.fill(mailbox);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    }
    await decide.click();
    await page.waitForLoadState();
  }

  // The same, but the browser never gets to the address that it is sent back to, which is returned.
  async consentsElsewhere(mailbox) {
    const { page } = this;
    const login = page.locator('input[name=login]');
    const accept = page.getByRole('button', { name: 'Accept', exact: true });
    await login.or(accept).first().waitFor();
    if (await login.isVisible()) {
      await login.fill(mailbox);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    }
    await accept.waitFor();
    const { request } = this.context;
    let answer = await request.post(page.url(), { form: { consent: 'yes' }, maxRedirects: 0 });
    for (;;) {
      const to = new URL(answer.headers().location, answer.url()).href;
      if (to.startsWith(stage.url)) return to;
      answer = await request.get(to, { maxRedirects: 0 });
    }
  }
}

// Plays these scenes in order; what comes to nothing leaves a picture and the page.
export async function play(scenes) {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  let now;
  try {
    for (const [name, scene] of Object.entries(scenes)) {
      now = name;
      const begun = Date.now();
      await scene();
      people.forEach((person) => person.isQuiet());
      console.log(`ok   ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    }
  } catch (error) {
    console.log(`FAIL ${now}\n${error.stack}`);
    await Promise.all(people.map(leftBehind));
    process.exitCode = 1;
  }
  await browser.close();
  // Whatever else the play has opened ends with it.
  process.exit();
}

async function leftBehind({ page, alarms }, number) {
  const file = path.join(stage.screenshots, `failed-${stage.name}-${number}`);
  console.log(`person ${number} at ${page.url()}; alarms: ${JSON.stringify(alarms)}; see ${file}.png`);
  await page.screenshot({ path: `${file}.png` }).catch(() => {});
  fs.writeFileSync(`${file}.html`, await page.content().catch(String));
}
