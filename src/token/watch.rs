use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::entry::Entry;
use super::life::{Shared, Tokens};
use crate::clock;
use crate::model::{DeadlineKind, TokenState, TroubleClass, deadlines};

/// How often deadlines are looked at.
const EVERY: Duration = Duration::from_hours(1);
/// Not at once after the start: what can be refreshed then is not near its end any more.
const FIRST: Duration = Duration::from_secs(20);

impl Tokens {
    /// Tells people of what ends soon, until told to stop.
    pub async fn watch_expiry(self, stop: CancellationToken) {
        let mut wait = FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
            self.tell_of_deadlines().await;
            wait = EVERY;
        }
    }

    /// One look at all of them.
    pub(super) async fn tell_of_deadlines(&self) {
        for entry in self.shared().entries().values() {
            match self.shared().store.token(&entry.name).await {
                Ok(stored) => look(self.shared(), entry, &stored.state).await,
                Err(fault) => warn!(token = entry.token.name, error = %fault, "store.failed"),
            }
        }
    }
}

async fn look(shared: &Shared, entry: &Entry, state: &TokenState) {
    let (store, now) = (shared.store.as_ref(), clock::now());
    if let Some(ended) = state.trouble.as_ref().filter(|trouble| trouble.class == TroubleClass::Ended) {
        shared.notices.tell_of_end(store, entry, &ended.summary, &ended.remedy).await;
    }
    let all = deadlines(&entry.token, state);
    for kind in DeadlineKind::ALL {
        let since = match kind {
            DeadlineKind::Idle => state.refreshed_at.or(state.authorized_at),
            DeadlineKind::RefreshToken | DeadlineKind::Testing => state.authorized_at,
            DeadlineKind::ClientSecret | DeadlineKind::ClientCertificate => None,
        };
        let deadline = all.iter().find(|deadline| deadline.kind == kind);
        match deadline.and_then(|deadline| Some((*deadline, deadline.step(now, since)?))) {
            Some((deadline, step)) => shared.notices.expires_soon(store, entry, deadline, step).await,
            // It has come to its end: there is nothing to be glad of.
            None if kind.of_grant() && state.refresh.is_none() => {}
            None => shared.notices.expires_late(store, entry, kind.name()).await,
        }
    }
}
