// Names and texts that are markup somewhere, and a provider that says nothing else.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
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
