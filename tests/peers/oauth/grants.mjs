// Two grants that oidc-provider leaves to others: the user's password, and an assertion by a service account as Google has it.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { errors } from 'oidc-provider';

export const PASSWORD = 'password';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// Writes a service account's key file and returns the account.
export function serviceAccount(file, tokenUrl) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const account = {
    type: 'service_account',
    project_id: 'gatepost-tests',
    private_key_id: crypto.randomBytes(20).toString('hex'),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'mail@gatepost-tests.iam.gserviceaccount.com',
    client_id: '100000000000000000001',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: tokenUrl,
    auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_x509_cert_url: 'https://www.googleapis.com/robot/v1/metadata/x509/mail%40gatepost-tests.iam.gserviceaccount.com',
    universe_domain: 'googleapis.com',
  };
  fs.writeFileSync(file, `${JSON.stringify(account, null, 2)}\n`, { mode: 0o600 });
  return { email: account.client_email, keyId: account.private_key_id, publicKey, tokenUrl };
}

const refuse = (status, error, description) => Object.assign(new errors.CustomOIDCProviderError(error, description), { status, statusCode: status });

// The mailbox that an assertion opens. Texts and order of the refusals are Google's.
function mailboxOf(assertion, account, isMailbox) {
  const invalid = (description) => refuse(400, 'invalid_grant', description);
  const [head, body, signature] = String(assertion).split('.');
  let header; let claims;
  try {
    [header, claims] = [head, body].map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  } catch { throw invalid('Bad Request'); }
  const now = Date.now() / 1000;
  if (claims.iss !== account.email) throw invalid('Invalid grant: account not found');
  const signed = header.alg === 'RS256' && (header.kid ?? account.keyId) === account.keyId
    && crypto.verify('RSA-SHA256', Buffer.from(`${head}.${body}`), account.publicKey, Buffer.from(signature ?? '', 'base64url'));
  if (!signed) throw invalid('Invalid JWT Signature.');
  if (claims.aud !== account.tokenUrl) throw invalid('Invalid JWT: Failed audience check.');
  const shortLived = claims.iat <= now + 60 && claims.exp > now && claims.exp <= claims.iat + 3600;
  if (!shortLived) throw invalid('Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.');
  if (!claims.scope) throw refuse(400, 'invalid_scope', 'Empty or missing scope not allowed.');
  if (!claims.scope.split(' ').includes('mail')) throw refuse(401, 'unauthorized_client', 'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.');
  if (!isMailbox(claims.sub)) throw invalid('Invalid email or User ID');
  return claims.sub;
}

// Registers both. `issue(client, mailbox, grant)` makes tokens as a consent of that mailbox would.
export function registerGrants(provider, { issue, isMailbox, password, account }) {
  provider.registerGrantType(PASSWORD, async (ctx) => {
    const { params, client } = ctx.oidc;
    if (!isMailbox(params.username) || params.password !== password) {
      throw refuse(400, 'invalid_grant', 'AADSTS50126: Error validating credentials due to invalid username or password.');
    }
    const { access, refresh } = await issue(client, params.username, PASSWORD);
    const offline = params.scope?.split(' ').includes('offline_access');
    ctx.body = { token_type: 'Bearer', expires_in: access.expiration, scope: 'mail', access_token: await access.save(), ...(offline && { refresh_token: await refresh.save() }) };
  }, ['username', 'password', 'scope']);
  provider.registerGrantType(JWT_BEARER, async (ctx) => {
    const mailbox = mailboxOf(ctx.oidc.params.assertion, account, isMailbox);
    const { access } = await issue(ctx.oidc.client, mailbox, JWT_BEARER);
    ctx.body = { access_token: await access.save(), expires_in: access.expiration, token_type: 'Bearer' };
  }, ['assertion']);
}
