//! How many connections of a server are kept ready, and which. No clock, no IO.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Connections of one server that are kept ready. Half as many as programs have logged in during the time that one is kept:
/// each is then used, on average, when half of that time is over. A login that comes alone has none.
#[derive(Debug)]
pub(in crate::upstream) struct Shelf<T> {
    /// The latest logins, as many as matter, the oldest first.
    logins: VecDeque<Instant>,
    /// The oldest first.
    kept: VecDeque<(Instant, T)>,
    making: usize,
    /// What a connection costs, of late.
    cost: Option<Duration>,
    rest: Option<Rest>,
    /// Somebody waits to give up those that nobody takes.
    watched: bool,
}

/// How many connections are kept ready, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadySettings {
    /// Of one server (`limits.ready_connections`); 0 is none.
    pub most: usize,
    /// How long one is kept (`limits.ready_seconds`).
    pub lasts: Duration,
    /// What a connection has to cost to be worth it.
    pub worth: Duration,
}

impl Default for ReadySettings {
    fn default() -> Self {
        Self { most: 8, lasts: Duration::from_secs(30), worth: WORTH }
    }
}

/// Connection, TLS and greeting are three round trips. Nearer than 5 ms nobody waits for them.
const WORTH: Duration = Duration::from_millis(15);

/// What becomes of a connection that is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made<T> {
    /// It is kept, and somebody has to begin to watch.
    First,
    Kept,
    TooMany(T),
}

/// The server did not like it: none is made for a while.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    lasts: Duration,
}

/// The first rest; each that follows before a login has come by a ready connection is twice as long, up to the longest.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_mins(10);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        let (logins, kept) = (VecDeque::new(), VecDeque::new());
        Self { logins, kept, making: 0, cost: None, rest: None, watched: false }
    }
}

impl<T> Shelf<T> {
    /// A program logs in.
    pub(in crate::upstream) fn came(&mut self, now: Instant, settings: ReadySettings) {
        while self.logins.len() >= settings.most.saturating_mul(2).max(1) {
            self.logins.pop_front();
        }
        if settings.most > 0 {
            self.logins.push_back(now);
        }
    }

    /// The one that was kept longest.
    pub(in crate::upstream) fn take(&mut self) -> Option<T> {
        self.kept.pop_front().map(|(_, kept)| kept)
    }

    /// How many are to be made now; they count as being made.
    pub(in crate::upstream) fn missing(&mut self, now: Instant, settings: ReadySettings) -> usize {
        let far = self.cost.is_some_and(|cost| cost >= settings.worth);
        if self.rests(now) || !far {
            return 0;
        }
        let lately = self.logins.iter().filter(|&&login| now < login + settings.lasts).count();
        let missing = (lately / 2).min(settings.most).saturating_sub(self.kept.len() + self.making);
        self.making += missing;
        missing
    }

    fn rests(&self, now: Instant) -> bool {
        self.rest.is_some_and(|rest| now < rest.until)
    }

    /// One that was being made is there.
    pub(super) fn made(&mut self, now: Instant, settings: ReadySettings, connection: T) -> Made<T> {
        self.making = self.making.saturating_sub(1);
        if self.kept.len() >= settings.most || self.rests(now) {
            return Made::TooMany(connection);
        }
        self.kept.push_back((now, connection));
        if std::mem::replace(&mut self.watched, true) { Made::Kept } else { Made::First }
    }

    /// It is not, by no fault of the server.
    pub(super) const fn not_made(&mut self) {
        self.making = self.making.saturating_sub(1);
    }

    /// The server did not let it be made, or has ended one. Those that are kept are given up, none is made for so long.
    pub(super) fn refused(&mut self, now: Instant) -> (Vec<T>, Duration) {
        let lasts = self.rest.map_or(FIRST, |rest| (rest.lasts * 2).min(LONGEST));
        // Several that fail at the same time are one failure.
        let rest = *self.rest.insert(match self.rest {
            Some(rest) if now < rest.until => rest,
            _ => Rest { until: now + lasts, lasts },
        });
        (self.clear(), rest.until.saturating_duration_since(now))
    }

    /// A login came by one of them.
    pub(super) const fn served(&mut self) {
        self.rest = None;
    }

    /// A connection was made by a login itself, or for one to come, in this time. One that was slow says less than one that
    /// was fast: something else may have held it up.
    pub(in crate::upstream) fn cost(&mut self, took: Duration) {
        self.cost = Some(match self.cost {
            Some(cost) if took > cost => cost + took.saturating_sub(cost) / 8,
            _ => took,
        });
    }

    /// Those that nobody has taken in time, and when to look again: no more where none is left.
    pub(super) fn expired(&mut self, now: Instant, lasts: Duration) -> (Vec<T>, Option<Instant>) {
        let count = self.kept.iter().take_while(|(since, _)| *since + lasts <= now).count();
        let expired = self.kept.drain(..count).map(|(_, kept)| kept).collect();
        let next = self.kept.front().map(|(since, _)| *since + lasts);
        self.watched = next.is_some();
        (expired, next)
    }

