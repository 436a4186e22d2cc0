// Mail programs of Node.js, on the listeners, with what the pages said to type.
import { eventually, load, stage } from './stage.mjs';

const { ImapFlow } = load('imapflow');
const nodemailer = load('nodemailer');

const imap = (user, pass) => new ImapFlow({ host: 'localhost', port: stage.imap, secure: false, doSTARTTLS: false, auth: { user, pass, loginMethod: 'LOGIN' }, logger: false });

// Sends a message, and finds it in the inbox.
export async function roundtrip(user, pass, mailbox) {
  const subject = `browser ${process.pid} ${Date.now()}`;
  const answer = await nodemailer.createTransport({ host: 'localhost', port: stage.smtp, secure: false, ignoreTLS: true, auth: { user, pass } })
    .sendMail({ from: mailbox, to: mailbox, subject, text: 'by a program that only knows a password' });
  const client = await session(user, pass);
  await client.mailboxOpen('INBOX');
  await eventually(`the message "${subject}"`, async () => { await client.noop(); return (await client.search({ subject })).length; });
  await client.logout();
  return answer.response;
}

// An IMAP session that stays.
export async function session(user, pass) {
  const client = imap(user, pass);
  client.on('error', () => {});
  await client.connect();
  return client;
}

// What IMAP answers to a login that fails.
export async function refused(user, pass) {
  try {
    await (await session(user, pass)).logout();
    return '';
  } catch (error) {
    return `${error.responseText ?? ''} ${error.message}`;
  }
}

// How many messages there are in the inbox.
export async function messages(user, pass) {
  const client = await session(user, pass);
  const status = await client.status('INBOX', { messages: true });
  await client.logout();
  return status.messages;
}
