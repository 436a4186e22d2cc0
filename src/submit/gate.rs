//! What a mailbox may do upstream at a time and a minute, and being left in peace when its provider says so.
//!
//! Each mailbox has four lanes: a session of each protocol passes one, a message another. A lane lets through as many as the
//! provider allows; the others wait in the order in which they came, for a bounded time and not too many of them. What went
//! through holds a [`Permit`] until it is over, whichever way.
//!
//! One lock guards it all. It is held for a few comparisons, never across an await.

mod bucket;
mod client;
mod figures;
mod full;
mod lane;
mod mailbox;
mod pause;
mod permit;
mod queue;
mod share;
#[cfg(test)]
mod tests;

pub use client::Missed;
pub use figures::Figures;
pub use full::Full;
pub use permit::{MailboxGate, Permit};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::model::{Account, Protocol, Provider};
use crate::share::Shares;
use mailbox::Mailbox;
use share::Parts;

/// The limits of all mailboxes, and who waits for them.
#[derive(Debug)]
pub struct Gate {
    settings: ArcSwap<GateSettings>,
    mailboxes: Mutex<Mailboxes>,
    /// Where the limits are those of several replicas.
    shares: Option<Arc<Shares>>,
}

/// Bounds of waiting.
#[derive(Clone, Copy, Debug)]
pub struct GateSettings {
    /// How long to wait (`limits.gate_seconds`).
    pub wait: Duration,
    /// How many wait for the same (`limits.gate_waiters`).
    pub waiters: usize,
    /// How long an SMTP session may be without a message while others wait for its place (`limits.gate_idle_seconds`).
    pub idle: Duration,
}

/// What is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// A session, from before the connection to the provider until it is closed.
    Session(Protocol),
    /// A message, from MAIL until its outcome.
    Message,
}

#[derive(Debug)]
struct Mailboxes {
    by_key: HashMap<Arc<str>, Mailbox>,
    swept: Instant,
}

/// How often mailboxes are forgotten that are idle and were not when they were last left.
const SWEEP: Duration = Duration::from_mins(1);

impl Gate {
    /// Nobody is through, nobody waits.
    #[must_use]
    pub fn new(settings: GateSettings) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            mailboxes: Mutex::new(Mailboxes { by_key: HashMap::new(), swept: Instant::now() }),
            shares: None,
        }
    }

    /// The same limits hold for other replicas, too.
    #[must_use]
    pub fn sharing(self, shares: Option<Arc<Shares>>) -> Self {
        Self { shares, ..self }
    }

    /// These bounds from now on; who waits already keeps the old ones.
    pub fn set(&self, settings: GateSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// The gate of one mailbox: of this user at this provider.
    #[must_use]
    pub fn of(self: &Arc<Self>, provider: &Provider, user: &str) -> MailboxGate {
        let user = Account::folded(user);
        let key = format!("{}\0{user}", provider.name).into();
        let parts = self.shares.as_ref().map(|shares| Parts::new(shares, &provider.name, &user));
        MailboxGate::new(Arc::clone(self), key, provider.limits, parts)
    }

    fn lock(&self) -> MutexGuard<'_, Mailboxes> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many mailboxes are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.lock().by_key.len()
    }
}

impl Mailboxes {
    /// The mailbox, made where there is none; now and then others are forgotten that were only remembered for a while.
    fn enter(&mut self, key: &Arc<str>, now: Instant) -> &mut Mailbox {
        if now.saturating_duration_since(self.swept) >= SWEEP && !self.by_key.contains_key(key) {
            self.swept = now;
            self.by_key.retain(|_, mailbox| !mailbox.is_forgotten(now));
        }
        self.by_key.entry(Arc::clone(key)).or_default()
    }

    /// Forgets the mailbox if nothing would be lost with it.
    fn leave(&mut self, key: &str, now: Instant) {
        if self.by_key.get(key).is_some_and(|mailbox| mailbox.is_forgotten(now)) {
            self.by_key.remove(key);
        }
    }
}
