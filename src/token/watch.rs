use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::entry::Entry;
use super::flight::in_time;
use super::life::{Shared, Tokens};
use crate::model::{DeadlineKind, TokenState, TroubleClass, deadlines};
use crate::store::StoreError;

/// How often deadlines are looked at.
const EVERY: Duration = Duration::from_hours(1);
/// How soon what others have changed is looked at: a grant that was given anew is told of while people still wait for it, and one
/// that is still being changed is not looked at for each change.
const SOON: Duration = Duration::from_secs(30);
/// Not at once after the start: what can be refreshed then is not near its end any more.
const FIRST: Duration = Duration::from_secs(20);

/// What stands for the look at all of them, where tokens have leases. No token is called so.
const LOOK: &str = "\u{1f}deadlines";

impl Tokens {
    /// Tells people of what ends soon, until told to stop: of all tokens after the start, and every hour, which of several
    /// replicas one does for all; of one soon after others have changed it.
    pub async fn watch_expiry(self, stop: CancellationToken) {
        if stop.run_until_cancelled(sleep(FIRST)).await.is_none() {
            return;
        }
        self.tell_of_deadlines().await;
        let mut again = interval_at(Instant::now() + EVERY, EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = again.tick() => if self.is_ours().await { self.tell_of_deadlines().await },
                () = self.shared().heard.concerned.notified() => {
                    if stop.run_until_cancelled(sleep(SOON)).await.is_none() {
                        return;
                    }
                    self.tell_of_concerning().await;
                }
            }
        }
    }

    /// Whether no other has looked at all of them in this hour.
    async fn is_ours(&self) -> bool {
        let shared = self.shared();
        let taken = in_time(shared.store.lease(LOOK, &shared.owner, EVERY * 9 / 10)).await;
        // Rather twice than not at all: what was told is not told again.
        taken.unwrap_or(true)
    }

    /// One look at all of them.
    pub(super) async fn tell_of_deadlines(&self) {
        if let Err(fault) = self.look_at_all().await {
            warn!(error = %fault, "store.failed");
        }
    }

    async fn look_at_all(&self) -> Result<(), StoreError> {
        let shared = self.shared();
        let outlines: HashMap<_, _> = in_time(shared.store.outlines()).await?.into_iter().collect();
        let announced = in_time(shared.store.announced()).await?;
        let told: HashSet<_> = announced.iter().map(|(token, _)| token.as_str()).collect();
        for entry in shared.entries().iter().filter(|entry| !entry.token.disabled) {
            let outline = outlines.get(&entry.name).copied().unwrap_or_default();
            let is_told = told.contains(entry.name.as_str());
            if outline.has_ended() {
                self.look_at(entry).await;
            } else {
                look(shared, entry, &outline.blank(), is_told).await;
            }
        }
        Ok(())
    }

    /// A look at those that others have changed.
    async fn tell_of_concerning(&self) {
        for name in self.shared().heard.take_concerning() {
            if let Some(entry) = self.shared().entry_of(&name).filter(|entry| !entry.token.disabled) {
                self.look_at(&entry).await;
            }
        }
    }

    async fn look_at(&self, entry: &Entry) {
        match in_time(self.shared().store.token(&entry.name)).await {
            Ok(stored) => look(self.shared(), entry, &stored.state, true).await,
            Err(fault) => warn!(token = entry.token.name, error = %fault, "store.failed"),
        }
    }
}

/// `told`: people may have been told of something that is over now.
async fn look(shared: &Shared, entry: &Entry, state: &TokenState, told: bool) {
    let (store, now) = (shared.store.as_ref(), shared.now());
    if let Some(ended) = state.trouble.as_ref().filter(|trouble| trouble.class == TroubleClass::Ended) {
        shared.notices.tell_of_end(store, entry, &ended.summary, &ended.remedy).await;
    } else if told && state.refresh.is_some() && state.trouble.is_none() {
        // Given anew, perhaps by another process.
        shared.notices.recovered(store, entry).await;
    }
    let all = deadlines(&entry.token, state);
    for kind in DeadlineKind::ALL {
        let deadline = all.iter().find(|deadline| deadline.kind == kind);
        match deadline.and_then(|deadline| Some((*deadline, deadline.step(now, kind.since(state))?))) {
            Some((deadline, step)) => shared.notices.expires_soon(store, entry, deadline, step).await,
            // It has come to its end: there is nothing to be glad of.
            None if kind.of_grant() && state.refresh.is_none() => {}
            None if told => shared.notices.expires_late(store, entry, kind.name()).await,
            None => {}
        }
    }
}
