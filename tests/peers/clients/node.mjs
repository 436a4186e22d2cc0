// nodemailer and imapflow: sends the body of its standard input under a subject, and leaves what it reads in FILE.
//   node.mjs MODULES SUBJECT FILE
import fs from 'node:fs';
import { createRequire } from 'node:module';

const [modules, subject, file] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { TLS, SMTP, IMAP, USER, PASSWORD, MAILBOX, CA } = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name.replace(/^GP_/, ''), value]));
const auth = { user: USER, pass: PASSWORD };
const tls = { ca: fs.readFileSync(CA) };
const secure = TLS === 'implicit';

const smtp = require('nodemailer').createTransport({ host: 'localhost', port: SMTP, secure, requireTLS: TLS === 'starttls', ignoreTLS: TLS === 'none', auth, tls });
await smtp.sendMail({ from: MAILBOX, to: MAILBOX, subject, text: fs.readFileSync(0, 'utf8') });

const { ImapFlow } = require('imapflow');
const imap = new ImapFlow({ host: 'localhost', port: Number(IMAP), secure, doSTARTTLS: secure ? undefined : TLS === 'starttls', auth, tls, logger: false });
await imap.connect();
await imap.mailboxOpen('INBOX', { readOnly: true });
const { source } = await imap.fetchOne('1', { source: true });
fs.writeFileSync(file, source);
await imap.logout();
