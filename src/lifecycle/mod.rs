//! How the service lives and ends: what has to be finished first, what a panic must not take with it, and what it waits for
//! meanwhile.

mod files;
mod kept;
mod panics;
mod signals;
pub mod systemd;

pub use files::Files;
pub use kept::kept;
pub use panics::{Caught, Panicked, note_where_it_panics};
pub use signals::{Signal, Signals, StopSignal};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Counts work that must not be cut off, such as a message on its way.
#[derive(Clone, Debug)]
pub struct Busy(Arc<watch::Sender<usize>>);

/// One piece of work under way; ends when dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the work is done"]
pub struct UnderWay(Arc<watch::Sender<usize>>);

impl Default for Busy {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Busy {
    /// Work begins.
    pub fn enter(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(Arc::clone(&self.0))
    }

    /// How much is under way.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until nothing is under way, at most `limit`. Returns what still is.
    pub async fn finished(&self, limit: Duration) -> usize {
        let mut count = self.0.subscribe();
        drop(timeout(limit, count.wait_for(|&count| count == 0)).await);

        *count.borrow()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_what_is_under_way_but_not_for_ever() {
        let busy = Busy::default();
        let message = busy.enter();
        assert_eq!(busy.finished(Duration::from_secs(1)).await, 1);
        let waiting = tokio::spawn({
            let busy = busy.clone();
            async move { busy.finished(Duration::from_hours(1)).await }
        });
        drop(message);
        assert_eq!(waiting.await.unwrap(), 0);
    }
}
