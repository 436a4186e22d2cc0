use std::time::Duration;

use super::Pass;
use super::lane::Hindrance;
use crate::model::Protocol;

/// Waiting was in vain, or would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// All that the mailbox may have are in use.
    #[error(
        "the mailbox's {limit} are in use, and none came free within {seconds} s (`limits` of the provider, limits.gate_seconds)"
    )]
    InUse {
        /// The limit's name.
        limit: &'static str,
        /// How long it was waited.
        seconds: u64,
    },
    /// The provider asked for a pause, or refuses everything for now.
    #[error("the provider slows the mailbox down, for {seconds} s more (see upstream.throttled)")]
    Paused {
        /// How long nobody goes; 0 while it is found out whether it is over.
        seconds: u64,
    },
    /// Too many wait.
    #[error("{waiters} wait for the mailbox already (limits.gate_waiters)")]
    Crowded {
        /// The bound.
        waiters: usize,
    },
}

impl Full {
    pub(super) fn because(hindrance: Hindrance, pass: Pass, waited: Duration, left: Duration) -> Self {
        let limit = match (hindrance, pass) {
            (Hindrance::Pause, _) => {
                return Self::Paused { seconds: left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX) };
            }
            (Hindrance::Rate, _) | (_, Pass::Message) => "messages_per_minute",
            (Hindrance::Sessions | Hindrance::Share, Pass::Session(Protocol::Smtp)) => "smtp_sessions",
            (Hindrance::Sessions | Hindrance::Share, Pass::Session(Protocol::Imap)) => "imap_sessions",
            (Hindrance::Sessions | Hindrance::Share, Pass::Session(Protocol::Pop3)) => "pop3_sessions",
        };
        Self::InUse { limit, seconds: waited.as_secs() }
    }

    /// The limit's name; `provider` for one that only the provider knows.
    #[must_use]
    pub const fn limit(&self) -> &'static str {
        match self {
            Self::InUse { limit, .. } => limit,
            Self::Paused { .. } => "provider",
            Self::Crowded { .. } => "gate_waiters",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn for_client(&self) -> String {
        match self {
            Self::InUse { limit: "messages_per_minute", .. } => {
                "the mailbox has sent as many messages as it may for now; try again later".into()
            }
            Self::InUse { .. } => "the mailbox is in use by as many programs as it may be; try again later".into(),
            Self::Paused { seconds: 0..=60 } => "the mail provider slows this mailbox down; try again later".into(),
            Self::Paused { seconds } => {
                format!("the mail provider slows this mailbox down; try again in {} minutes", seconds.div_ceil(60))
            }
            Self::Crowded { .. } => "too many programs wait for the mailbox; try again later".into(),
        }
    }
}
