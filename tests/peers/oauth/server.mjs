// An OAuth server that nobody here wrote (oidc-provider), for the tests: app-only clients, one per mailbox, and a
// confidential client with refresh tokens. Everything on loopback.
//   environment: PORT, ADMIN, CERT, KEY
//   at ADMIN:    /mint?mailbox=M       a refresh token of the confidential client
//                /ttl?client=C&seconds=N   /rotate?client=C&on=0|1   /down?client=C&on=0|1
//                /revoke?client=C      its access tokens are no longer good
//                /requests?client=C    how many token requests it made
//                /issued               every token ever issued
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Provider } from 'oidc-provider';

// Debian 12 has Node.js 18, which lacks these two; oidc-provider wants them only once it is called.
globalThis.crypto ??= crypto.webcrypto;
URL.parse ??= (text, base) => { try { return new URL(text, base); } catch { return null; } };

const { PORT, ADMIN, CERT, KEY } = process.env;
const RESOURCE = 'urn:gatepost:mail';
const SCOPE = 'openid offline_access mail';

// Each client has settings of its own, so that tests can run beside each other.
const settings = new Map();
function of(client) {
  if (!settings.has(client)) settings.set(client, { ttl: 3600, rotate: true, down: false, requests: 0 });
  return settings.get(client);
}

// oidc-provider's own memory adapter forgets after a thousand entries.
const store = new Map();
const issued = new Set();
const isAccessToken = (model) => model === 'AccessToken' || model === 'ClientCredentials';
class Memory {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload, expiresIn) {
    if (isAccessToken(this.model) || this.model === 'RefreshToken') issued.add(id); // an opaque token is its id
    store.set(this.key(id), { model: this.model, payload, ends: Date.now() + (expiresIn ?? 1e9) * 1000 });
  }
  async find(id) { const entry = store.get(this.key(id)); return entry && entry.ends > Date.now() ? entry.payload : undefined; }
  async findByUid() { return undefined; }
  async findByUserCode() { return undefined; }
  async destroy(id) { store.delete(this.key(id)); }
  async consume(id) { const entry = store.get(this.key(id)); if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000); }
  async revokeByGrantId(grant) { for (const [key, entry] of store) if (entry.payload.grantId === grant) store.delete(key); }
}
function revoke(client) {
  for (const [key, { model, payload }] of store) if (isAccessToken(model) && payload.clientId === client) store.delete(key);
}

const app = (n) => ({ client_id: `app-user${n}@example.test`, client_secret: 'app-s3cret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], token_endpoint_auth_method: n % 2 ? 'client_secret_post' : 'client_secret_basic' });
const lifetime = (_, token, client) => of(client.clientId).ttl;
const provider = new Provider(`https://localhost:${PORT}`, {
  adapter: Memory,
  scopes: SCOPE.split(' '),
  clients: [
    ...Array.from({ length: 40 }, (_, n) => app(n + 1)),
    { client_id: 'confidential', client_secret: 'conf-s3cret', grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['http://127.0.0.1/'], token_endpoint_auth_method: 'client_secret_post' },
    { client_id: 'resource-server', client_secret: 'rs-secret', grant_types: [], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic' },
  ],
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource, client) => ({ scope: SCOPE, audience: 'mail', accessTokenTTL: of(client.clientId).ttl, accessTokenFormat: 'opaque' }),
    },
  },
  extraTokenClaims: (_, token) => (token.clientId?.startsWith('app-') ? { sub: token.clientId.slice('app-'.length) } : undefined),
  rotateRefreshToken: (ctx) => of(ctx.oidc.client.clientId).rotate,
  ttl: { AccessToken: lifetime, ClientCredentials: lifetime, RefreshToken: 86400, Grant: 86400 },
});

// Counts token requests, and refuses those of clients that are to find the endpoint down, before anything else sees them.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/token') return next();
  const chunks = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  ctx.req.body = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
  const [, basic] = /^Basic (.*)$/.exec(ctx.get('authorization')) ?? [];
  const name = basic ? decodeURIComponent(Buffer.from(basic, 'base64').toString().split(':')[0]) : ctx.req.body.client_id;
  const client = of(name);
  client.requests += 1;
  if (!client.down) return next();
  ctx.status = 503;
  ctx.body = '<h1>Service Unavailable</h1>';
});

// A refresh token as a consent would have given it.
async function mint(mailbox) {
  const client = await provider.Client.find('confidential');
  const grant = new provider.Grant({ clientId: client.clientId, accountId: mailbox });
  grant.addOIDCScope(SCOPE);
  grant.addResourceScope(RESOURCE, SCOPE);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({ accountId: mailbox, client, grantId, gty: 'authorization_code', scope: SCOPE, resource: RESOURCE, authTime: Math.floor(Date.now() / 1000), rotations: 0 });
  return token.save();
}

const asked = {
  '/mint': (get) => mint(get('mailbox')),
  '/ttl': (get) => { of(get('client')).ttl = Number(get('seconds')); },
  '/rotate': (get) => { of(get('client')).rotate = get('on') === '1'; },
  '/down': (get) => { of(get('client')).down = get('on') === '1'; },
  '/revoke': (get) => revoke(get('client')),
  '/requests': (get) => of(get('client')).requests,
  '/issued': () => [...issued].join('\n'),
};
https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, provider.callback()).listen(Number(PORT), '127.0.0.1');
http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const answer = asked[url.pathname];
  if (!answer) response.statusCode = 404;
  response.end(String((await answer?.((name) => url.searchParams.get(name))) ?? ''));
}).listen(Number(ADMIN), '127.0.0.1');
