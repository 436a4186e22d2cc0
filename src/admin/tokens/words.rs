//! Tokens in words.

use chrono::{DateTime, Utc};

use crate::model::{ClientAuthentication, Grant, Token, TokenState};

/// A time for people and machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Moment {
    /// RFC 3339.
    pub(in crate::admin) exact: String,
    /// How far it is from now.
    pub(in crate::admin) distance: String,
}

impl Moment {
    pub(in crate::admin) fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let (left, ahead) = if at >= now { (at - now, true) } else { (now - at, false) };
        let distance = match left.num_seconds() {
            seconds @ 0..=119 => format!("{seconds} s"),
            seconds @ 120..=7199 => format!("{} min", seconds / 60),
            seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
            seconds => format!("{} days", seconds / 86_400),
        };
        let distance = if ahead { format!("in {distance}") } else { format!("{distance} ago") };
        Self { exact: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), distance }
    }

    /// The day and the time of day.
    pub(in crate::admin) fn plain(&self) -> String {
        self.exact.replace('T', " ").replace('Z', " UTC")
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_how_far_it_is() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let said = |seconds| Moment::new(now + chrono::TimeDelta::seconds(seconds), now).distance;
        assert_eq!(
            [59, -59, 3600, 86_400 * 3, -86_400].map(said),
            ["in 59 s", "59 s ago", "in 60 min", "in 3 days", "24 h ago"]
        );
        assert_eq!(Moment::new(now, now).plain(), "2027-01-15 08:00:00 UTC");
    }
}
