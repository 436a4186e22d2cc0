// Everything the OAuth server knows, in memory. oidc-provider's own memory adapter forgets after a thousand entries.
const entries = new Map();

// What nobody may find in a log: every token and every code ever issued. An opaque token is its id.
export const issued = new Set();
const SECRETS = ['AccessToken', 'ClientCredentials', 'RefreshToken', 'AuthorizationCode', 'DeviceCode'];
const ACCESS = ['AccessToken', 'ClientCredentials'];

export class Store {
  constructor(model) { this.model = model; }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload, expiresIn) {
    if (SECRETS.includes(this.model)) issued.add(id);
    entries.set(this.key(id), { model: this.model, payload, ends: Date.now() + (expiresIn ?? 1e9) * 1000 });
  }

  async find(id) {
    const entry = entries.get(this.key(id));
    return entry && entry.ends > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) { return this.search((payload) => payload.uid === uid); }

  async findByUserCode(userCode) { return this.search((payload) => payload.userCode === userCode); }

  search(wanted) {
    for (const { model, payload, ends } of entries.values()) {
      if (model === this.model && ends > Date.now() && wanted(payload)) return payload;
    }
    return undefined;
  }

  async destroy(id) { entries.delete(this.key(id)); }

  async consume(id) {
    const entry = entries.get(this.key(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async revokeByGrantId(grant) { forget(({ payload }) => payload.grantId === grant); }
}

function forget(unwanted) {
  for (const [key, entry] of entries) if (unwanted(entry)) entries.delete(key);
}

// Whose refresh token it is or was.
export const ownerOf = (token) => entries.get(`RefreshToken:${token}`)?.payload.accountId;

// A client's access tokens are no longer good.
export function revoke(client) {
  forget(({ model, payload }) => ACCESS.includes(model) && payload.clientId === client);
}

// A mailbox takes back all its consents.
export function withdraw(mailbox) {
  forget(({ model, payload }) => ['Grant', 'RefreshToken'].includes(model) && payload.accountId === mailbox);
}
