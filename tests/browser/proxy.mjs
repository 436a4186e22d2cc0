// Reverse proxies with a path prefix, on the port where the browser finds them.
//   cut       the prefix is cut off, as of nginx's proxy_pass with a path; otherwise it is kept
//   ownHost   the service sees the proxy's idea of its name, as of nginx without proxy_set_header Host
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { stage } from './stage.mjs';

export function proxy({ cut, ownHost }) {
  const forward = (request, response) => {
    const inside = cut && request.url.startsWith(stage.prefix) ? request.url.slice(stage.prefix.length) || '/' : request.url;
    const headers = { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress, 'x-forwarded-proto': 'https', ...(ownHost && { host: `127.0.0.1:${stage.admin}` }) };
    const onward = http.request({ port: stage.admin, host: '127.0.0.1', path: inside, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  };
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => fs.readFileSync(path.join(stage.peers, name)));
  const server = https.createServer({ cert, key }, forward);
  return new Promise((resolve) => { server.listen(stage.outside, '127.0.0.1', () => resolve(server)); });
}
