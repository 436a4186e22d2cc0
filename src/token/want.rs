use chrono::{DateTime, TimeDelta, Utc};

use super::error::TokenError;
use crate::model::{AccessToken, Token, TokenState};

/// What a caller needs.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// Any token with life enough to be used.
    Usable,
    /// Another than this one, which an upstream refused.
    Another(AccessToken),
    /// One that does not expire so soon.
    Fresh(TimeDelta),
    /// One that was obtained after this time, whatever the trouble: an administrator wishes so.
    Since(DateTime<Utc>),
}

impl Want {
    /// Whether what a flight that someone else started has brought will do.
    pub(super) fn may_be(&self, brought: &Result<AccessToken, TokenError>) -> bool {
        match (self, brought) {
            (Self::Another(refused), Ok(access)) => access != refused,
            // It may have found what was there before, or have been held up.
            (Self::Since(_), _) => false,
            _ => true,
        }
    }
}

/// The token of a state, if it is what is wanted. What another provider issued is good for nothing here.
pub(super) fn suitable(state: &TokenState, token: &Token, want: &Want, now: DateTime<Utc>) -> Option<AccessToken> {
    let usable = state.usable(now)?;
    let wanted = match want {
        Want::Usable => true,
        Want::Another(refused) => usable != refused,
        Want::Fresh(ahead) => state.due(*ahead).is_some_and(|due| due > now),
        Want::Since(time) => state.refreshed_at.is_some_and(|at| at > *time),
    };
    (wanted && token.owns(state)).then(|| usable.clone())
}
