use std::sync::Arc;

use chrono::{DateTime, Utc};
use smtp_proto::EXT_PIPELINING;
use tokio::time::Instant;

use super::Key;
use crate::net::Link;
use crate::proto::Input;
use crate::proto::smtp::Extensions;
use crate::submit::gate::Permit;
use crate::submit::legs;

/// An authenticated session at an SMTP server, and its place at the mailbox.
#[derive(Debug)]
pub struct Leg {
    /// The connection.
    pub link: Link,
    /// What it has sent.
    pub ahead: Input,
    /// What it offers.
    pub extensions: Extensions,
    /// Where it comes from.
    pub origin: Origin,
    /// Given up behind the connection.
    pub permit: Permit,
}

/// Where an upstream session comes from, and what it has done.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Who may use it.
    pub key: Arc<Key>,
    /// For which account, by its name.
    pub account: String,
    /// When the server let it in.
    pub since: DateTime<Utc>,
    /// The same for the bounds of its life.
    pub opened: Instant,
    /// Messages that it took.
    pub messages: u32,
    /// How this program came by it.
    pub way: Way,
}

/// How a program comes by its session at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was made for it.
    New,
    /// Another has left it behind.
    Reused {
        /// The reply to the RSET in between is still due; it comes before all others.
        owed: bool,
    },
}

impl Way {
    /// Whether another has used it before.
    #[must_use]
    pub const fn is_reused(self) -> bool {
        matches!(self, Self::Reused { .. })
    }
}

impl Leg {
    /// Whether commands may follow each other without waiting for replies (RFC 2920).
    pub(super) const fn takes_groups(&self) -> bool {
        self.extensions.flags & EXT_PIPELINING != 0
    }

    /// Says goodbye; then the next one of the mailbox may come.
    pub async fn hang_up(mut self) {
        legs::goodbye_upstream(&mut self.link, true).await;
        drop(self.permit);
    }
}
