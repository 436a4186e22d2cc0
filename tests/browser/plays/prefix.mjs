// Behind reverse proxies, below a path.
import { PASSWORD, addsAccount, addsToken, getsToken, registers, setsPassword, shown, signsIn } from '../deeds.mjs';
import { proxy } from '../proxy.mjs';
import { crawl } from '../crawl.mjs';
import { Person, check, eventually, play, same, stage } from '../stage.mjs';

let person;
let server;
await play({
  'a proxy that keeps the prefix and the name': async () => {
    server = await proxy({ cut: false, ownHost: false });
    person = await Person.enters();
    await setsPassword(person);
    await addsToken(person, { name: 'kept', mailbox: 'kept@example.test', client: 'web', secret: 'web-s3cret' });
    const redirect = await shown(person, 'Redirect URI');
    same(redirect, `${stage.url}oauth/callback`);
    await registers(redirect);
    await getsToken(person, 'kept@example.test');
    await eventually('the token\'s page', () => person.page.url().startsWith(`${stage.url}tokens/kept`));
    await addsAccount(person, 'kept-program', 'kept');
    await crawl(person, async (address, answer) => check(answer.ok(), `${address}: ${answer.status()}`));
    await person.presses('Sign out');
    await person.page.waitForLoadState('networkidle');
    server.close();
    server.closeAllConnections();
  },
  'one that cuts it off, and names itself': async () => {
    server = await proxy({ cut: true, ownHost: true });
    person = await Person.enters();
    await signsIn(person, PASSWORD);
    await addsToken(person, { name: 'cut', mailbox: 'cut@example.test', client: 'web', secret: 'web-s3cret' });
    await getsToken(person, 'cut@example.test');
    await eventually('the token\'s page', () => person.page.url().startsWith(`${stage.url}tokens/cut`));
    await addsAccount(person, 'cut-program', 'cut');
    await crawl(person, async (address, answer) => check(answer.ok(), `${address}: ${answer.status()}`));
    await person.opens('events');
    await person.reads('New events appear here by themselves');
    await person.presses('Sign out');
  },
});
