// What a person sees: sign in, consent, and type the code of a device. Plain HTML forms, no scripts.
const escape = (text) => String(text ?? '').replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
const page = (title, content) => `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1>${content}</body></html>`;

// The form is oidc-provider's; the buttons belong to it by their attribute `form`.
export const device = {
  userCodeInputSource(ctx, form, out, error) {
    const notice = error ? `<p>${escape(error.name)}: ${escape(error.message)}</p>` : '';
    ctx.body = page('Enter the code', `${notice}${form}<button type="submit" form="op.deviceInputForm">Continue</button>`);
  },
  userCodeConfirmSource(ctx, form, client, _, userCode) {
    ctx.body = page('Is this your device?', `<p>${escape(client.clientId)}: <code>${escape(userCode)}</code></p>${form}
<button type="submit" form="op.deviceConfirmForm">Continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Abort</button>`);
  },
  successSource(ctx) { ctx.body = page('Signed in', '<p>You can close this page.</p>'); },
};

export function renderError(ctx, { error, error_description: text }) {
  ctx.type = 'html';
  ctx.body = page(escape(error), `<p>${escape(text)}</p>`);
}

const login = (hint, notice) => page('Sign in', `<p>${escape(notice)}</p><form method="post">
<input type="text" name="login" value="${escape(hint)}"><button type="submit">Sign in</button></form>`);
const consent = ({ client_id: client, scope }) => page('Permissions requested', `<p>${escape(client)}: ${escape(scope)}</p><form method="post">
<button type="submit" name="consent" value="yes">Accept</button><button type="submit" name="consent" value="no">Decline</button></form>`);

async function formOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

async function granted(provider, { grantId, prompt, params, session }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return { consent: { grantId: await grant.save() } };
}

// Serves /interaction/…; a mailbox is whatever `isMailbox` says.
export const interactions = (provider, isMailbox) => async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const details = await provider.interactionDetails(ctx.req, ctx.res);
  const { prompt, params } = details;
  const form = ctx.method === 'POST' ? await formOf(ctx.req) : undefined;
  const finish = async (result) => {
    ctx.status = 303;
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: !result.error }));
  };
  if (prompt.name === 'login') {
    const accountId = form?.get('login')?.trim().toLowerCase();
    if (form && isMailbox(accountId)) return finish({ login: { accountId } });
    ctx.body = login(form?.get('login') ?? params.login_hint, form ? 'There is no such account.' : '');
    return undefined;
  }
  if (form?.get('consent') === 'yes') return finish(await granted(provider, details));
  if (form) return finish({ error: 'access_denied', error_description: 'The user declined to consent' });
  ctx.body = consent(params);
  return undefined;
};
