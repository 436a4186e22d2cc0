use crate::model::{Grant, Token, Trouble, TroubleClass};
use crate::store::StoreError;

/// Why there is no access token now. For the operator; [`TokenError::for_client`] is what a mail client may hear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No such token is declared.
    #[error("token {0:?} is not declared")]
    Unknown(String),
    /// Somebody has switched it off.
    #[error("token {0:?} is disabled; `gatepost token enable {0}` switches it on again")]
    Disabled(String),
    /// It was never given.
    #[error("token {token:?} holds no grant yet; {remedy}")]
    Empty {
        /// Which.
        token: String,
        /// The next step.
        remedy: String,
    },
    /// Its endpoint or client was changed, and what it holds belongs to the old ones.
    #[error(
        "token {token:?} holds a grant of {issued}, and is configured for {now}; authorize it anew, or take the change back: nothing was dropped or sent"
    )]
    Moved {
        /// Which.
        token: String,
        /// Who issued the refresh token, and to which client.
        issued: String,
        /// Who would get it now.
        now: String,
    },
    /// The grant has ended.
    #[error("token {token:?} needs to be authorized again: {why}")]
    NeedsAuthorization {
        /// Which.
        token: String,
        /// Who said so.
        why: String,
    },
    /// It cannot be refreshed now.
    #[error("token {token:?} cannot be refreshed: {why}")]
    Unavailable {
        /// Which.
        token: String,
        /// Why, and the next step.
        why: String,
    },
    /// The refresh takes too long.
    #[error("token {token:?} was not refreshed within {seconds} s; the token endpoint is slow or does not answer")]
    Timeout {
        /// Which.
        token: String,
        /// The limit (`limits.token_seconds`).
        seconds: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TokenError {
    /// What a trouble means to those who ask for the token.
    pub(super) fn of(token: &str, trouble: &Trouble) -> Self {
        let token = Token::of_state(token).0.to_owned();
        let why = format!("{}; next: {}", trouble.summary, trouble.remedy);
        match trouble.class {
            TroubleClass::Ended => Self::NeedsAuthorization { token, why },
            TroubleClass::Transient | TroubleClass::Configuration => Self::Unavailable { token, why },
        }
    }

    /// A token that was never given.
    pub(super) fn empty(token: &Token) -> Self {
        let name = &token.name;
        let remedy = match token.grant {
            Grant::RefreshToken => format!("import one with `gatepost token import {name}`"),
            _ => format!("run `gatepost token authorize {name}`"),
        };
        Self::Empty { token: name.clone(), remedy }
    }

    /// One line that says what the person at the client can do, without anything of the provider's.
    #[must_use]
    pub fn for_client(&self) -> String {
        match self {
            Self::Disabled(token) => format!("token '{token}' is disabled, ask the administrator"),
            Self::Unknown(token)
            | Self::Empty { token, .. }
            | Self::Moved { token, .. }
            | Self::NeedsAuthorization { token, .. } => {
                format!("token '{token}' needs to be authorized again, ask the administrator")
            }
            Self::Unavailable { token, .. } | Self::Timeout { token, .. } => {
                format!("token '{token}' cannot be refreshed now, try again later")
            }
            Self::Store(_) => "the token store is not available now, try again later".into(),
        }
    }
}
