use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Messages a minute: as many may go at once, then one each time that a place has been refilled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When it is full again.
    full: Option<Instant>,
}

impl Bucket {
    /// When a message may go that has `ahead` others before it; not after `now` if at once.
    pub(super) fn ready(self, rate: NonZeroU32, ahead: usize, now: Instant) -> Instant {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let used = self.used(now) + interval(rate).saturating_mul(ahead);
        now + used.saturating_sub(interval(rate) * (rate.get() - 1))
    }

    /// One goes.
    pub(super) fn take(&mut self, rate: NonZeroU32, now: Instant) {
        self.full = Some(now + self.used(now) + interval(rate));
    }

    pub(super) fn is_full(self, now: Instant) -> bool {
        self.used(now).is_zero()
    }

    fn used(self, now: Instant) -> Duration {
        self.full.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

fn interval(rate: NonZeroU32) -> Duration {
    Duration::from_mins(1) / rate.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_a_minute_holds_go_at_once_and_then_evenly() {
        let rate = NonZeroU32::new(30).unwrap();
        let start = Instant::now();
        let mut bucket = Bucket::default();
        for _ in 0..30 {
            assert_eq!(bucket.ready(rate, 0, start), start);
            bucket.take(rate, start);
        }
        assert_eq!(bucket.ready(rate, 0, start), start + Duration::from_secs(2));
        assert_eq!(bucket.ready(rate, 4, start), start + Duration::from_secs(10), "behind four others");
        let later = start + Duration::from_secs(2);
        assert_eq!(bucket.ready(rate, 0, later), later);
        bucket.take(rate, later);
        assert_eq!(bucket.ready(rate, 0, later), later + Duration::from_secs(2));
        assert!(!bucket.is_full(later + Duration::from_secs(59)) && bucket.is_full(later + Duration::from_mins(1)));
    }

    #[test]
    fn a_rate_of_one_and_one_beyond_all_measure() {
        let start = Instant::now();
        for (rate, wait) in [(1, Duration::from_mins(1)), (u32::MAX, Duration::ZERO)] {
            let rate = NonZeroU32::new(rate).unwrap();
            let mut bucket = Bucket::default();
            bucket.take(rate, start);
            assert!(bucket.ready(rate, 0, start) <= start + wait);
        }
    }
}
