use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// How much there was, a minute a slot, for a day. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Mutex<Slots>>);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// A client was let in.
    Login,
    /// An upstream took a message.
    Message,
    /// A login, a message or a refresh was refused or failed.
    Failure,
    /// A token was refreshed.
    Refresh,
}

/// One minute, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The most sessions that were open at a time.
    pub sessions: usize,
    /// Clients that were let in.
    pub logins: u64,
    /// Messages that were accepted.
    pub messages: u64,
    /// Logins, messages and refreshes that were refused or failed.
    pub failures: u64,
    /// Tokens that were refreshed.
    pub refreshes: u64,
}

/// How many minutes are kept: a day of them.
const KEPT: usize = 24 * 60;

#[derive(Debug, Default)]
struct Slots {
    /// Sessions that are open now.
    open: usize,
    /// The last one is that of the latest count; none is left out.
    minutes: VecDeque<Minute>,
}

impl Counts {
    /// One more.
    pub fn add(&self, what: Tally, now: DateTime<Utc>) {
        if let Some(minute) = self.lock().at(now) {
            let count = match what {
                Tally::Login => &mut minute.logins,
                Tally::Message => &mut minute.messages,
                Tally::Failure => &mut minute.failures,
                Tally::Refresh => &mut minute.refreshes,
            };
            *count += 1;
        }
    }

    /// So many sessions are open from now on.
    pub(super) fn open(&self, count: usize, now: DateTime<Utc>) {
        let mut slots = self.lock();
        if let Some(minute) = slots.at(now) {
            minute.sessions = minute.sessions.max(count);
        }
        slots.open = count;
    }

    /// The minutes up to now in equal slots, the oldest first: at most so many slots, of at least a minute each.
    #[must_use]
    pub fn window(&self, now: DateTime<Utc>, minutes: usize, slots: usize) -> Vec<Minute> {
        let each = minutes.clamp(1, KEPT).div_ceil(slots.max(1));
        let count = minutes.clamp(1, KEPT).div_ceil(each);
        let mut kept = self.lock();
        kept.at(now);
        let latest = kept.minutes.back().map_or(now, |minute| minute.at);
        let back = |minutes: usize| latest - TimeDelta::minutes(i64::try_from(minutes).unwrap_or(i64::MAX));
        (1..=count).rev().map(|slot| kept.together(back(slot * each - 1), each)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// The minute of this time. A clock that was set back still counts in the latest.
    fn at(&mut self, now: DateTime<Utc>) -> Option<&mut Minute> {
        let now = beginning(now);
        let latest = self.minutes.back().map_or(now, |minute| minute.at);
        if latest < now - TimeDelta::minutes(i64::try_from(KEPT).unwrap_or(i64::MAX)) {
            self.minutes.clear();
        }
        let mut next = self.minutes.back().map_or(now, |minute| minute.at + TimeDelta::minutes(1));
        while next <= now {
            self.minutes.push_back(Minute { at: next, sessions: self.open, ..Minute::default() });
            next += TimeDelta::minutes(1);
        }
        let surplus = self.minutes.len().saturating_sub(KEPT);
        self.minutes.drain(..surplus);
        self.minutes.back_mut()
    }

    /// So many minutes as one.
    fn together(&self, from: DateTime<Utc>, minutes: usize) -> Minute {
        let first = self.minutes.front().map_or(from, |minute| minute.at);
        let before = usize::try_from((from - first).num_minutes()).unwrap_or(0);
        let until = usize::try_from((from - first).num_minutes() + i64::try_from(minutes).unwrap_or(i64::MAX));
        let those = self.minutes.iter().take(until.unwrap_or(0)).skip(before);
        those.fold(Minute { at: from, ..Minute::default() }, |all, minute| Minute {
            at: all.at,
            sessions: all.sessions.max(minute.sessions),
            logins: all.logins + minute.logins,
            messages: all.messages + minute.messages,
            failures: all.failures + minute.failures,
            refreshes: all.refreshes + minute.refreshes,
        })
    }
}

fn beginning(now: DateTime<Utc>) -> DateTime<Utc> {
    let second = now.timestamp().div_euclid(60) * 60;
    DateTime::from_timestamp(second, 0).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    fn logins(counts: &Counts, now: &str, minutes: usize, slots: usize) -> Vec<u64> {
        counts.window(at(now), minutes, slots).iter().map(|minute| minute.logins).collect()
    }

    #[test]
    fn each_minute_has_its_count_and_slots_add_up() {
        let counts = Counts::default();
        for time in ["10:00:00", "10:00:59.9", "10:01:00", "10:03:30"] {
            counts.add(Tally::Login, at(time));
        }
        counts.add(Tally::Failure, at("10:03:31"));
        assert_eq!(logins(&counts, "10:04:10", 5, 5), [2, 1, 0, 1, 0]);
        assert_eq!(logins(&counts, "10:04:10", 6, 2), [3, 1]);
        assert_eq!(logins(&counts, "10:04:10", 5, 2), [3, 1], "the first slot is a whole one");
        let window = counts.window(at("10:04:10"), 5, 5);
        assert_eq!((window[0].at, window[4].at), (at("10:00:00"), at("10:04:00")));
        assert_eq!((window[3].failures, window[3].messages, window[3].refreshes), (1, 0, 0));
        assert_eq!(logins(&counts, "10:04:10", 0, 0).len(), 1, "nonsense has an answer");
    }

    #[test]
    fn sessions_that_stay_are_in_every_minute() {
        let counts = Counts::default();
        counts.open(1, at("10:00:00"));
        counts.open(2, at("10:00:10"));
        counts.open(1, at("10:00:20"));
        counts.open(0, at("10:02:20"));
        let open: Vec<_> = counts.window(at("10:03:00"), 4, 4).iter().map(|minute| minute.sessions).collect();
        assert_eq!(open, [2, 1, 1, 0]);
        assert_eq!(counts.window(at("10:03:00"), 4, 1)[0].sessions, 2);
    }

    #[test]
    fn a_day_is_kept_and_a_clock_may_be_set() {
        let counts = Counts::default();
        counts.add(Tally::Login, "2026-11-01T00:00:00Z".parse().unwrap());
        counts.open(3, at("10:00:00"));
        assert_eq!(counts.lock().minutes.len(), 1, "what is long past costs nothing");
        counts.add(Tally::Login, at("09:00:00"));
        counts.add(Tally::Login, "2026-11-22T09:59:00Z".parse().unwrap());
        assert_eq!(counts.lock().minutes.len(), KEPT);
        let day = counts.window("2026-11-22T10:00:00Z".parse().unwrap(), KEPT, 24);
        assert_eq!((day.len(), counts.lock().minutes.len()), (24, KEPT));
        assert_eq!(
            day.iter().map(|minute| (minute.sessions, minute.logins)).collect::<Vec<_>>()[22..],
            [(3, 0), (3, 1)]
        );
    }
}
