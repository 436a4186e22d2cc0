//! The running service: what is served now, and everything that changes it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use super::doors::Door;
use super::generation::Generation;
use super::lasting::{Lasting, tell_of_broken};
use super::monitor::Post;
use super::pages::Office;
use crate::config::Config;
use crate::health::Health;
use crate::registry::Declared;
use crate::trace::Traces;

/// A service that runs.
pub(in crate::cli) struct Live {
    pub(super) lasting: Lasting,
    /// What is served now.
    pub(super) generation: ArcSwap<Generation>,
    pub(super) doors: Mutex<Vec<Arc<Door>>>,
    pub(super) office: Mutex<Office>,
    post: Mutex<Post>,
    /// Everything that runs in the background, sessions too.
    pub(super) tasks: TaskTracker,
    /// One reload at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Where the configuration is read again.
    pub(super) source: OnceLock<Source>,
    /// Sessions that were ended because what is declared has changed.
    ended: AtomicUsize,
}

/// Reads the configuration. It may wait for a disk.
pub(super) type Source = Box<dyn Fn() -> anyhow::Result<Config> + Send + Sync>;

impl Live {
    /// Who watches what is said.
    pub(in crate::cli) fn traces(&self) -> &Arc<Traces> {
        &self.lasting.activity.traces
    }

    pub(super) fn new(lasting: Lasting, generation: Arc<Generation>) -> Self {
        Self {
            lasting,
            generation: ArcSwap::new(generation),
            doors: Mutex::default(),
            office: Mutex::default(),
            post: Mutex::default(),
            tasks: TaskTracker::new(),
            turn: tokio::sync::Mutex::default(),
            source: OnceLock::new(),
            ended: AtomicUsize::new(0),
        }
    }

    /// Where the configuration is read again.
    pub(super) fn read_from(&self, source: Source) {
        drop(self.source.set(source));
    }

    pub(super) fn doors(&self) -> MutexGuard<'_, Vec<Arc<Door>>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether mail is flowing.
    pub(in crate::cli) fn health(&self) -> &Health {
        &self.lasting.health
    }

    /// Serves what is declared from now on.
    pub(super) fn declare(&self, declared: &Declared) -> anyhow::Result<()> {
        let (ended, reachable) = self.generation.load().declare(declared);
        self.ended.fetch_add(ended, Ordering::Relaxed);
        self.lasting.declared.send_replace(());
        reachable
    }

    /// How many sessions were ended by what was declared since the last time that this was asked.
    pub(super) fn take_ended(&self) -> usize {
        self.ended.swap(0, Ordering::Relaxed)
    }

    /// Serves what has changed; of several things that cannot be used, those that are new are told.
    pub(super) fn changed(&self, before: &Declared, now: &Declared) {
        tell_of_broken(now.broken.iter().filter(|fault| !before.broken.contains(fault)));
        if let Some(errors) = &now.errors {
            error!(error = %errors, "config.declaration_broken");
        }
        let accounts = now.accounts.iter().map(|account| &account.name);
        let there: std::collections::HashSet<_> = accounts.chain(&now.unusable).map(String::as_str).collect();
        self.lasting.activity.uses.retain(|account| there.contains(account));
        match self.declare(now) {
            Ok(()) => info!(accounts = now.accounts.len(), tokens = now.tokens.len(), "config.declarations_changed"),
            Err(fault) => error!(error = format!("{fault:#}"), "config.declaration_broken"),
        }
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("lasting", &self.lasting).finish_non_exhaustive()
    }
}
