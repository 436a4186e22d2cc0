use super::{Answered, Explanation, Turn};

/// An `error` value, what has to stand in the description or the subtype beside it (nothing matters for an empty one), and
/// its meaning. The first that fits counts.
pub(super) type Row = (&'static str, &'static str, Turn, &'static str, &'static str);

/// What an `invalid_grant` means that says no more.
const ENDED: &str = "the grant has ended or was revoked";

/// developers.google.com/identity/protocols/oauth2 ("Authorization errors", "Refresh token expiration", service accounts)
/// and RFC 6749, 4.1.2.1 and 5.2, and RFC 8628, 3.5, for all other providers.
#[rustfmt::skip]
pub(super) const TABLE: [Row; 30] = [
    ("admin_policy_enforced", "", Turn::Admin, "the Workspace's administrator does not allow this app", "in the Google admin console, Security → API controls → App access control, trust the client id"),
    ("org_internal", "", Turn::App, "the app is Internal and the account is outside its organisation", "sign in with an account of the organisation, or make the app External"),
    ("disallowed_useragent", "", Turn::User, "Google does not show its sign-in inside other programs", "open the address in an ordinary browser"),
    ("redirect_uri_mismatch", "", Turn::App, "the redirect URI is not registered for this client", "copy the redirect URI that `gatepost token authorize {token}` shows into the client's settings, or use a client of type Desktop app"),
    ("access_denied", "", Turn::User, "consent was declined, or the account may not use this app", "sign in again and accept; if nothing was asked there, look at the provider who may use the app, and whether `scopes` are what it wants"),
    ("authorization_declined", "", Turn::User, "consent was declined", "run `gatepost token authorize {token}` again and accept"),
    ("expired_token", "", Turn::User, "the code was not entered in time", "run `gatepost token authorize {token}` again"),
    ("bad_verification_code", "", Turn::User, "the provider does not know the code (any more)", "run `gatepost token authorize {token}` again"),
    ("deleted_client", "", Turn::App, "the OAuth client was deleted", "restore it within 30 days in the Google Cloud console, or make a new one and change client_id"),
    ("invalid_client", "", Turn::App, "the client is unknown or its secret is wrong or expired", "check client_id and client_secret (for Microsoft the secret's Value, not its ID)"),
    ("unauthorized_client", "retrieve access tokens using this method", Turn::Admin, "the service account has no domain-wide delegation for this scope", "in the Google admin console, Security → API controls → Domain-wide delegation, add the service account's numeric client id with the scope https://mail.google.com/; it can take a day"),
    ("unauthorized_client", "not enabled for consumers", Turn::App, "the app registration does not take personal accounts", "let the app support personal Microsoft accounts, or set `tenant` to the Directory (tenant) ID and sign in with a work account"),
    ("unauthorized_client", "", Turn::App, "the app may not use this grant", "check the kind of client at the provider, and whether consent was given"),
    ("invalid_grant", "invalid_rapt", Turn::Admin, "the Workspace's session control wants the user to sign in again", "run `gatepost token authorize {token}`; exempt trusted apps from session control in the admin console"),
    ("invalid_grant", "Not a valid email", Turn::App, "the mailbox is not an account of the Workspace", "check `mailbox`: the primary address, not an alias or a group"),
    ("invalid_grant", "Invalid JWT Signature", Turn::App, "the key of the service account is not known to Google any more", "make a new key for the service account and put its JSON file in place"),
    ("invalid_grant", "short-lived token", Turn::App, "this machine's clock is wrong", "set the clock (NTP); it is tried again by itself"),
    ("invalid_grant", "Token has been expired or revoked", Turn::User, "the refresh token was revoked, unused for six months, or given by an app in Testing (seven days)", "publish the app, then run `gatepost token authorize {token}`"),
    ("invalid_grant", "Bad Request", Turn::User, "the code or the refresh token is not good for this client", "run `gatepost token authorize {token}`"),
    ("invalid_grant", "", Turn::User, ENDED, "run `gatepost token authorize {token}`"),
    ("invalid_scope", "", Turn::App, "the provider does not know one of the scopes, or does not allow it to this client", "check `scopes`: spelling, one resource only, and what the app registration allows"),
    ("invalid_request", "OOB", Turn::App, "Google has ended the copy-and-paste redirect (urn:ietf:wg:oauth:2.0:oob)", "leave out redirect_uri; `gatepost token authorize {token} --paste` takes the address that the browser fails to load"),
    ("invalid_request", "", Turn::App, "the provider did not understand the request", "check the token's URLs and scopes with `gatepost token show {token}`"),
    ("unsupported_grant_type", "", Turn::App, "the provider does not know this grant", "choose another `grant` for the token"),
    ("access_not_configured", "", Turn::App, "the Gmail API is switched off in the project", "enable it in the Google Cloud console"),
    ("interaction_required", "", Turn::User, "the provider wants to see the user", "run `gatepost token authorize {token}`"),
    ("consent_required", "", Turn::User, "consent is missing", "run `gatepost token authorize {token}`; an administrator may have to consent for all"),
    ("login_required", "", Turn::User, "the provider wants the user to sign in", "run `gatepost token authorize {token}`"),
    ("temporarily_unavailable", "", Turn::Wait, "the provider is busy", "nothing; it is tried again by itself"),
    ("server_error", "", Turn::Wait, "the provider has a fault", "nothing; it is tried again by itself"),
];

/// Whether the provider said no more than `invalid_grant`: what that means depends on the grant.
#[must_use]
pub fn is_bare_end(known: &Explanation) -> bool {
    known.cause == ENDED
}

pub(super) fn explanation(answered: &Answered<'_>) -> Option<Explanation> {
    let says = |hint: &str| {
        hint.is_empty() || answered.description.contains(hint) || answered.subcode.is_some_and(|sub| sub == hint)
    };
    let found = TABLE.iter().find(|(error, hint, ..)| *error == answered.error && says(hint));
    found.map(|&(_, _, turn, cause, remedy)| Explanation { turn, cause, remedy })
}
