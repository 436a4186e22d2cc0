// Markup in every name and every text that others choose. Any script that runs, any policy that is broken, any request to
// elsewhere sets the alarm off (stage.mjs).
import net from 'node:net';
import { crawl, kind } from '../crawl.mjs';
import { reachesProvider, signsIn } from '../deeds.mjs';
import { HOSTILE, mailServers, provider } from '../hostile.mjs';
import { Person, check, eventually, play, same, stage } from '../stage.mjs';

let person;
let text = HOSTILE[0];
let server;
let mail;
const at = (name) => `tokens/${encodeURIComponent(name)}`;

// A login by POP3 that fails: its user name stands in an event.
const knocks = (user) => new Promise((resolve) => {
  const socket = net.connect(stage.pop3, '127.0.0.1', () => socket.write(`USER ${user}\r\nPASS wrong\r\nQUIT\r\n`));
  socket.on('data', () => {});
  socket.on('close', resolve);
});

// One by IMAP: what was typed as a user name stands in an event, too.
const knocksAtImap = (user) => new Promise((resolve) => {
  const octets = Buffer.from(user);
  const socket = net.connect(stage.imap, '127.0.0.1');
  let asked = false;
  socket.on('data', (data) => {
    if (!asked) socket.write(`a LOGIN {${octets.length}}\r\n`);
    else if (data.toString().startsWith('+')) { socket.write(Buffer.concat([octets, Buffer.from(' "wrong"\r\n')])); }
    else socket.end();
    asked = true;
  });
  socket.on('close', resolve);
});

await play({
  'an administrator signs in': async () => {
    server = await provider(() => text);
    mail = await mailServers(() => text);
    person = await Person.enters();
    await signsIn(person);
    for (const name of HOSTILE) await knocks(name);
  },
  'names in the file are shown as they are': async () => {
    await person.opens('tokens');
    await person.reads(...HOSTILE.filter((name) => !/\s/.test(name)));
    await person.looks('markup-tokens');
    await person.opens('accounts');
    await person.reads(...HOSTILE.filter((name) => !/\s/.test(name)).map((name) => name.toLowerCase().slice(0, 12)).filter(Boolean).slice(0, 0));
    await person.looks('markup-accounts');
  },
  'every page of every name': async () => {
    const kinds = new Map();
    await crawl(person, async (address, answer) => {
      check(answer.status() < 400, `${address}: ${answer.status()}`);
      if (kinds.has(kind(address))) return;
      kinds.set(kind(address), address);
      const violations = await person.violations();
      same(violations, [], `axe at ${address}`);
    });
    check(kinds.size > 10, `only ${[...kinds.keys()]}`);
  },
  'a token of every name leads to its own page': async () => {
    for (const name of HOSTILE) {
      await person.opens('tokens');
      const link = person.page.locator('tbody th a').filter({ hasText: name });
      same(await link.count(), 1, `links to ${name}`);
      await link.click();
      await eventually(`the page of ${name}`, async () => (await person.page.locator('h1').textContent()).includes(name));
    }
  },
  'a provider that answers markup': async () => {
    for (text of HOSTILE) {
      await person.opens(at(text));
      await person.presses('Get token');
      await person.page.waitForURL((url) => url.href.startsWith(stage.url) && !url.pathname.endsWith('/authorize'));
      await eventually('the result', async () => /Next step|Not done|Mind/.test(await person.text()));
      person.isQuiet();
    }
    await person.looks('markup-refused');
  },
  'other user names and labels of accounts': async () => {
    for (const name of HOSTILE) {
      await person.opens('accounts');
      await person.page.locator('tbody th a').filter({ hasText: name }).first().click();
      await person.page.waitForLoadState();
      check((await person.page.content()).includes('too'), `no other user name at ${person.page.url()}`);
      check((await person.page.locator('tbody th').allTextContents()).includes(name), `no label ${name}`);
    }
    await person.looks('markup-account');
  },
  'mail servers that refuse with markup': async () => {
    for (text of HOSTILE) {
      await person.opens('accounts/post/test');
      await person.presses('Test the account');
      await eventually('the end of the test', async () => /Next step/.test(await person.text()) && !(await person.text()).includes('Going on'));
      check((await person.text()).includes(text.replace(/[\u202e\u2066]/g, '').slice(0, 6)), `the words of the server are not shown: ${await person.text()}`);
      person.isQuiet();
    }
    await person.looks('markup-test-refused');
    await person.opens('accounts/post/test');
    await person.fills({ 'Send a test message to': 'post@example.test' });
    await person.presses('Send it');
    await eventually('the end of the message', async () => /Next step/.test(await person.text()) && !(await person.text()).includes('Going on'));
    await person.looks('markup-message-refused');
  },
  'keys of every name': async () => {
    for (const name of HOSTILE) {
      await person.opens('keys');
      await person.fills({ Name: name });
      await person.page.locator('input[name=scopes][value=read]').check();
      await person.presses('Make the key');
      if ((await person.text()).includes('Nothing was saved')) continue;
      await person.reads('Copy it now');
      person.isQuiet();
    }
    await person.opens('keys');
    await person.looks('markup-keys');
    const links = await person.page.getByRole('link', { name: /^Remove/ }).evaluateAll((found) => found.map((a) => a.href));
    check(links.length > 3, `only ${links.length} keys`);
    for (const link of links) {
      await person.page.goto(link);
      await person.presses('Remove the key');
      await person.reads('is removed');
    }
  },
  'in events and in the trail': async () => {
    for (const address of ['events', 'audit', 'sessions', '', `events?account=${encodeURIComponent(HOSTILE[1])}&token=${encodeURIComponent(HOSTILE[1])}`, `accounts?q=${encodeURIComponent(HOSTILE[1])}`, `tokens?q=${encodeURIComponent(HOSTILE[7])}`]) {
      await person.opens(address);
      await person.page.waitForTimeout(200);
      person.isQuiet();
    }
    await person.opens('events');
    await Promise.all([...HOSTILE.map(knocks), ...HOSTILE.map(knocksAtImap)]);
    await person.reads('session.login_failed');
    await person.page.waitForTimeout(1500);
    await person.looks('markup-events');
  },
  'in addresses of ours': async () => {
    person.expects(/status of 4\d\d/);
    for (const name of HOSTILE) {
      for (const address of [`${at(`${name}x`)}`, `accounts/${encodeURIComponent(`${name}x`)}`, `nothing/${encodeURIComponent(name)}`, `sign-in?next=${encodeURIComponent(name)}`, `sessions?q=${encodeURIComponent(name)}`, `audit?before=${encodeURIComponent(name)}`, `tokens?page=${encodeURIComponent(name)}`, `setup?code=${encodeURIComponent(name)}`]) await person.opens(address);
    }
  },
  'typed into forms': async () => {
    for (const section of ['tokens/add', 'accounts/add', 'keys']) {
      for (const name of HOSTILE.slice(0, 3)) {
        await person.opens(section);
        for (const field of await person.page.locator('main form[method=post] input[type=text], main form[method=post] textarea, main form[method=post] input[type=url], main form[method=post] input[type=email]').all()) {
          if (await field.isVisible()) await field.fill(name);
        }
        await person.page.waitForTimeout(600);
        const form = person.page.locator('main form[method=post]').first();
        await form.evaluate((element) => { element.noValidate = true; });
        await form.locator('button:not([type=button])').last().click();
        await person.page.waitForLoadState();
      }
    }
  },
  'the end': async () => { for (const one of [server, ...mail]) one.close(); },
});
