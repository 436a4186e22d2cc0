//! The right to refresh a token: one of all processes and replicas has it, by the store's own clock.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::entry::Entry;
use super::flight::in_time;
use super::life::Shared;
use crate::store::{StoreError, Topic};

/// A lease that was granted.
pub(super) struct Lease<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    /// When it was last asked for and granted. The machine's clock may be set meanwhile; this one is not.
    granted: Mutex<Instant>,
}

/// The longest between two looks whether whoever holds the lease is done, should its news be missed.
const LOOK: Duration = Duration::from_secs(1);

impl<'a> Lease<'a> {
    /// Takes it; none while another has it. A store that cannot be written stops the refresh of a grant that might rotate, for
    /// its successor could not be kept; a grant without a refresh token has nothing to lose.
    pub(super) async fn take(shared: &'a Shared, entry: &'a Entry) -> Result<Option<Self>, StoreError> {
        let asked = Instant::now();
        let granted = match ask(shared, entry).await {
            Err(fault) if !entry.token.grant.lives_by_refresh() => {
                warn!(token = entry.name, error = %fault, "store.failed");
                true
            }
            answer => answer?,
        };
        Ok(granted.then(|| Self { shared, entry, granted: Mutex::new(asked) }))
    }

    /// Whether it is still ours, for sure and for long enough: asked right before a refresh token is spent. A process that was
    /// stopped meanwhile, or whose store was slow, may find that another has taken over and spent it already.
    pub(super) async fn is_held(&self) -> Result<bool, StoreError> {
        if self.last_granted().elapsed() < self.shared.settings().lease / 4
            || !self.entry.token.grant.lives_by_refresh()
        {
            return Ok(true);
        }
        self.extend().await
    }

    /// Extends it while the work goes on: discovery, an assertion and the exchange each have their own limit, and whoever took
    /// over would spend the same refresh token once more.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(self.shared.settings().lease / 3, &mut work).await {
                return done;
            }
            // An answer that comes while the disk is slow must not look late.
            let extended = tokio::select! {
                biased;
                done = &mut work => return done,
                extended = self.extend() => extended,
            };
            match extended {
                Ok(false) => warn!(token = self.entry.token.name, "token.lease_lost"),
                Err(fault) => warn!(token = self.entry.token.name, error = %fault, "store.failed"),
                Ok(true) => {}
            }
        }
    }

    /// Gives it back, where it is ours.
    pub(super) async fn release(self) {
        let name = &self.entry.name;
        if let Err(fault) = in_time(self.shared.store.release(name, &self.shared.owner)).await {
            warn!(token = name, error = %fault, "store.failed");
        }
    }

    /// One that has lapsed meanwhile is not ours any more, also where it is granted again: another may have had it in between.
    async fn extend(&self) -> Result<bool, StoreError> {
        let (before, asked) = (self.last_granted(), Instant::now());
        let granted = ask(self.shared, self.entry).await? && before.elapsed() < self.shared.settings().lease;
        if granted {
            *self.granted.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        }
        Ok(granted)
    }

    fn last_granted(&self) -> Instant {
        *self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(shared: &Shared, entry: &Entry) -> Result<bool, StoreError> {
    in_time(shared.store.lease(&entry.name, &shared.owner, shared.settings().lease)).await
}

/// After an attempt to save what could not be saved under the lease: it goes on until that is done. Where the store cannot be
/// asked for it either, its answer is for the log of the attempt.
pub(super) async fn after(shared: &Shared, entry: &Entry, saved: bool) {
    if saved {
        drop(in_time(shared.store.release(&entry.name, &shared.owner)).await);
    } else {
        drop(ask(shared, entry).await);
    }
}

/// Waits until whoever holds the lease may be done: what it saves is news.
pub(super) async fn news(shared: &Shared, entry: &Entry, seen: u64) {
    tokio::select! {
        () = shared.store.changed(Topic::Token(&entry.name), seen) => {}
        () = sleep(LOOK) => {}
    }
}