    /// All of them.
    pub(in crate::upstream) fn clear(&mut self) -> Vec<T> {
        self.kept.drain(..).map(|(_, kept)| kept).collect()
    }

    /// How many there are.
    pub(in crate::upstream) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: ReadySettings = ReadySettings { most: 4, lasts: Duration::from_secs(30), worth: WORTH };

    fn far() -> Shelf<usize> {
        let mut shelf = Shelf::default();
        shelf.cost(Duration::from_millis(120));
        shelf
    }

    /// Logins at such a distance, each of which takes one, and how many there are then, being made included.
    fn at_intervals(seconds: u64) -> usize {
        let (mut shelf, mut now) = (far(), Instant::now());
        for _ in 0..50 {
            now += Duration::from_secs(seconds);
            drop(shelf.expired(now, SETTINGS.lasts));
            shelf.came(now, SETTINGS);
            shelf.take();
            for number in 0..shelf.missing(now, SETTINGS) {
                assert!(!matches!(shelf.made(now, SETTINGS, number), Made::TooMany(_)));
            }
        }
        shelf.len()
    }

    #[test]
    fn as_many_as_will_be_used_before_they_are_given_up() {
        let kept = [120, 60, 30, 15, 10, 5, 1, 0].map(at_intervals);
        assert_eq!(kept, [0, 0, 0, 1, 1, 3, 4, 4]);
    }

    #[test]
    fn a_server_that_is_near_has_none_and_one_slow_connection_does_not_make_it_far() {
        let now = Instant::now();
        let mut shelf = Shelf::<u32>::default();
        for _ in 0..8 {
            shelf.came(now, SETTINGS);
        }
        assert_eq!(shelf.missing(now, SETTINGS), 0, "nothing is known");
        shelf.cost(Duration::from_millis(2));
        shelf.cost(Duration::from_millis(80));
        assert_eq!(shelf.missing(now, SETTINGS), 0);
        shelf.cost(Duration::from_millis(80));
        assert_eq!(shelf.missing(now, SETTINGS), 4, "it has moved away");
        shelf.cost(Duration::from_millis(2));
        assert!(shelf.take().is_none() && shelf.missing(now, SETTINGS) == 0);
    }

    #[test]
    fn one_that_is_being_made_counts_and_none_is_kept_beyond_the_bound() {
        let now = Instant::now();
        let mut shelf = far();
        for _ in 0..20 {
            shelf.came(now, SETTINGS);
        }
        assert_eq!((shelf.missing(now, SETTINGS), shelf.missing(now, SETTINGS)), (4, 0));
        assert_eq!(shelf.logins.len(), 8, "as many as matter");
        for number in 0..4 {
            let made = if number == 0 { Made::First } else { Made::Kept };
            assert_eq!(shelf.made(now, SETTINGS, number), made);
        }
        assert_eq!(shelf.made(now, SETTINGS, 4), Made::TooMany(4));
        assert_eq!((shelf.take(), shelf.missing(now, SETTINGS)), (Some(0), 1), "the oldest first");
        shelf.not_made();
        assert_eq!(shelf.missing(now, SETTINGS), 1);
        assert_eq!(shelf.missing(now + SETTINGS.lasts, SETTINGS), 0, "none when idle");
    }

    #[test]
    fn each_is_given_up_in_its_time_and_then_nobody_watches() {
        let now = Instant::now();
        let mut shelf = far();
        let later = now + Duration::from_secs(10);
        assert_eq!((shelf.made(now, SETTINGS, 1), shelf.made(later, SETTINGS, 2)), (Made::First, Made::Kept));
        let (first, second) = (now + SETTINGS.lasts, later + SETTINGS.lasts);
        assert_eq!(shelf.expired(later, SETTINGS.lasts), (vec![], Some(first)));
        assert_eq!(shelf.expired(first, SETTINGS.lasts), (vec![1], Some(second)));
        assert_eq!(shelf.expired(second, SETTINGS.lasts), (vec![2], None));
        assert_eq!(shelf.made(second, SETTINGS, 3), Made::First);
    }

    #[test]
    fn a_server_that_refuses_is_left_in_peace_for_longer_each_time() {
        let mut now = Instant::now();
        let mut shelf = far();
        let mut rests = Vec::new();
        for _ in 0..7 {
            assert!(!matches!(shelf.made(now, SETTINGS, 1), Made::TooMany(_)));
            let (given_up, rest) = shelf.refused(now);
            assert_eq!(given_up, [1]);
            assert_eq!(shelf.made(now, SETTINGS, 2), Made::TooMany(2), "it was under way");
            let again = shelf.refused(now).1;
            assert_eq!(again, rest, "the others of the same time");
            rests.push(rest.as_secs());
            shelf.came(now, SETTINGS);
            assert_eq!(shelf.missing(now, SETTINGS), 0);
            now += rest;
            for _ in 0..2 {
                shelf.came(now, SETTINGS);
            }
            assert!(shelf.missing(now, SETTINGS) > 0);
            shelf.making = 0;
        }
        assert_eq!(rests, [30, 60, 120, 240, 480, 600, 600]);
        shelf.served();
        assert_eq!(shelf.refused(now).1, FIRST);
    }
}
