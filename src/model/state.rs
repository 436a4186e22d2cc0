use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};

/// An access token and the end of its life. Cheap to clone; never printed.
#[derive(Clone, Debug)]
pub struct AccessToken {
    secret: Arc<SecretString>,
    expires_at: DateTime<Utc>,
}

impl AccessToken {
    /// A token that a provider issued.
    #[must_use]
    pub fn new(secret: SecretString, expires_at: DateTime<Utc>) -> Self {
        Self { secret: Arc::new(secret), expires_at }
    }

    /// What is presented upstream.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// When the provider said it ends.
    #[must_use]
    pub const fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }
}

/// Two are the same when they would be presented alike.
impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// What the store keeps of a token. Its transitions consume it; none of them destroys good material (law 3).
#[derive(Clone, Debug, Default)]
pub struct TokenState {
    /// The current access token, good or expired.
    pub access: Option<AccessToken>,
    /// The refresh token in use.
    pub refresh: Option<SecretString>,
    /// A refresh token that the provider has declared dead, kept all the same.
    pub quarantined: Option<SecretString>,
    /// Scopes that the provider granted, separated by blanks.
    pub scopes: Option<String>,
    /// The last success.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// What has been wrong since the last success.
    pub trouble: Option<Trouble>,
}

/// Why a token could not be refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose turn it is.
    pub class: TroubleClass,
    /// One line for the operator: who said what, and the next step.
    pub summary: String,
    /// The first failure in a row.
    pub since: DateTime<Utc>,
    /// How many in a row.
    pub failures: u32,
    /// No attempt before this time.
    pub retry_at: DateTime<Utc>,
}

/// Whose turn it is after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleClass {
    /// Nobody's: the next attempt may succeed.
    Transient,
    /// The administrator's: registration or configuration has to change.
    Configuration,
    /// The user's: the grant has ended and has to be given again.
    Ended,
}

impl TroubleClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transient, Self::Configuration, Self::Ended];

    /// The name in the store and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Configuration => "configuration",
            Self::Ended => "ended",
        }
    }
}

/// What a provider answered to a token request.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The new access token.
    pub access: AccessToken,
    /// A new refresh token; without one the old stays in use.
    pub refresh: Option<SecretString>,
    /// Granted scopes, where the provider says them.
    pub scopes: Option<String>,
}

/// Most that is taken off the life of a token, so that it does not expire on its way.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

impl TokenState {
    /// A refresh token from elsewhere. A quarantined one stays beside it.
    #[must_use]
    pub fn imported(self, refresh: SecretString) -> Self {
        Self { refresh: Some(refresh), quarantined: self.quarantined, ..Self::default() }
    }

    /// The provider granted a token. The old refresh token is replaced only by a new one.
    #[must_use]
    pub fn renewed(self, granted: Granted, now: DateTime<Utc>) -> Self {
        Self {
            access: Some(granted.access),
            refresh: granted.refresh.or(self.refresh),
            quarantined: self.quarantined,
            scopes: granted.scopes.or(self.scopes),
            refreshed_at: Some(now),
            trouble: None,
        }
    }

    /// An attempt failed. All material stays; a grant that has ended loses its refresh token to quarantine.
    #[must_use]
    pub fn failed(mut self, trouble: Trouble) -> Self {
        if trouble.class == TroubleClass::Ended && self.refresh.is_some() {
            self.quarantined = self.refresh.take();
        }
        let first = self.trouble.as_ref();
        let (since, failures) =
            first.map_or((trouble.since, 1), |first| (first.since, first.failures.saturating_add(1)));
        self.trouble = Some(Trouble { since, failures, ..trouble });
        self
    }

    /// The access token, if it has life enough left to be used: a minute, or a quarter of a life that is short.
    #[must_use]
    pub fn usable(&self, now: DateTime<Utc>) -> Option<&AccessToken> {
        self.access.as_ref().filter(|access| access.expires_at - now > self.margin(MARGIN))
    }

    /// When to refresh: so long ahead of expiry, but never in the first half of its life.
    #[must_use]
    pub fn due(&self, ahead: TimeDelta) -> Option<DateTime<Utc>> {
        self.access.as_ref().map(|access| access.expires_at - self.margin(ahead).max(self.margin(MARGIN)))
    }

    /// `most`, or the part of a short life that stands for it.
    fn margin(&self, most: TimeDelta) -> TimeDelta {
        let part = if most > MARGIN { 2 } else { 4 };
        let life = self.access.as_ref().zip(self.refreshed_at).map(|(access, since)| access.expires_at - since);
        life.map_or(most, |life| most.min(life / part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn granted(refresh: Option<&str>, life: i64) -> Granted {
        Granted { access: AccessToken::new("at".into(), at(life)), refresh: refresh.map(Into::into), scopes: None }
    }

    fn trouble(class: TroubleClass, seconds: i64) -> Trouble {
        Trouble { class, summary: "x".into(), since: at(seconds), failures: 1, retry_at: at(seconds + 1) }
    }

    fn secret(secret: Option<&SecretString>) -> Option<&str> {
        secret.map(secrecy::ExposeSecret::expose_secret)
    }

    #[test]
    fn the_old_refresh_token_stays_until_there_is_a_new_one() {
        let state = TokenState::default().imported("r1".into()).renewed(granted(None, 3600), at(0));
        assert_eq!(secret(state.refresh.as_ref()), Some("r1"));
        let state = state.renewed(granted(Some("r2"), 3600), at(0));
        assert_eq!(secret(state.refresh.as_ref()), Some("r2"));
    }

    #[test]
    fn only_an_ended_grant_is_quarantined_and_nothing_is_destroyed() {
        let state = TokenState::default().imported("r1".into()).renewed(granted(None, 3600), at(0));
        let state = state.failed(trouble(TroubleClass::Transient, 1)).failed(trouble(TroubleClass::Configuration, 2));
        assert_eq!(secret(state.refresh.as_ref()), Some("r1"));
        assert_eq!(state.trouble.as_ref().map(|t| (t.since, t.failures)), Some((at(1), 2)));
        let state = state.failed(trouble(TroubleClass::Ended, 3)).failed(trouble(TroubleClass::Ended, 4));
        assert_eq!((secret(state.refresh.as_ref()), secret(state.quarantined.as_ref())), (None, Some("r1")));
        assert!(state.usable(at(5)).is_some(), "the access token lives on");
        let state = state.imported("r2".into());
        assert_eq!((secret(state.refresh.as_ref()), secret(state.quarantined.as_ref())), (Some("r2"), Some("r1")));
    }

    #[test]
    fn margins_shrink_with_short_lives() {
        let hour = TokenState::default().renewed(granted(None, 3600), at(0));
        assert!(hour.usable(at(3539)).is_some() && hour.usable(at(3541)).is_none());
        assert_eq!(hour.due(TimeDelta::seconds(300)), Some(at(3300)));
        let short = TokenState::default().renewed(granted(None, 4), at(0));
        assert!(short.usable(at(2)).is_some() && short.usable(at(3)).is_none());
        assert_eq!(short.due(TimeDelta::seconds(300)), Some(at(2)));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let granted =
            Granted { access: AccessToken::new("s3cret".into(), at(1)), refresh: Some("s3cret".into()), scopes: None };
        let state = TokenState::default().imported("s3cret".into()).renewed(granted.clone(), at(0));
        assert!(!format!("{state:?} {granted:?}").contains("s3cret"));
    }
}
