use crate::model::{Trouble, TroubleClass};
use crate::store::StoreError;

/// Why there is no access token now. For the operator; [`TokenError::for_client`] is what a mail client may hear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No such token is declared.
    #[error("token {0:?} is not declared")]
    Unknown(String),
    /// It was never given.
    #[error("token {0:?} holds no refresh token yet; import one with `gatepost token import {0}`")]
    Empty(String),
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
        let (token, why) = (token.to_owned(), trouble.summary.clone());
        match trouble.class {
            TroubleClass::Ended => Self::NeedsAuthorization { token, why },
            TroubleClass::Transient | TroubleClass::Configuration => Self::Unavailable { token, why },
        }
    }

    /// One line that says what the person at the client can do, without anything of the provider's.
    #[must_use]
    pub fn for_client(&self) -> String {
        match self {
            Self::Unknown(token) | Self::Empty(token) | Self::NeedsAuthorization { token, .. } => {
                format!("token '{token}' needs to be authorized again, ask the administrator")
            }
            Self::Unavailable { token, .. } | Self::Timeout { token, .. } => {
                format!("token '{token}' cannot be refreshed now, try again later")
            }
            Self::Store(_) => "the token store is not available now, try again later".into(),
        }
    }
}
