//! What other processes made of the tokens, as far as it can be told without reading them: so many replicas, so many that would
//! read what one of them has refreshed, and none of them needs it before the next login.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::flight::in_time;
use super::life::Shared;
use super::refresher::staggered;
use crate::store::{Outline, StoreError, Topic};

/// What was heard.
#[derive(Debug)]
pub(super) struct Heard {
    /// The store's count of changes of tokens in general, plus one, when all outlines were read; 0 before.
    learned: AtomicU64,
    /// When the refresher looks again, in Unix milliseconds.
    next: AtomicI64,
    /// Those of which people may have to be told something.
    concerning: Mutex<HashSet<String>>,
    /// There is one.
    pub(super) concerned: Notify,
}

impl Default for Heard {
    fn default() -> Self {
        let (learned, next) = (AtomicU64::new(0), AtomicI64::new(i64::MIN));
        Self { learned, next, concerning: Mutex::default(), concerned: Notify::new() }
    }
}

impl Heard {
    /// The refresher sleeps until then.
    pub(super) fn sleeps_until(&self, next: DateTime<Utc>) {
        self.next.store(next.timestamp_millis(), Ordering::Relaxed);
    }

    /// Those that people may have to be told of, once.
    pub(super) fn take_concerning(&self) -> HashSet<String> {
        std::mem::take(&mut *self.concerning.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// Has the store tell of what others save.
    pub(super) fn listen(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        self.store.tell(Box::new(move |name, outline, changes| {
            if let Some(shared) = weak.upgrade() {
                shared.hear(name, outline, changes);
            }
        }));
    }

    /// Another process has saved a token. Nobody is woken for what is due later than anything else.
    fn hear(&self, name: &str, outline: Outline, changes: u64) {
        let Some(entry) = self.entry_of(name) else { return };
        if entry.hear(outline, changes) {
            self.concern(name);
        }
        let due = entry.due(staggered(self, name), self.store.as_ref(), self.now());
        if due.is_some_and(|due| due.timestamp_millis() < self.heard.next.load(Ordering::Relaxed)) {
            self.moved.notify_one();
        }
    }

    /// Reads how all tokens are, in one question and without opening any, if some may have changed and it is not known which.
    pub(super) async fn learn(&self) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        let general = store.changes(Topic::Tokens).wrapping_add(1);
        if self.heard.learned.load(Ordering::Relaxed) == general {
            return Ok(());
        }
        let entries: Vec<_> = self.entries().into_iter().map(|entry| (entry.changes(store), entry)).collect();
        let outlines: HashMap<_, _> = in_time(store.outlines()).await?.into_iter().collect();
        for (changes, entry) in entries {
            if entry.hear(outlines.get(&entry.name).copied().unwrap_or_default(), changes) {
                self.concern(&entry.name);
            }
        }
        self.heard.learned.store(general, Ordering::Relaxed);
        Ok(())
    }

    fn concern(&self, name: &str) {
        self.heard.concerning.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.heard.concerned.notify_one();
    }
}

/// An outline, and the store's count of changes of the token when it was so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) outline: Outline,
    pub(super) changes: u64,
}

impl Told {
    /// Whether people may have to be told something, now that it is like this: of an end, or that it is over. What this process
    /// makes of a token itself it tells itself.
    pub(super) fn concerns(before: Option<Outline>, now: &Outline) -> bool {
        let ended = |outline: &Outline| outline.has_ended();
        before.map_or(ended(now), |before| ended(&before) != ended(now) || before.authorized_at != now.authorized_at)
    }
}
