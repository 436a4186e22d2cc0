use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Messages a minute: never more than the rate in any minute, however a provider cuts its minutes.
///
/// A third of them may go at once, the others follow evenly: who sends many waits a little now and then, and not for the
/// rest of the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// When all that go at once may do so again.
    full: Option<Instant>,
    /// When the last ones went, the oldest first; as many as the rate, and of the last minute only.
    gone: VecDeque<Instant>,
}

const MINUTE: Duration = Duration::from_mins(1);

impl Bucket {
    /// When a message may go that has `ahead` others before it; not after `now` if at once.
    pub(super) fn ready(&self, rate: NonZeroU32, ahead: usize, now: Instant) -> Instant {
        self.evenly(rate, ahead, now).max(self.within_the_minute(rate, ahead, now))
    }

    fn evenly(&self, rate: NonZeroU32, ahead: usize, now: Instant) -> Instant {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let used = self.used(now) + interval(rate).saturating_mul(ahead);
        now + used.saturating_sub(interval(rate) * (at_once(rate) - 1))
    }

    /// A minute after the one that went as many as the rate before it.
    fn within_the_minute(&self, rate: NonZeroU32, ahead: usize, now: Instant) -> Instant {
        let most = usize::try_from(rate.get()).unwrap_or(usize::MAX);
        let minutes = u32::try_from(ahead / most).unwrap_or(u32::MAX);
        let before = (self.gone.len() + ahead % most).checked_sub(most);
        let first = before.and_then(|at| self.gone.get(at)).map_or(now, |gone| *gone + MINUTE);
        first + MINUTE.saturating_mul(minutes)
    }

    /// One goes.
    pub(super) fn take(&mut self, rate: NonZeroU32, now: Instant) {
        self.full = Some(now + self.used(now) + interval(rate));
        let most = usize::try_from(rate.get()).unwrap_or(usize::MAX);
        while self.gone.len() >= most || self.gone.front().is_some_and(|gone| *gone + MINUTE <= now) {
            self.gone.pop_front();
        }
        self.gone.push_back(now);
    }

    /// Whether it is as if none had gone.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.used(now).is_zero() && self.gone.back().is_none_or(|gone| *gone + MINUTE <= now)
    }

    fn used(&self, now: Instant) -> Duration {
        self.full.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

fn interval(rate: NonZeroU32) -> Duration {
    MINUTE / rate.get()
}

/// How many go without a wait; few enough that the wait for the next minute stays below the usual `gate_seconds`.
const fn at_once(rate: NonZeroU32) -> u32 {
    rate.get().div_ceil(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    /// Sends as many as there are pauses, in milliseconds, each as soon as it may. When each went, in seconds after the first.
    fn send(rate: NonZeroU32, pauses: impl IntoIterator<Item = u64>) -> Vec<f64> {
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let mut now = start;
        let went = pauses.into_iter().map(|pause| {
            now += Duration::from_millis(pause);
            now = bucket.ready(rate, 0, now).max(now);
            assert!(bucket.ready(rate, 0, now) <= now, "ready is ready");
            bucket.take(rate, now);
            (now - start).as_secs_f64()
        });
        went.collect()
    }

    #[test]
    fn a_third_goes_at_once_and_the_others_evenly() {
        let went = send(rate(30), [0; 42]);
        assert_eq!(went[..12], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0]);
        assert_eq!(went[29..42], [40.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 62.0, 64.0]);
        for (few, expected) in
            [(1, [0.0, 60.0, 120.0]), (2, [0.0, 30.0, 60.0]), (3, [0.0, 20.0, 40.0]), (4, [0.0, 0.0, 15.0])]
        {
            assert_eq!(send(rate(few), [0; 3]), expected, "{few}");
        }
    }

    #[test]
    fn one_that_sends_on_and_on_never_waits_for_more_than_half_a_minute() {
        for most in 2..100 {
            let went = send(rate(most), vec![0; 500]);
            let wait = went.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(wait <= 30.0, "{wait} of {most}");
        }
    }

    #[test]
    fn others_before_it_are_reckoned_with_as_if_they_had_gone() {
        let now = Instant::now();
        for (most, before) in [(1, 0), (1, 1), (2, 1), (6, 0), (6, 4), (30, 9), (30, 29)] {
            let (most, mut bucket) = (rate(most), Bucket::default());
            (0..before).for_each(|_| bucket.take(most, now));
            let mut alone = bucket.clone();
            let mut at = now;
            for ahead in 0..70 {
                at = alone.ready(most, 0, at).max(at);
                alone.take(most, at);
                assert!(bucket.ready(most, ahead, now) <= at, "{most} {before} {ahead}: never too late");
            }
        }
    }

    #[test]
    fn a_rate_beyond_all_measure_and_a_minute_that_is_forgotten() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        for _ in 0..100 {
            bucket.take(rate(u32::MAX), start);
            assert!(bucket.ready(rate(u32::MAX), 0, start) <= start);
        }
        assert!(!bucket.is_full(start + Duration::from_secs(59)) && bucket.is_full(start + MINUTE));
        bucket.take(rate(u32::MAX), start + MINUTE);
        assert_eq!(bucket.gone.len(), 1);
    }

    proptest! {
        #[test]
        fn never_more_in_any_minute(most in 1_u32..20, pauses in proptest::collection::vec(0_u64..20_000, 0..80)) {
            let went = send(rate(most), pauses);
            for minute in went.windows(usize::try_from(most).unwrap() + 1) {
                prop_assert!(minute[minute.len() - 1] - minute[0] >= 59.999_999, "{minute:?}");
            }
        }
    }
}
