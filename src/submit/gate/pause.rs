use std::time::Duration;

use tokio::time::Instant;

use crate::explain;

/// A time in which nothing new is tried, for the provider said that it is too much. It grows while that repeats. Its end is
/// found out by one that goes ahead (the probe); the others follow once it was let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    ladder: Ladder,
    step: u32,
    state: State,
    /// Until when a repetition counts as one.
    remembered: Option<Instant>,
}

/// How a pause grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder {
    first: Duration,
    longest: Duration,
}

/// For what passes soon.
pub(super) const RISING: Ladder = Ladder { first: Duration::from_secs(5), longest: Duration::from_mins(5) };
/// For what a day allows.
pub(super) const DAILY: Ladder = Ladder { first: Duration::from_mins(15), longest: Duration::from_hours(4) };

/// The longest pause that a provider's own word makes.
const STATED: Duration = Duration::from_mins(10);

/// How long a probe is awaited; a client that falls silent in the middle of its message is none.
const PROBE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Over,
    /// Nobody until then, and then one.
    Until(Instant),
    /// One has gone ahead, and is awaited until then.
    Probed(Instant),
}

/// What a pause means for someone now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Open,
    Closed(Instant),
    /// The first one may go ahead.
    Probe,
    /// One has, and is awaited until then.
    Probed(Instant),
}

impl Pause {
    pub(super) const fn new(ladder: Ladder) -> Self {
        Self { ladder, step: 0, state: State::Over, remembered: None }
    }

    pub(super) fn look(&self, now: Instant) -> Look {
        match self.state {
            State::Over => Look::Open,
            State::Until(end) if now < end => Look::Closed(end),
            State::Probed(end) if now < end => Look::Probed(end),
            State::Until(_) | State::Probed(_) => Look::Probe,
        }
    }

    /// Someone goes; true if as the probe.
    pub(super) fn enter(&mut self, now: Instant) -> bool {
        let probe = self.look(now) == Look::Probe;
        if probe {
            self.state = State::Probed(now + PROBE);
        }
        probe
    }

    /// The probe comes back and knows nothing; the next one is it.
    pub(super) fn abandon(&mut self, now: Instant) {
        if matches!(self.state, State::Probed(_)) {
            self.state = State::Until(now);
        }
    }

    /// Something went through. During a pause only the probe's word counts: others began before it.
    pub(super) fn succeeded(&mut self, probe: bool) {
        if probe || self.state == State::Over {
            self.state = State::Over;
            self.step = self.step.saturating_sub(1);
        }
    }

    /// It was too much. What was under way when a pause began says nothing new. Returns how long it lasts from now on, if
    /// it is new.
    pub(super) fn throttled(&mut self, why: explain::Pause, probe: bool, now: Instant) -> Option<Duration> {
        if !probe && self.look(now) != Look::Open && !matches!(why, explain::Pause::Stated(_)) {
            return None;
        }
        let length = match why {
            explain::Pause::Stated(stated) => stated.min(STATED),
            explain::Pause::Rising | explain::Pause::Daily => self.climb(now),
        };
        let end = match self.state {
            State::Until(end) => end.max(now + length),
            State::Over | State::Probed(_) => now + length,
        };
        self.state = State::Until(end);
        Some(length)
    }

    fn climb(&mut self, now: Instant) -> Duration {
        if self.remembered.is_none_or(|until| until < now) {
            self.step = 0;
        }
        let length = self.ladder.first.saturating_mul(1 << self.step.min(16)).min(self.ladder.longest);
        self.step += 1;
        self.remembered = Some(now + length + self.ladder.longest);
        length
    }

    /// Whether the next one would be longer than the first, or this one is not over.
    pub(super) fn is_remembered(&self) -> bool {
        self.step > 0 || self.state != State::Over
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        let over = match self.state {
            State::Over => true,
            State::Until(end) | State::Probed(end) => end < now,
        };
        over && (self.step == 0 || self.remembered.is_none_or(|until| until < now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Pause::{Daily, Rising, Stated};

    /// As the probe each time: how long the pauses are.
    fn repeated(ladder: Ladder, why: explain::Pause) -> (Pause, Instant, Vec<u64>) {
        let (mut pause, mut now) = (Pause::new(ladder), Instant::now());
        let mut seconds = Vec::new();
        for _ in 0..9 {
            let probe = pause.enter(now);
            let length = pause.throttled(why, probe, now).unwrap();
            assert_eq!(pause.look(now), Look::Closed(now + length));
            seconds.push(length.as_secs());
            now += length;
            assert_eq!(pause.look(now), Look::Probe);
        }
        (pause, now, seconds)
    }

    #[test]
    fn it_doubles_while_it_repeats_and_shrinks_with_success() {
        let (mut pause, now, seconds) = repeated(RISING, Rising);
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert!(pause.enter(now));
        pause.succeeded(true);
        assert_eq!(pause.look(now), Look::Open);
        for _ in 0..6 {
            pause.succeeded(false);
        }
        assert_eq!(pause.throttled(Rising, false, now), Some(Duration::from_secs(20)));
        assert_eq!(repeated(DAILY, Daily).2, [900, 1800, 3600, 7200, 14_400, 14_400, 14_400, 14_400, 14_400]);
    }

    #[test]
    fn what_was_under_way_changes_nothing() {
        let (mut pause, now) = (Pause::new(RISING), Instant::now());
        pause.throttled(Rising, false, now);
        assert_eq!(pause.throttled(Rising, false, now), None);
        pause.succeeded(false);
        assert_eq!(pause.look(now), Look::Closed(now + Duration::from_secs(5)));
        let later = now + Duration::from_secs(5);
        assert!(pause.enter(later) && !pause.enter(later));
        assert_eq!(pause.look(later), Look::Probed(later + PROBE));
        assert_eq!(pause.look(later + PROBE), Look::Probe, "it is not awaited for ever");
        pause.abandon(later);
        assert_eq!(pause.look(later), Look::Probe);
    }

    #[test]
    fn the_providers_word_counts_within_reason() {
        let (mut pause, now) = (Pause::new(RISING), Instant::now());
        assert_eq!(pause.throttled(Stated(Duration::from_secs(90)), false, now), Some(Duration::from_secs(90)));
        assert_eq!(pause.throttled(Stated(Duration::from_hours(9)), false, now), Some(STATED));
        assert_eq!(pause.throttled(Stated(Duration::from_secs(1)), false, now), Some(Duration::from_secs(1)));
        assert_eq!(pause.look(now), Look::Closed(now + STATED), "never shorter");
    }

    #[test]
    fn it_is_forgotten_in_the_end() {
        let (mut pause, now) = (Pause::new(RISING), Instant::now());
        assert!(pause.is_forgotten(now));
        pause.throttled(Rising, false, now);
        let over = now + Duration::from_secs(6);
        assert!(!pause.is_forgotten(over), "the next one would be twice as long");
        let forgotten = now + Duration::from_secs(306);
        assert!(pause.is_forgotten(forgotten));
        let probe = pause.enter(forgotten);
        assert_eq!(pause.throttled(Rising, probe, forgotten), Some(Duration::from_secs(5)));
    }
}
