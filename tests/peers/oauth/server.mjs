// An OAuth server that nobody here wrote (oidc-provider), for the tests: app-only clients, one per mailbox, and a
// confidential client with refresh tokens. Everything on loopback.
//   env: PORT, ADMIN, CERT, KEY    admin: /mint?mailbox=  /ttl?seconds=  /rotate?on=1  /revoke  /down?on=1  /stats
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Provider } from 'oidc-provider';

const { PORT, ADMIN, CERT, KEY } = process.env;
const RESOURCE = 'urn:gatepost:mail';
const settings = { ttl: 3600, rotate: true, down: false };
const stats = {}; // token requests by client

// oidc-provider's own memory adapter forgets after a thousand entries.
const store = new Map();
class Memory {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload, expiresIn) { store.set(this.key(id), { payload, ends: Date.now() + (expiresIn ?? 1e9) * 1000 }); }
  async find(id) { const entry = store.get(this.key(id)); return entry && entry.ends > Date.now() ? entry.payload : undefined; }
  async findByUid() { return undefined; }
  async findByUserCode() { return undefined; }
  async destroy(id) { store.delete(this.key(id)); }
  async consume(id) { const entry = store.get(this.key(id)); if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000); }
  async revokeByGrantId(grant) { for (const [key, entry] of store) if (entry.payload.grantId === grant) store.delete(key); }
}

const app = (n) => ({ client_id: `app-user${n}@example.test`, client_secret: 'app-s3cret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], token_endpoint_auth_method: n % 2 ? 'client_secret_post' : 'client_secret_basic' });
const provider = new Provider(`https://localhost:${PORT}`, {
  adapter: Memory,
  scopes: ['openid', 'offline_access', 'mail'],
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
      getResourceServerInfo: () => ({ scope: 'openid offline_access mail', audience: 'mail', accessTokenTTL: settings.ttl, accessTokenFormat: 'opaque' }),
    },
  },
  extraTokenClaims: (_, token) => (token.clientId?.startsWith('app-') ? { sub: token.clientId.slice(4) } : undefined),
  rotateRefreshToken: () => settings.rotate,
  ttl: { AccessToken: () => settings.ttl, ClientCredentials: () => settings.ttl, RefreshToken: 86400, Grant: 86400 },
});
provider.use(async (ctx, next) => {
  if (ctx.path === '/token') {
    if (settings.down) { ctx.status = 503; ctx.body = '<h1>Service Unavailable</h1>'; return; }
  }
  await next();
});

for (const event of ['grant.success', 'grant.error']) {
  provider.on(event, (ctx) => { const id = ctx.oidc?.client?.clientId; if (id) stats[id] = (stats[id] ?? 0) + 1; });
}

// A refresh token as a consent would have given it.
async function mint(mailbox) {
  const client = await provider.Client.find('confidential');
  const grant = new provider.Grant({ clientId: client.clientId, accountId: mailbox });
  grant.addOIDCScope('openid offline_access mail');
  grant.addResourceScope(RESOURCE, 'openid offline_access mail');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({ accountId: mailbox, client, grantId, gty: 'authorization_code', scope: 'openid offline_access mail', resource: RESOURCE, authTime: Math.floor(Date.now() / 1000), rotations: 0 });
  return token.save();
}

https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, provider.callback()).listen(Number(PORT), '127.0.0.1');
http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const get = (name) => url.searchParams.get(name);
  let answer = JSON.stringify(stats);
  if (url.pathname === '/mint') answer = await mint(get('mailbox'));
  if (url.pathname === '/ttl') settings.ttl = Number(get('seconds'));
  if (url.pathname === '/rotate') settings.rotate = get('on') === '1';
  if (url.pathname === '/down') settings.down = get('on') === '1';
  if (url.pathname === '/revoke') for (const key of store.keys()) if (/^(AccessToken|ClientCredentials):/.test(key)) store.delete(key);
  response.end(answer);
}).listen(Number(ADMIN), '127.0.0.1');
