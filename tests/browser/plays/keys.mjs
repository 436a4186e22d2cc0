// Keys that are made on their page: each opens its part of the API, and no other.
import { addsAccount, signsIn } from '../deeds.mjs';
import { Person, check, play, same, stage } from '../stage.mjs';

const CALLS = {
  read: ['GET', 'tokens', 200],
  authorize: ['POST', 'tokens/right/authorizations', 201],
  test: ['POST', 'accounts/keyed/test', 202],
  manage: ['POST', 'accounts/keyed/disable', 204],
};
const keys = {};
let person;

const call = (key, method, address, more = {}) => fetch(new URL(`api/v1/${address}`, stage.url), { method, headers: { ...(key && { authorization: `Bearer ${key}` }), ...(method === 'POST' && { 'content-type': 'application/json' }), ...more }, body: method === 'POST' ? '{}' : undefined });

async function makes(name, ...scopes) {
  await person.opens('keys');
  await person.fills({ Name: name });
  for (const scope of scopes) await person.page.locator(`input[name=scopes][value=${scope}]`).check();
  await person.presses('Make the key');
  await person.reads('Copy it now');
  return (await person.page.getByLabel('API key', { exact: true }).textContent()).trim();
}

await play({
  'a key of each scope': async () => {
    person = await Person.enters();
    await signsIn(person);
    await addsAccount(person, 'keyed', 'right');
    for (const scope of Object.keys(CALLS)) keys[scope] = await makes(scope, scope);
  },
  'opens its part and no other': async () => {
    for (const [scope, key] of Object.entries(keys)) {
      for (const [part, [method, address]] of Object.entries(CALLS)) {
        const answer = await call(key, method, address);
        const said = await answer.text();
        if (part === scope) check(answer.status < 300, `${scope} at ${address}: ${answer.status} ${said}`);
        else {
          same(answer.status, 403, `${scope} at ${address}: ${said}`);
          check(said.includes(part), `${scope} at ${address}: ${said}`);
        }
      }
    }
  },
  'a key in an address or a cookie is none': async () => {
    same((await call('', 'GET', `tokens?key=${keys.read}`)).status, 401);
    same((await call('', 'GET', 'tokens', { cookie: `gatepost=${keys.read}` })).status, 401);
    person.expects(/status of 401/);
    const status = await person.page.evaluate(async (url) => (await fetch(url)).status, new URL('api/v1/tokens', stage.url).href).catch(String);
    same(status, 401, 'an administrator\'s cookie on the API');
  },
  'names of one or two points': async () => {
    for (const name of ['.', '..', 'a/b']) {
      await addsAccount(person, name, 'right');
      const listed = await (await call(keys.read, 'GET', 'accounts')).json();
      check(JSON.stringify(listed).includes(JSON.stringify(name)), `${name} is not listed: ${JSON.stringify(listed)}`);
    }
    same((await call(keys.read, 'GET', 'accounts/a%2Fb')).status, 200);
  },
  'a key that is removed opens nothing': async () => {
    await person.opens('keys');
    await person.reads('read', 'never');
    await person.looks('keys-several');
    await person.page.getByRole('link', { name: 'Remove read' }).click();
    await person.presses('Remove the key');
    same((await call(keys.read, 'GET', 'tokens')).status, 401);
    await person.opens('audit');
    await person.reads('key manage', 'account.disabled');
    await person.looks('audit-keys');
  },
});
