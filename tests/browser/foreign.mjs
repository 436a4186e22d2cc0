// A site of somebody else, on a port of its own: of the same host (for cookies the same site), or of another.
import http from 'node:http';
import { stage } from './stage.mjs';

const escape = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

// Serves /form (sends `form` when its button is pressed), /frame (shows the service in a frame).
export async function foreign(form = { action: stage.url, fields: [] }) {
  const pages = {
    '/form': () => `<form method="post" action="${escape(form.action)}">${form.fields.map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`).join('')}<button>Win a prize</button></form>`,
    '/frame': () => `<iframe src="${escape(stage.url)}" width="800" height="600"></iframe>`,
  };
  const server = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Elsewhere</title>${pages[request.url]?.() ?? ''}`);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  return { sameSite: `http://localhost:${port}`, crossSite: `http://127.0.0.1:${port}`, sends: (other) => { form = other; }, close: () => server.close() };
}
