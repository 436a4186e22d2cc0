use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::entry::Entry;
use super::life::{Shared, Tokens};
use super::want::Want;
use crate::model::spread;
use crate::store::Topic;

/// Refreshes at a time for each provider: a restart with a thousand tokens must not look like an attack to it, and one that
/// hangs takes no other's places.
const AT_A_TIME: usize = 8;
/// The longest sleep, should nothing wake it: a clock that was set, or a machine that slept, is noticed.
const LONGEST: TimeDelta = TimeDelta::minutes(10);
/// The shortest, so that a token that cannot be refreshed does not keep the processor awake.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);

impl Tokens {
    /// Refreshes every token ahead of its expiry, also when nobody logs in, until told to stop. A token that hangs holds
    /// up no other but by its place among the [`AT_A_TIME`] of its provider.
    pub async fn refresh_ahead(self, stop: CancellationToken) {
        let mut places: HashMap<String, Arc<Semaphore>> = HashMap::new();
        let mut under_way = JoinSet::new();
        let mut busy = HashSet::new();
        loop {
            let (now, store) = (self.shared().now(), self.shared().store.as_ref());
            let changes = store.changes(Topic::Tokens);
            // Where it cannot be learned, each is looked at by itself.
            if let Err(fault) = self.shared().learn().await {
                warn!(error = %fault, "store.failed");
            }
            let mut next = now + LONGEST;
            // Whatever is heard meanwhile may be of one that was looked at already.
            self.shared().heard.sleeps_until(DateTime::<Utc>::MAX_UTC);
            for entry in &self.shared().entries() {
                let ahead = staggered(self.shared(), &entry.name);
                let Some(due) = entry.due(ahead, store, now) else { continue };
                if due > now {
                    next = next.min(due);
                } else if busy.insert(entry.name.clone()) {
                    let provider = entry.token.provider.name.clone();
                    let places = places.entry(provider).or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME)));
                    under_way.spawn(refresh(self.clone(), Arc::clone(entry), ahead, Arc::clone(places)));
                }
            }
            self.shared().heard.sleeps_until(next);
            let wait = (next - self.shared().now()).clamp(SHORTEST, LONGEST).to_std().unwrap_or(Duration::from_secs(1));
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
                // Not for each of many changes: all tokens are looked at.
                () = later(store.changed(Topic::Tokens, changes)) => {}
                () = later(self.shared().moved.notified()) => {}
                Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                    settle(&mut busy, done);
                    // A thousand that are refreshed at a start are not looked at a thousand times.
                    if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                        return;
                    }
                    while let Some(done) = under_way.try_join_next() {
                        settle(&mut busy, done);
                    }
                }
            }
        }
    }
}

/// Each process has another order, so that a token that falls due is refreshed by one while the others need not even ask.
pub(super) fn staggered(shared: &Shared, name: &str) -> TimeDelta {
    let ahead = spread(shared.ahead(), name);
    let place =
        name.bytes().chain(shared.owner.bytes()).fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    ahead - ahead * i32::from(place) / (8 * 255)
}

fn settle(busy: &mut HashSet<String>, done: Result<String, JoinError>) {
    match done {
        Ok(name) => drop(busy.remove(&name)),
        // It broke, and nobody knows which it was: a refresh that goes on is joined, not begun again.
        Err(_) => busy.clear(),
    }
}

async fn later(news: impl Future<Output = ()>) {
    news.await;
    sleep(PAUSE).await;
}

async fn refresh(tokens: Tokens, entry: Arc<Entry>, ahead: TimeDelta, places: Arc<Semaphore>) -> String {
    let name = entry.name.clone();
    if let Ok(_place) = places.acquire().await {
        // What went wrong was logged by the flight, and stands in the store.
        if tokens.shared().obtain(&entry, Want::Fresh(ahead)).await.is_err() {
            sleep(PAUSE).await;
        }
    }
    name
}

/// After a change, after a refresh, and after a failure before the token is looked at again; its own back-off is in the store.
const PAUSE: Duration = Duration::from_secs(1);
