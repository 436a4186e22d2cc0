// An OAuth server that nobody here wrote (oidc-provider), for the tests. Everything on loopback.
//   environment: PORT, ADMIN, CERT, KEY (TLS), CLIENT_CERT (PEM, the certificate of the client `cert`),
//                SERVICE_ACCOUNT (a key file that is written here)
//   mailboxes:   anything@example.test; the password of each is "mailb0x-s3cret"
//   clients:     app-userN@example.test   app-only, one per mailbox
//                confidential, steady, rotating, imported   secret "conf-s3cret": refresh tokens that /mint made
//                public, fickle           native: code with PKCE at http://127.0.0.1/ and http://localhost/ of any port,
//                                         device code, password
//                web                      secret "web-s3cret": code at https://gatepost.example/mail/oauth/callback and
//                                         what /redirect adds; password
//                expired                  the same as web, but its secret is no longer good
//                cert                     private_key_jwt (PS256, RS256): app-only for user30@example.test, and code
//                (none)                   jwt-bearer by the service account
//   issuers:     https://localhost:PORT, and https://localhost:PORT/plain by RFC 8414 alone
//   at ADMIN:    /mint?mailbox=M          a refresh token of the confidential client, or of &client=C
//                /ttl?client=C&seconds=N  /rotate?client=C&on=0|1   /down?client=C&on=0|1
//                /redirect?client=C&uri=U registers one more redirect URI
//                /revoke?client=C         its access tokens are no longer good
//                /withdraw?mailbox=M      its consents and refresh tokens are no longer good
//                /requests?client=C       how many token requests it made (service-account: those without a client); for a redirect
//                                         URI: how many codes that came there were redeemed
//                /assertions              header and claims of every client assertion with a good signature, JSON lines
//                /twice                   mailboxes whose refresh token came more than once, JSON
//                /ended                   mailboxes whose grant ended because of that, JSON
//                /issued                  every token and code ever issued
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Provider } from 'oidc-provider';
import { JWT_BEARER, PASSWORD, registerGrants, serviceAccount } from './grants.mjs';
import { device, interactions, renderError } from './pages.mjs';
import { Store, issued, ownerOf, revoke, withdraw } from './store.mjs';

const { PORT, ADMIN, CERT, KEY, CLIENT_CERT, SERVICE_ACCOUNT } = process.env;
const ISSUER = `https://localhost:${PORT}`;
const RESOURCE = 'urn:gatepost:mail';
const SCOPE = 'openid offline_access mail';
const CERT_MAILBOX = 'user30@example.test';
const isMailbox = (name) => /^[a-z0-9.+-]+@example\.test$/.test(name ?? '');

// Each client has settings of its own, so that tests can run beside each other.
const settings = new Map();
function of(client) {
  if (!settings.has(client)) settings.set(client, { ttl: 3600, rotate: true, down: false, requests: 0 });
  return settings.get(client);
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const without = { redirect_uris: [], response_types: [] };
const app = (n) => ({ client_id: `app-user${n}@example.test`, client_secret: 'app-s3cret', grant_types: ['client_credentials'], token_endpoint_auth_method: n % 2 ? 'client_secret_post' : 'client_secret_basic', ...without });
const jwk = () => ({ ...new crypto.X509Certificate(fs.readFileSync(CLIENT_CERT)).publicKey.export({ format: 'jwk' }), use: 'sig' });
const clients = [
  ...Array.from({ length: 40 }, (_, n) => app(n + 1)),
  ...['confidential', 'steady', 'rotating', 'imported'].map((name) => ({ client_id: name, client_secret: 'conf-s3cret', grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['http://127.0.0.1/'], token_endpoint_auth_method: 'client_secret_post' })),
  ...['public', 'fickle'].map((name) => ({ client_id: name, application_type: 'native', grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE, PASSWORD], redirect_uris: ['http://127.0.0.1/', 'http://localhost/'], token_endpoint_auth_method: 'none' })),
  { client_id: 'web', client_secret: 'web-s3cret', grant_types: ['authorization_code', 'refresh_token', PASSWORD], redirect_uris: ['https://gatepost.example/mail/oauth/callback'], token_endpoint_auth_method: 'client_secret_post' },
  { client_id: 'expired', client_secret: 'web-s3cret', client_secret_expires_at: 1, grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['https://gatepost.example/mail/oauth/callback'], token_endpoint_auth_method: 'client_secret_post' },
  { client_id: 'cert', application_type: 'native', grant_types: ['client_credentials', 'authorization_code', 'refresh_token'], redirect_uris: ['http://127.0.0.1/', 'http://localhost/'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk()] } },
  { client_id: 'service-account', grant_types: [JWT_BEARER], token_endpoint_auth_method: 'none', ...without },
  { client_id: 'resource-server', client_secret: 'rs-secret', grant_types: [], token_endpoint_auth_method: 'client_secret_basic', ...without },
];

