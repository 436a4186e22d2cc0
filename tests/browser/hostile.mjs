// Names and texts that are markup somewhere, and a provider that says nothing else.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { stage } from './stage.mjs';

export const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'-alert(1)-'",
  '{{7+7}}${7+7}',
  '\u202egpj.exe\u2066',
  'a/b%2F..%2Fc?d#e&amp;f+g h',
  'javascript:alert(1)',
  '</title></textarea><svg onload=alert(1)>',
];

const [cert, key] = ['cert.pem', 'key.pem'].map((name) => fs.readFileSync(path.join(stage.peers, name)));

// An OAuth server whose every answer is an error that says `text()`.
export function provider(text) {
  const server = https.createServer({ cert, key }, (request, response) => {
    const url = new URL(request.url, 'https://localhost');
    const error = { error: 'invalid_grant', error_description: text() };
    if (url.pathname === '/auth') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      for (const [name, value] of Object.entries({ error: text(), error_description: text(), error_uri: `javascript:alert(1)`, state: url.searchParams.get('state') })) back.searchParams.set(name, value);
      response.writeHead(302, { location: back.href });
      return response.end();
    }
    response.writeHead(400, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(error));
  });
  return new Promise((resolve) => { server.listen(stage.outside, '127.0.0.1', () => resolve(server)); });
}

// Mail servers that refuse everybody with these words: IMAP and SMTP, with TLS from the start.
export function mailServers(text) {
  const line = () => text().replace(/[\r\n]/g, ' ');
  const served = (greeting, answer) => tls.createServer({ cert, key }, (socket) => {
    socket.on('error', () => {});
    socket.write(greeting);
    socket.on('data', (data) => { for (const said of data.toString().split('\r\n').filter(Boolean)) socket.write(answer(said)); });
  });
  const imap = served('* OK ready\r\n', (said) => {
    const [tag, command] = said.split(' ');
    return /^(capability|noop|id)$/i.test(command) ? `* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n${tag} OK\r\n` : `${tag} NO [AUTHENTICATIONFAILED] ${line()}\r\n`;
  });
  const smtp = served('220 ready\r\n', (said) => (/^ehlo/i.test(said) ? '250-ready\r\n250 AUTH PLAIN LOGIN\r\n' : `535 5.7.8 ${line()}\r\n`));
  return Promise.all([imap, smtp].map((server, number) => new Promise((resolve) => { server.listen(stage.mail[number], '127.0.0.1', () => resolve(server)); })));
}
