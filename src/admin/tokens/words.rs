//! Tokens in words.

use crate::model::{ClientAuthentication, Grant, Token, TokenState};

/// Whose mailbox it opens.
pub(in crate::admin) fn mailbox(token: &Token, used: usize) -> String {
    match (token.mailbox.as_str(), used) {
        ("", 0) => "each account's own".to_owned(),
        ("", 1) => "each account's own; one so far".to_owned(),
        ("", used) => format!("each account's own; {used} so far"),
        (mailbox, _) => mailbox.to_owned(),
    }
}

/// How it is obtained.
pub(super) fn grant(grant: &Grant) -> &'static str {
    grant_named(grant.name())
}

/// The same, by its name in the configuration.
pub(super) fn grant_named(name: &str) -> &'static str {
    match name {
        "authorization_code" => "A person signs in with a browser",
        "device_code" => "A person enters a code on another device",
        "client_credentials" => "The app itself, nobody signs in",
        "service_account" => "A Google service account, nobody signs in",
        "refresh_token" => "A refresh token brought from elsewhere",
        "password" => "The mailbox's own password (last resort)",
        "app_password" => "An app password, no OAuth",
        _ => "Unknown",
    }
}

/// How the client proves itself.
pub(super) const fn proof(authentication: &ClientAuthentication) -> &'static str {
    match authentication {
        ClientAuthentication::Public => "nothing (a public client)",
        ClientAuthentication::SecretPost(_) => "a client secret",
        ClientAuthentication::SecretBasic(_) => "a client secret (HTTP Basic)",
        ClientAuthentication::Certificate(_) => "a certificate",
        ClientAuthentication::AssertionFile(_) => "a federated assertion, read from a file",
        ClientAuthentication::ManagedIdentity(_) => "the machine's own identity",
    }
}

/// What is held to refresh it with.
pub(super) fn refresh_token(token: &Token, state: &TokenState) -> Option<&'static str> {
    let word = match (&state.refresh, &state.quarantined) {
        _ if !token.grant.lives_by_refresh() => return None,
        (Some(_), None) => "held",
        (Some(_), Some(_)) => "held; an older one is kept aside",
        (None, Some(_)) => "kept aside: the provider says that the grant has ended. \"Refresh now\" tries it again",
        (None, None) => "none yet",
    };
    Some(word)
}
