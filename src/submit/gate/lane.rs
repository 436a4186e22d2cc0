use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::pause::{DAILY, Look, Pause, RISING};
use crate::explain;

/// What has gone through and why the next one may not: a value that is told the time.
#[derive(Debug)]
pub(super) struct Lane {
    /// How many are through and not back.
    inside: u32,
    /// Fewer than allowed, after the provider found them too many.
    ceiling: Option<(u32, Instant)>,
    bucket: Bucket,
    pauses: [Pause; 2],
}

/// What the mailbox is allowed in a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    /// At a time.
    pub(super) at_once: Option<NonZeroU32>,
    /// A minute.
    pub(super) per_minute: Option<NonZeroU32>,
    /// This replica has used up its part of them.
    pub(super) closed: bool,
    /// How many places other replicas wait for.
    pub(super) wanted: u32,
}

/// Whether the next one may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Go,
    /// Not before.
    NotBefore(Instant, Hindrance),
    /// When another comes back; it may be worth a look at the time given.
    Later(Hindrance, Option<Instant>),
}

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// A pause that the provider asked for.
    Pause,
    /// Too many at a time.
    Sessions,
    /// Too many a minute.
    Rate,
    /// Other replicas have what is left.
    Share,
}

/// For which of a lane's pauses someone is the probe.
pub(super) type Probes = [bool; 2];

/// What is known of one that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) probes: Probes,
    /// Whether its success changes anything.
    pub(super) news: bool,
}

/// For how long fewer sessions are opened than allowed.
const CEILING: Duration = Duration::from_mins(10);

impl Default for Lane {
    fn default() -> Self {
        Self { inside: 0, ceiling: None, bucket: Bucket::default(), pauses: [Pause::new(RISING), Pause::new(DAILY)] }
    }
}

impl Lane {
    /// Whether one that has `ahead` others before it may go. Only the first ever may.
    pub(super) fn ask(&self, rules: Rules, ahead: usize, now: Instant) -> Answer {
        if let Some(answer) = self.paused(ahead, now) {
            return answer;
        }
        if let Some(rate) = rules.per_minute {
            let ready = self.bucket.ready(rate, ahead, now);
            if ready > now {
                return Answer::NotBefore(ready, Hindrance::Rate);
            }
        }
        if rules.closed {
            return Answer::Later(Hindrance::Share, None);
        }
        let (most, until) = self.most(rules, now);
        let room = most.is_none_or(|most| self.inside < most);
        if room && ahead == 0 { Answer::Go } else { Answer::Later(Hindrance::Sessions, until) }
    }

    fn paused(&self, ahead: usize, now: Instant) -> Option<Answer> {
        let mut answer = None;
        for pause in &self.pauses {
            match (pause.look(now), answer) {
                (Look::Open, _) => {}
                (Look::Closed(end), Some(Answer::NotBefore(other, _))) if other >= end => {}
                (Look::Closed(end), _) => answer = Some(Answer::NotBefore(end, Hindrance::Pause)),
                (Look::Probe, _) if ahead == 0 => {}
                (Look::Probe, other) => answer = other.or(Some(Answer::Later(Hindrance::Pause, None))),
                (Look::Probed(end), other) => {
                    answer = other.or(Some(Answer::Later(Hindrance::Pause, Some(end))));
                }
            }
        }
        answer
    }

    /// How many at a time, and until when that is fewer than allowed.
    fn most(&self, rules: Rules, now: Instant) -> (Option<u32>, Option<Instant>) {
        let allowed = rules.at_once.map(NonZeroU32::get);
        match self.ceiling.filter(|(_, until)| *until > now) {
            Some((ceiling, until)) if allowed.is_none_or(|allowed| ceiling < allowed) => (Some(ceiling), Some(until)),
            _ => (allowed, None),
        }
    }

    /// One goes.
    pub(super) fn enter(&mut self, rules: Rules, now: Instant) -> Entered {
        self.inside += 1;
        if let Some(rate) = rules.per_minute {
            self.bucket.take(rate, now);
        }
        let probes = self.pauses.each_mut().map(|pause| pause.enter(now));
        Entered { probes, news: self.pauses.iter().any(Pause::is_remembered) }
    }

    /// One is back.
    pub(super) fn leave(&mut self, probes: Probes, now: Instant) {
        self.inside = self.inside.saturating_sub(1);
        for (pause, probe) in self.pauses.iter_mut().zip(probes) {
            if probe {
                pause.abandon(now);
            }
        }
    }

    /// The provider let one through.
    pub(super) fn succeeded(&mut self, probes: Probes) {
        for (pause, probe) in self.pauses.iter_mut().zip(probes) {
            pause.succeeded(probe);
        }
    }