const assertions = [];
const lifetime = (_, token, client) => of(client.clientId).ttl;
const resourceServer = (client) => ({ scope: SCOPE, audience: 'mail', accessTokenTTL: of(client.clientId).ttl, accessTokenFormat: 'opaque' });
function appOnly(token) {
  if (token.kind !== 'ClientCredentials') return undefined;
  return { sub: token.clientId === 'cert' ? CERT_MAILBOX : token.clientId.slice('app-'.length) };
}
const provider = new Provider(ISSUER, {
  adapter: Store,
  clients,
  scopes: SCOPE.split(' '),
  claims: { openid: ['sub', 'email'] },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, email: id }) }),
  jwks: { keys: [{ ...crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'tests' }] },
  cookies: { keys: ['tests'] },
  renderError,
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  pkce: { required: (_, client) => client.clientAuthMethod === 'none' },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true, ...device },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource, client) => resourceServer(client),
    },
  },
  assertJwtClientAuthClaimsAndHeader: (_, claims, header) => { assertions.push(JSON.stringify({ header, claims })); },
  extraTokenClaims: (_, token) => appOnly(token),
  rotateRefreshToken: (ctx) => of(ctx.oidc.client.clientId).rotate,
  ttl: { AccessToken: lifetime, ClientCredentials: lifetime, RefreshToken: 86400, Grant: 86400, AuthorizationCode: 60, DeviceCode: 600, IdToken: 3600, Interaction: 600, Session: 600 },
});
provider.on('server_error', (_, error) => console.error('server_error', error));
provider.on('grant.error', (ctx, { error, error_description: text, error_detail: detail }) => console.error('grant.error', ctx.oidc?.params?.grant_type, error, text, detail ?? ''));

// How often each refresh token came, and whose they were.
const used = new Map();
function use(token) {
  const before = used.get(token) ?? { times: 0, mailbox: ownerOf(token) };
  used.set(token, { ...before, times: before.times + 1 });
}
const ended = [];
provider.on('grant.revoked', (ctx) => { ended.push(used.get(ctx.oidc?.params?.refresh_token)?.mailbox ?? 'somebody'); });

// Tokens as a consent would have given them, not yet saved.
async function issue(client, mailbox, gty) {
  const grant = new provider.Grant({ clientId: client.clientId, accountId: mailbox });
  grant.addOIDCScope(SCOPE);
  grant.addResourceScope(RESOURCE, SCOPE);
  const common = { accountId: mailbox, client, grantId: await grant.save(), gty };
  const access = new provider.AccessToken({ ...common, scope: 'mail' });
  access.resourceServer = new provider.ResourceServer(RESOURCE, resourceServer(client));
  const refresh = new provider.RefreshToken({ ...common, scope: SCOPE, resource: RESOURCE, authTime: Math.floor(Date.now() / 1000), rotations: 0 });
  return { access, refresh };
}
registerGrants(provider, { issue, isMailbox, password: 'mailb0x-s3cret', account: serviceAccount(SERVICE_ACCOUNT, `${ISSUER}/token`) });

function clientOf(ctx, form) {
  const [, basic] = /^Basic (.*)$/.exec(ctx.get('authorization')) ?? [];
  if (basic) return decodeURIComponent(Buffer.from(basic, 'base64').toString().split(':')[0]);
  if (form.client_id) return form.client_id;
  if (form.grant_type === JWT_BEARER) return 'service-account';
  try { return JSON.parse(Buffer.from(form.client_assertion.split('.')[1], 'base64url')).sub; } catch { return undefined; }
}

// Counts token requests, and refuses those of clients that are to find the endpoint down, before anything else sees them.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/token') return next();
  const chunks = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
  const name = clientOf(ctx, form);
  // Google wants no client_id beside an assertion; oidc-provider does.
  if (form.grant_type === JWT_BEARER) form.client_id ??= name;
  ctx.req.body = form;
  of(name).requests += 1;
  if (form.redirect_uri) of(form.redirect_uri).requests += 1;
  if (!of(name).down) {
    if (form.refresh_token) use(form.refresh_token);
    return next();
  }
  ctx.status = 503;
  ctx.body = '<h1>Service Unavailable</h1>';
  return undefined;
});
// Without an interval a client has to wait five seconds between polls (RFC 8628, 3.2).
provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/device/auth' && ctx.body?.device_code) ctx.body = { ...ctx.body, interval: 1 };
});
// An issuer that is found where RFC 8414 says, and not where OpenID Connect does.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/.well-known/oauth-authorization-server/plain') return next();
  ctx.body = { issuer: `${ISSUER}/plain`, token_endpoint: `${ISSUER}/token`, device_authorization_endpoint: `${ISSUER}/device/auth` };
  return undefined;
});
provider.use(interactions(provider, isMailbox));

const asked = {
  '/mint': async (get) => (await issue(await provider.Client.find(get('client') ?? 'confidential'), get('mailbox'), 'authorization_code')).refresh.save(),
  '/ttl': (get) => { of(get('client')).ttl = Number(get('seconds')); },
  '/rotate': (get) => { of(get('client')).rotate = get('on') === '1'; },
  '/down': (get) => { of(get('client')).down = get('on') === '1'; },
  '/redirect': async (get) => { (await provider.Client.find(get('client'))).redirectUris.push(get('uri')); },
  '/revoke': (get) => revoke(get('client')),
  '/withdraw': (get) => withdraw(get('mailbox')),
  '/requests': (get) => of(get('client')).requests,
  '/assertions': () => assertions.join('\n'),
  '/twice': () => JSON.stringify([...used.values()].filter(({ times }) => times > 1).map(({ mailbox }) => mailbox)),
  '/ended': () => JSON.stringify(ended),
  '/issued': () => [...issued].join('\n'),
};
https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, provider.callback()).listen(Number(PORT), '127.0.0.1');
http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const answer = asked[url.pathname];
  if (!answer) response.statusCode = 404;
  response.end(String((await answer?.((name) => url.searchParams.get(name))) ?? ''));
}).listen(Number(ADMIN), '127.0.0.1');
