use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts what others have changed. To read it costs nothing; to wait for the next costs nothing while nothing happens.
#[derive(Debug, Default)]
pub(super) struct Changes {
    count: AtomicU64,
    news: Notify,
}

impl Changes {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn add(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.news.notify_waiters();
    }

    /// Ends when the count is another one.
    pub(super) async fn other_than(&self, seen: u64) {
        let mut news = pin!(self.news.notified());
        loop {
            // Before the count is read: what comes after it wakes.
            news.as_mut().enable();
            if self.count() != seen {
                return;
            }
            news.as_mut().await;
            news.set(self.news.notified());
        }
    }
}
