// How long the service takes for each page with 500 tokens and 2,000 accounts, and what 10,000 events a minute do to it.
import http from 'node:http';
import net from 'node:net';
import { signsIn } from '../deeds.mjs';
import { Person, check, eventually, play, same, stage } from '../stage.mjs';

const GOAL = 50; // ms on the server
const ROUNDS = 30;
const EVENTS_A_MINUTE = 10_000;
const SECONDS = 30;
const PAGES = ['', 'tokens', 'tokens?q=token-04', 'tokens?page=3', 'tokens/token-0123', 'tokens/token-0123/edit', 'tokens/add', 'accounts', 'accounts?q=account-19', 'accounts?page=20', 'accounts/account-1234', 'accounts/add', 'sessions', 'events', 'audit', 'keys', 'api/v1/tokens', 'api/v1/accounts', 'sign-in'];

let person;
let cookie;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const get = (address) => new Promise((resolve, reject) => {
  const begun = process.hrtime.bigint();
  http.get(new URL(address, stage.url), { agent, headers: { cookie, accept: 'text/html' } }, (answer) => {
    let octets = 0;
    answer.on('data', (chunk) => { octets += chunk.length; });
    answer.on('end', () => resolve({ status: answer.statusCode, octets, ms: Number(process.hrtime.bigint() - begun) / 1e6 }));
  }).on('error', reject);
});

async function measure(title) {
  const slow = [];
  console.log(`${title}\n${'page'.padEnd(28)} status   KiB  median ms   worst ms`);
  for (const page of PAGES) {
    await get(page);
    const answers = [];
    for (let round = 0; round < ROUNDS; round += 1) answers.push(await get(page));
    const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
    const [median, worst] = [times[ROUNDS >> 1], times.at(-1)];
    console.log(`/${page.padEnd(27)} ${answers[0].status} ${(answers[0].octets / 1024).toFixed(0).padStart(7)} ${median.toFixed(1).padStart(10)} ${worst.toFixed(1).padStart(10)}`);
    if (median > GOAL) slow.push(`/${page}: ${median.toFixed(1)} ms`);
  }
  return slow;
}

// Logins that are refused without work: the password is remembered, and the token waits for a consent. Returns how many.
function knock() {
  return new Promise((resolve) => {
    const socket = net.connect(stage.pop3, '127.0.0.1');
    let refused = 0;
    const say = () => socket.write(`USER account-0000\r\nPASS ${stage.password}\r\n`);
    socket.once('data', say);
    socket.on('data', (chunk) => {
      if (!String(chunk).includes('-ERR')) return;
      refused += 1;
      if (refused < 4) say(); else socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(refused));
  });
}

await play({
  'the crowd is there': async () => {
    person = await Person.enters();
    await signsIn(person);
    const { value, name } = (await person.context.cookies()).find((one) => one.name.includes('gatepost'));
    cookie = `${name}=${value}`;
    await eventually('2,000 accounts', async () => { await person.opens('accounts'); return /2,?000/.test(await person.text()); }, 60_000);
  },
  'each page': async () => same(await measure('quiet'), [], `over ${GOAL} ms`),
  'each page while events come': async () => {
    await person.opens('events');
    await person.page.evaluate(() => {
      globalThis.gaps = []; let last = performance.now();
      setInterval(() => { const now = performance.now(); globalThis.gaps.push(now - last); last = now; }, 50);
    });
    let running = true; let events = 0;
    const begun = Date.now();
    const source = (async () => {
      while (running) {
        const due = ((Date.now() - begun) / 60_000) * EVENTS_A_MINUTE;
        if (events < due) events += (await Promise.all([knock(), knock()])).reduce((a, b) => a + b);
        else await new Promise((resolve) => { setTimeout(resolve, 20); });
      }
    })();
    await new Promise((resolve) => { setTimeout(resolve, 3000); });
    const slow = await measure('with events');
    await new Promise((resolve) => { setTimeout(resolve, Math.max(0, SECONDS * 1000 - (Date.now() - begun))); });
    running = false;
    await source;
    const rate = (events / (Date.now() - begun)) * 60_000;
    const { rows, worst } = await person.page.evaluate(() => ({ rows: document.querySelectorAll('main tbody tr').length, worst: Math.max(...globalThis.gaps) }));
    console.log(`${rate.toFixed(0)} events a minute; the page has ${rows} rows, and its longest pause was ${worst.toFixed(0)} ms`);
    check(rate > EVENTS_A_MINUTE * 0.9, `only ${rate.toFixed(0)} events a minute`);
    check(rows > 0 && rows <= 1000, `${rows} rows`);
    same(slow, [], `over ${GOAL} ms`);
  },
});
