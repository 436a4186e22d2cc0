use chrono::{DateTime, TimeDelta, Utc};

use super::{ClientAuthentication, Family, Grant, Token, TokenState};

/// Something of a token that ends, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// What ends.
    pub kind: DeadlineKind,
    /// When.
    pub at: DateTime<Utc>,
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineKind {
    /// `client_secret_ends` of the configuration.
    ClientSecret,
    /// The certificate of the client.
    ClientCertificate,
    /// The refresh token, because nobody uses it.
    Idle,
    /// The refresh token, because the provider said so.
    RefreshToken,
    /// A grant of an app in Google's Testing state.
    Testing,
}

impl DeadlineKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ClientSecret, Self::ClientCertificate, Self::Idle, Self::RefreshToken, Self::Testing];

    /// Whether it is the grant that ends, and not what the client proves itself by.
    #[must_use]
    pub const fn of_grant(self) -> bool {
        matches!(self, Self::Idle | Self::RefreshToken | Self::Testing)
    }

    /// When it began to run, where that is known.
    #[must_use]
    pub fn since(self, state: &TokenState) -> Option<DateTime<Utc>> {
        match self {
            Self::Idle => state.refreshed_at.or(state.authorized_at),
            Self::RefreshToken | Self::Testing => state.authorized_at,
            Self::ClientSecret | Self::ClientCertificate => None,
        }
    }

    /// The name in logs and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ClientCertificate => "client_certificate",
            Self::Idle => "idle_refresh_token",
            Self::RefreshToken => "refresh_token",
            Self::Testing => "testing_grant",
        }
    }

    /// The next step; `{token}` stands for the token's name.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::ClientSecret => {
                "make a new secret in the app registration, change client_secret and client_secret_ends"
            }
            Self::ClientCertificate => {
                "make a new certificate, add it to the app registration, and put it in client_certificate"
            }
            Self::Idle => "it could not be refreshed for long; see `gatepost token show {token}`",
            Self::RefreshToken => "run `gatepost token authorize {token}`",
            Self::Testing => {
                "publish the app (OAuth consent screen → Publish app), then run `gatepost token authorize {token}`"
            }
        }
    }
}

/// Google's grants of apps in Testing (developers.google.com, "Refresh token expiration").
const TESTING: TimeDelta = TimeDelta::days(7);

/// Everything of a token that is known to end.
#[must_use]
pub fn deadlines(token: &Token, state: &TokenState) -> Vec<Deadline> {
    let held = state.refresh.is_some();
    let idle = token.provider.manners.refresh_idle_days.map(|days| TimeDelta::days(days.into()));
    let used = state.refreshed_at.or(state.authorized_at).filter(|_| held);
    let testing = token.testing && token.provider.family == Family::Google && held && state.refresh_ends_at.is_none();
    let certificate = match &token.client_authentication {
        ClientAuthentication::Certificate(certificate) => Some(certificate.ends),
        _ => None,
    };
    let secret = token.secret_ends.filter(|_| !matches!(token.grant, Grant::AppPassword(_)));
    let all = [
        (DeadlineKind::ClientSecret, secret),
        (DeadlineKind::ClientCertificate, certificate),
        (DeadlineKind::Idle, used.zip(idle).map(|(used, idle)| used + idle)),
        (DeadlineKind::RefreshToken, state.refresh_ends_at.filter(|_| held)),
        (DeadlineKind::Testing, state.authorized_at.filter(|_| testing).map(|at| at + TESTING)),
    ];
    all.into_iter().filter_map(|(kind, at)| Some(Deadline { kind, at: at? })).collect()
}

/// Days ahead of a deadline at which it is told.
const STEPS: [i64; 4] = [1, 7, 14, 30];

impl Deadline {
    /// The narrowest step that is reached now, in days; `None` while it is far.
    ///
    /// What lives no longer than a step from the start (a week's grant, 90 idle days that begin anew each day) is not told
    /// of on its first day: a step counts only when it is less than the deadline's whole span.
    #[must_use]
    pub fn step(&self, now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> Option<i64> {
        let left = self.at - now;
        let span = since.map(|since| self.at - since);
        STEPS.into_iter().find(|&step| {
            let days = TimeDelta::days(step);
            left <= days && span.is_none_or(|span| days < span)
        })
    }
}
