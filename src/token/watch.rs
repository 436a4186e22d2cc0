use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::entry::Entry;
use super::life::{Shared, Tokens};
use crate::model::{DeadlineKind, TokenState, TroubleClass, deadlines};
use crate::store::Topic;

/// How often deadlines are looked at.
const EVERY: Duration = Duration::from_hours(1);
/// The shortest time between two looks: a grant that was given anew is told of while people still wait for it, and a store that
/// changes all the time is not read all the time.
const SOON: Duration = Duration::from_secs(30);
/// Not at once after the start: what can be refreshed then is not near its end any more.
const FIRST: Duration = Duration::from_secs(20);

impl Tokens {
    /// Tells people of what ends soon, until told to stop.
    pub async fn watch_expiry(self, stop: CancellationToken) {
        let store = &self.shared().store;
        let mut wait = FIRST;
        while stop.run_until_cancelled(sleep(wait)).await.is_some() {
            let seen = store.changes(Topic::Tokens);
            self.tell_of_deadlines().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(EVERY) => {}
                () = store.changed(Topic::Tokens, seen) => {}
            }
            wait = SOON;
        }
    }

    /// One look at all of them.
    pub(super) async fn tell_of_deadlines(&self) {
        for entry in self.shared().entries().iter().filter(|entry| !entry.token.disabled) {
            match self.shared().store.token(&entry.name).await {
                Ok(stored) => look(self.shared(), entry, &stored.state).await,
                Err(fault) => warn!(token = entry.token.name, error = %fault, "store.failed"),
            }
        }
    }
}

async fn look(shared: &Shared, entry: &Entry, state: &TokenState) {
    let (store, now) = (shared.store.as_ref(), shared.now());
    if let Some(ended) = state.trouble.as_ref().filter(|trouble| trouble.class == TroubleClass::Ended) {
        shared.notices.tell_of_end(store, entry, &ended.summary, &ended.remedy).await;
    } else if state.refresh.is_some() && state.trouble.is_none() {
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
            None => shared.notices.expires_late(store, entry, kind.name()).await,
        }
    }
}
