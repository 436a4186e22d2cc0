// Debian 12 has Node.js 18, which lacks three things that oidc-provider uses. To be loaded with --import.
import crypto from 'node:crypto';
import { register } from 'node:module';

globalThis.crypto ??= crypto.webcrypto;
URL.parse ??= (text, base) => { try { return new URL(text, base); } catch { return null; } };

// A built-in module cannot be given a new export, so others import one that has all of its exports and this one.
if (!crypto.hash) {
  const inline = (code) => `data:text/javascript,${encodeURIComponent(code)}`;
  const whole = inline(`import crypto from 'node:crypto';
export * from 'node:crypto';
export default crypto;
export const hash = (algorithm, data, encoding = 'hex') => crypto.createHash(algorithm).update(data).digest(encoding === 'buffer' ? undefined : encoding);`);
  register(inline(`export const resolve = (name, context, next) => (name === 'node:crypto' && !context.parentURL?.startsWith('data:')
  ? { url: ${JSON.stringify(whole)}, shortCircuit: true } : next(name, context));`));
}