    /// The provider said that it is too much. Returns how long nobody goes, if that is new.
    pub(super) fn throttled(&mut self, why: explain::Pause, probes: Probes, now: Instant) -> Option<Duration> {
        let this = usize::from(why == explain::Pause::Daily);
        if probes[1 - this] {
            self.pauses[1 - this].abandon(now);
        }
        self.pauses[this].throttled(why, probes[this], now)
    }

    /// The provider counted one too many: one fewer than there are, for a while.
    pub(super) fn lower(&mut self, rules: Rules, now: Instant) {
        let most = self.most(rules, now).0.unwrap_or(u32::MAX).min(self.inside);
        self.ceiling = Some((most.saturating_sub(1).max(1), now + CEILING));
    }

    /// How many are through and not back.
    pub(super) const fn inside(&self) -> u32 {
        self.inside
    }

    /// Whether the provider has asked for a pause that is not over.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.pauses.iter().any(|pause| matches!(pause.look(now), Look::Closed(_) | Look::Probed(_)))
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        self.inside == 0
            && self.bucket.is_full(now)
            && self.ceiling.is_none_or(|(_, until)| until <= now)
            && self.pauses.iter().all(|pause| pause.is_forgotten(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Probes = [false; 2];

    fn sessions(at_once: u32) -> Rules {
        Rules { at_once: NonZeroU32::new(at_once), ..Rules::default() }
    }

    #[test]
    fn so_many_at_a_time() {
        let (mut lane, now, rules) = (Lane::default(), Instant::now(), sessions(2));
        for _ in 0..2 {
            assert_eq!(lane.ask(rules, 0, now), Answer::Go);
            assert_eq!(lane.enter(rules, now), Entered { probes: NONE, news: false });
        }
        assert_eq!(lane.ask(rules, 0, now), Answer::Later(Hindrance::Sessions, None));
        lane.leave(NONE, now);
        assert_eq!(lane.ask(rules, 0, now), Answer::Go);
        assert_eq!(lane.ask(rules, 1, now), Answer::Later(Hindrance::Sessions, None), "not its turn");
    }

    #[test]
    fn one_too_many_means_fewer_for_a_while_but_never_none() {
        for rules in [sessions(3), Rules::default()] {
            let (mut lane, now) = (Lane::default(), Instant::now());
            for _ in 0..3 {
                lane.enter(rules, now);
            }
            lane.lower(rules, now);
            lane.leave(NONE, now);
            let end = now + CEILING;
            assert_eq!(lane.ask(rules, 0, now), Answer::Later(Hindrance::Sessions, Some(end)), "two are enough");
            assert_eq!(lane.ask(rules, 0, end), Answer::Go);
            for _ in 0..3 {
                lane.lower(rules, now);
            }
            lane.leave(NONE, now);
            lane.leave(NONE, now);
            assert_eq!(lane.ask(rules, 0, now), Answer::Go);
            assert!(!lane.is_forgotten(now) && lane.is_forgotten(end));
        }
    }

    #[test]
    fn after_a_pause_one_goes_ahead() {
        let (mut lane, now, rules) = (Lane::default(), Instant::now(), Rules::default());
        let daily = lane.throttled(explain::Pause::Daily, NONE, now).unwrap();
        lane.throttled(explain::Pause::Rising, NONE, now).unwrap();
        assert_eq!(lane.ask(rules, 0, now), Answer::NotBefore(now + daily, Hindrance::Pause), "the longer one");
        let end = now + daily;
        assert_eq!(lane.ask(rules, 0, end), Answer::Go);
        assert_eq!(lane.ask(rules, 1, end), Answer::Later(Hindrance::Pause, None));
        let Entered { probes, news } = lane.enter(rules, end);
        assert_eq!((probes, news), ([true, true], true));
        assert!(matches!(lane.ask(rules, 0, end), Answer::Later(Hindrance::Pause, Some(_))));
        let rising = lane.throttled(explain::Pause::Rising, probes, end).unwrap();
        let Entered { probes, .. } = lane.enter(rules, end + rising);
        assert_eq!(probes, [true, true], "the other pause has not been tried");
        lane.succeeded(probes);
        assert_eq!(lane.ask(rules, 0, end + rising), Answer::Go);
    }

    #[test]
    fn a_rate_looks_ahead() {
        let (mut lane, now) = (Lane::default(), Instant::now());
        let rules = Rules { per_minute: NonZeroU32::new(6), ..Rules::default() };
        for _ in 0..2 {
            assert_eq!(lane.ask(rules, 0, now), Answer::Go);
            lane.enter(rules, now);
        }
        let after = |seconds| Answer::NotBefore(now + Duration::from_secs(seconds), Hindrance::Rate);
        assert_eq!([0, 1, 3, 4].map(|ahead| lane.ask(rules, ahead, now)), [10, 20, 40, 60].map(after));
    }
}
