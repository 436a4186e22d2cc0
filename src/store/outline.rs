use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::Version;
use super::row::Row;
use crate::model::{AccessToken, TokenState, Trouble, TroubleClass};

/// What can be told of a token's state without opening it: when it is due, and how it is. A hundred thousand of them are read
/// at once, and other processes tell of them with each save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Its version.
    pub version: Version,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether there is a refresh token.
    pub refresh: bool,
    /// When the grant was given or imported.
    pub authorized_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// The last success.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// What is wrong, since when, and when it is tried again.
    pub trouble: Option<(TroubleClass, DateTime<Utc>, DateTime<Utc>)>,
}

impl Outline {
    /// Of a state.
    #[must_use]
    pub fn of(version: Version, state: &TokenState) -> Self {
        Self {
            version,
            expires_at: state.access.as_ref().map(AccessToken::expires_at),
            refresh: state.refresh.is_some(),
            authorized_at: state.authorized_at,
            refresh_ends_at: state.refresh_ends_at,
            refreshed_at: state.refreshed_at,
            trouble: state.trouble.as_ref().map(|trouble| (trouble.class, trouble.since, trouble.retry_at)),
        }
    }

    /// As a state whose secrets and texts are empty: for its times, and for nothing else.
    #[must_use]
    pub fn blank(&self) -> TokenState {
        let trouble = |(class, since, retry_at)| {
            let (summary, remedy) = (String::new(), String::new());
            Trouble { class, summary, remedy, since, failures: 1, retry_at }
        };
        TokenState {
            access: self.expires_at.map(|at| AccessToken::new(SecretString::default(), at)),
            refresh: self.refresh.then(SecretString::default),
            authorized_at: self.authorized_at,
            refresh_ends_at: self.refresh_ends_at,
            refreshed_at: self.refreshed_at,
            trouble: self.trouble.map(trouble),
            ..TokenState::default()
        }
    }

    /// Whether the grant has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.trouble.is_some_and(|(class, ..)| class == TroubleClass::Ended)
    }

    /// One that says nothing, so that the token is looked at itself.
    const UNSOUND: Self = Self {
        version: Version(0),
        expires_at: None,
        refresh: true,
        authorized_at: None,
        refresh_ends_at: None,
        refreshed_at: None,
        trouble: None,
    };

    /// Of a row whose sealed columns may have been left empty.
    pub(super) fn of_row(version: i64, row: Row) -> Self {
        let time = |at: Option<i64>| at.and_then(DateTime::from_timestamp_millis);
        let (access, refresh) = (row.access_token.is_some(), row.refresh_token.is_some());
        let outline = Self {
            version: Version(version),
            expires_at: time(row.expires_at),
            refresh,
            authorized_at: time(row.authorized_at),
            refresh_ends_at: time(row.refresh_ends_at),
            refreshed_at: time(row.refreshed_at),
            trouble: None,
        };
        match row.trouble() {
            Ok(trouble) if access == outline.expires_at.is_some() => {
                let trouble = trouble.map(|trouble| (trouble.class, trouble.since, trouble.retry_at));
                Self { trouble, ..outline }
            }
            _ => Self::UNSOUND,
        }
    }
}
