use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};

use tokio::sync::oneshot;

use super::{Asker, Kept, Key, Leg};
use crate::submit::gate::MailboxGate;

/// Who waits for a place of a mailbox and would take a session of its key instead, in the order of their coming: a value
/// without clock or IO.
#[derive(Debug, Default)]
pub(super) struct Heirs {
    next: u64,
    of_mailbox: HashMap<Arc<str>, VecDeque<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    key: Key,
    call: Asker,
}

/// Someone waits; leaves when dropped.
#[derive(Debug)]
pub struct Heir<'a> {
    kept: &'a Kept,
    mailbox: Arc<str>,
    number: u64,
    leg: oneshot::Receiver<Leg>,
}

impl Kept {
    /// Gets the session of a program of this key that leaves, if others wait for its place and this one is the first of them.
    pub fn heir(&self, mailbox: &MailboxGate, key: Key) -> Heir<'_> {
        let (call, leg) = oneshot::channel();
        let mailbox = Arc::clone(mailbox.key());
        let number = self.heirs().join(&mailbox, key, call);
        Heir { kept: self, mailbox, number, leg }
    }

    pub(super) fn heirs(&self) -> std::sync::MutexGuard<'_, Heirs> {
        self.heirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heir<'_> {
    /// Until there is one.
    pub async fn leg(&mut self) -> Leg {
        match (&mut self.leg).await {
            Ok(leg) => leg,
            // It was promised and then did not come about.
            Err(_) => std::future::pending().await,
        }
    }

    /// The session, if it has come.
    #[must_use]
    pub fn now(mut self) -> Option<Leg> {
        self.leg.try_recv().ok()
    }
}

impl Drop for Heir<'_> {
    fn drop(&mut self) {
        self.kept.heirs().leave(&self.mailbox, self.number);
    }
}

impl Heirs {
    fn join(&mut self, mailbox: &Arc<str>, key: Key, call: Asker) -> u64 {
        let number = self.next;
        self.next += 1;
        self.of_mailbox.entry(Arc::clone(mailbox)).or_default().push_back(Waiting { number, key, call });
        number
    }

    fn leave(&mut self, mailbox: &str, number: u64) {
        let Some(waiting) = self.of_mailbox.get_mut(mailbox) else { return };
        waiting.retain(|waiting| waiting.number != number);
        if waiting.is_empty() {
            self.of_mailbox.remove(mailbox);
        }
    }

    /// How the first one is called, if it is of this key: nobody overtakes another.
    pub(super) fn first(&mut self, mailbox: &str, key: &Key) -> Option<Asker> {
        let waiting = self.of_mailbox.get_mut(mailbox)?;
        while waiting.front().is_some_and(|first| first.call.is_closed()) {
            waiting.pop_front();
        }
        let first = waiting.pop_front_if(|first| first.key == *key)?;
        if waiting.is_empty() {
            self.of_mailbox.remove(mailbox);
        }
        Some(first.call)
    }
}
