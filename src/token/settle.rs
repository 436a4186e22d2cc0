//! The end: what was received is saved, as long as there is time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, warn};

use super::entry::Entry;
use super::flight::save_pending;
use super::lease;
use super::life::{Shared, Tokens};

/// Between two attempts to save at the end.
const BETWEEN_SAVES: Duration = Duration::from_millis(500);
/// For what could not be saved until the end, at least.
const LAST_SAVE: Duration = Duration::from_secs(3);

impl Tokens {
    /// Waits until no refresh is under way and all that was received is saved, about `limit` at most: one that is cut off may lose
    /// a rotated refresh token.
    pub async fn settle(&self, limit: Duration) {
        let (shared, end) = (self.shared(), Instant::now() + limit);
        let unfinished = shared.flights.finished(limit).await;
        if unfinished > 0 {
            warn!(unfinished, "token.refresh_cut_off");
        }
        let end = end.max(Instant::now() + LAST_SAVE);
        let all = shared.entries().into_iter().chain(shared.aside().clone());
        let unsaved = all.filter(|entry| entry.under_way.is_anything());
        let saves: JoinSet<()> = unsaved.map(|entry| Arc::clone(shared).save_at_last(entry, end)).collect();
        saves.join_all().await;
    }
}

impl Shared {
    /// One that cannot be saved holds up no other.
    async fn save_at_last(self: Arc<Self>, entry: Arc<Entry>, end: Instant) {
        let rotates = entry.holds_successor();
        let saving = async {
            while save_pending(&self, &entry).await.is_err() {
                sleep(BETWEEN_SAVES).await;
            }
        };
        if timeout_at(end, saving).await.is_err() {
            error!(token = entry.token.name, "token.lost_with_the_process");
        } else if rotates {
            // Another replica need not wait until it ends.
            drop(timeout_at(end, lease::after(&self, &entry, true)).await);
        }
    }
}
