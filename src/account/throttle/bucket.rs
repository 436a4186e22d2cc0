use std::time::Duration;

use tokio::time::Instant;

/// Failures that are forgotten one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: f64,
    at: Instant,
}

/// How many it takes, and how long one of them is remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) most: f64,
    pub(super) decay: Duration,
}

impl Bucket {
    pub(super) const fn new(now: Instant) -> Self {
        Self { level: 0.0, at: now }
    }

    pub(super) fn level(&self, size: Size, now: Instant) -> f64 {
        let forgotten = now.saturating_duration_since(self.at).as_secs_f64() / size.decay.as_secs_f64();
        (self.level - forgotten).max(0.0)
    }

    /// So many more. It overflows when several were under way: not by so much that it took days to forget them.
    pub(super) fn add(&mut self, times: u32, size: Size, now: Instant) {
        let level = self.level(size, now) + f64::from(times);
        *self = Self { level: level.min(size.most.max(1.0) * 2.0), at: now };
    }

    /// Whether anything was added since it was cleared.
    pub(super) const fn any(&self) -> bool {
        self.level > 0.0
    }

    pub(super) const fn clear(&mut self) {
        self.level = 0.0;
    }

    /// How long until there is room for another.
    pub(super) fn wait(&self, size: Size, now: Instant) -> Duration {
        if size.most < 1.0 {
            return Duration::ZERO;
        }
        let excess = self.level(size, now) + 1.0 - size.most;
        // A little of the first has been forgotten when the last comes: that makes no room.
        if excess <= 0.01 { Duration::ZERO } else { size.decay.mul_f64(excess) }
    }
}
