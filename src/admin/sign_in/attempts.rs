use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::origin;

/// Attempts to sign in: so many wrong ones for each address, and for all together.
///
/// Each is a bucket that fills again with time. An empty bucket of one address is nothing to the others. The common one stands
/// against a crowd of addresses; an administrator is not locked out by such a crowd, for an address from which someone has
/// signed in before is not counted in it.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    by_address: HashMap<Origin, Bucket>,
    in_all: Option<Bucket>,
    told: Option<Bucket>,
    noted: Option<Bucket>,
    good: HashSet<Origin>,
}

/// Whose attempts count as one's: an IPv4 address, or the /64 that one gets with IPv6.
type Origin = IpAddr;

/// What is left, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// How much a bucket holds, and how long one attempt takes to come back.
struct Size {
    most: f64,
    each: Duration,
}

/// Five slips of a person at once, then two in a minute.
const OF_ONE: Size = Size { most: 5.0, each: Duration::from_secs(30) };
/// Sixty at once, then one in two seconds: 43,000 a day, for a password of twelve characters.
const OF_ALL: Size = Size { most: 60.0, each: Duration::from_secs(2) };
/// What is told of those who have to wait: their number is anybody's to choose.
const TOLD: Size = Size { most: 10.0, each: Duration::from_mins(1) };
/// Failures in the trail, which is bounded: guessing from many addresses, however long, must not push out what was done.
const NOTED: Size = Size { most: 20.0, each: Duration::from_mins(30) };
/// Addresses that are remembered, of each kind.
const MOST: usize = 10_000;

/// What an attempt is while it is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may be checked; the first of a series, or one of several.
    Go {
        /// Whether nothing went wrong from this address lately.
        first: bool,
    },
    /// Too many were wrong: not before so long.
    Wait(Duration),
}

impl Attempts {
    /// Takes an attempt. It is given back by [`Self::right`].
    pub(super) fn begin(&self, from: IpAddr) -> Turn {
        let (origin, now, mut book) = (origin(from), Instant::now(), self.book());
        if book.by_address.len() >= MOST {
            book.by_address.retain(|_, bucket| bucket.level(&OF_ONE, now) < OF_ONE.most);
        }
        let of_one = Bucket::filled(book.by_address.get(&origin), &OF_ONE, now);
        let of_all = Bucket::filled(book.in_all.as_ref(), &OF_ALL, now);
        let is_good = book.good.contains(&origin);
        let wait = if is_good { of_one.wait(&OF_ONE) } else { of_one.wait(&OF_ONE).max(of_all.wait(&OF_ALL)) };
        if !wait.is_zero() {
            return Turn::Wait(wait);
        }
        // One more than can be remembered is bounded with all the others.
        if book.by_address.len() < MOST || book.by_address.contains_key(&origin) {
            book.by_address.insert(origin, of_one.less());
        }
        if !is_good {
            book.in_all = Some(of_all.less());
        }
        Turn::Go { first: of_one.left >= OF_ONE.most }
    }

    /// Whether it is worth a line of the log that somebody has to wait.
    pub(super) fn is_told(&self) -> bool {
        take(&mut self.book().told, &TOLD)
    }

    /// Whether it is worth a note in the trail that somebody did not know the password.
    pub(super) fn is_noted(&self) -> bool {
        take(&mut self.book().noted, &NOTED)
    }

    /// It was the right password, or was not checked: nothing counts.
    pub(super) fn undo(&self, from: IpAddr) {
        let mut book = self.book();
        let origin = origin(from);
        if let Some(bucket) = book.by_address.get_mut(&origin) {
            bucket.left = (bucket.left + 1.0).min(OF_ONE.most);
        }
        if !book.good.contains(&origin)
            && let Some(bucket) = &mut book.in_all
        {
            bucket.left = (bucket.left + 1.0).min(OF_ALL.most);
        }
    }

    /// It was the right password: what was wrong before was a slip.
    pub(super) fn right(&self, from: IpAddr) {
        self.undo(from);
        let mut book = self.book();
        let origin = origin(from);
        book.by_address.remove(&origin);
        if book.good.len() < MOST {
            book.good.insert(origin);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    /// It as it is now; one that is not remembered is full.
    fn filled(known: Option<&Self>, size: &Size, now: Instant) -> Self {
        Self { left: known.map_or(size.most, |bucket| bucket.level(size, now)), at: now }
    }

    fn level(&self, size: &Size, now: Instant) -> f64 {
        let back = now.saturating_duration_since(self.at).as_secs_f64() / size.each.as_secs_f64();
        (self.left + back).min(size.most)
    }

    fn wait(&self, size: &Size) -> Duration {
        size.each.mul_f64((1.0 - self.left).max(0.0))
    }

    fn less(self) -> Self {
        Self { left: self.left - 1.0, ..self }
    }
}

/// Takes one of it, if there is one.
fn take(bucket: &mut Option<Bucket>, size: &Size) -> bool {
    let now = Bucket::filled(bucket.as_ref(), size, Instant::now());
    let is_there = now.left >= 1.0;
    *bucket = Some(if is_there { now.less() } else { now });
    is_there
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn tries(attempts: &Attempts, from: &str, times: usize) -> usize {
        (0..times).filter(|_| matches!(attempts.begin(ip(from)), Turn::Go { .. })).count()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_a_few_and_they_come_back() {
        let attempts = Attempts::default();
        assert_eq!(attempts.begin(ip("192.0.2.1")), Turn::Go { first: true });
        assert_eq!(attempts.begin(ip("192.0.2.1")), Turn::Go { first: false });
        assert_eq!(tries(&attempts, "192.0.2.1", 9), 3);
        assert_eq!(attempts.begin(ip("192.0.2.1")), Turn::Wait(Duration::from_secs(30)));
        assert_eq!(tries(&attempts, "192.0.2.2", 1), 1, "others are none of it");
        advance(Duration::from_secs(31)).await;
        assert_eq!(tries(&attempts, "::ffff:192.0.2.1", 9), 1, "the same address, seen through IPv6");
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_is_one() {
        let attempts = Attempts::default();
        let count = (0..20).map(|host| tries(&attempts, &format!("2001:db8::{host:x}"), 1)).sum::<usize>();
        assert_eq!(count, 5);
        assert_eq!(tries(&attempts, "2001:db8:0:1::1", 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_bounded_and_locks_out_nobody_who_was_here_before() {
        let attempts = Attempts::default();
        attempts.begin(ip("198.51.100.7"));
        attempts.right(ip("198.51.100.7"));
        let crowd =
            |attempts: &Attempts| (0..200).map(|host| tries(attempts, &format!("10.0.{host}.1"), 1)).sum::<usize>();
        assert_eq!(crowd(&attempts), 60);
        assert_eq!(tries(&attempts, "203.0.113.9", 1), 0, "a stranger waits");
        assert_eq!(tries(&attempts, "198.51.100.7", 9), 5, "who was here before has attempts of its own");
        advance(Duration::from_secs(2)).await;
        assert_eq!(tries(&attempts, "203.0.113.9", 1), 1, "and a stranger does not wait for long");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_guesses_from_everywhere_fills_neither_log_nor_trail() {
        let attempts = Attempts::default();
        let noted = |attempts: &Attempts| (0..1000).filter(|_| attempts.is_noted()).count();
        assert_eq!((noted(&attempts), (0..1000).filter(|_| attempts.is_told()).count()), (20, 10));
        advance(Duration::from_hours(24)).await;
        assert_eq!(noted(&attempts), 20);
        advance(Duration::from_hours(1)).await;
        assert_eq!(noted(&attempts), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_right_counts_for_nothing() {
        let attempts = Attempts::default();
        assert_eq!(tries(&attempts, "192.0.2.1", 4), 4);
        attempts.right(ip("192.0.2.1"));
        assert_eq!(tries(&attempts, "192.0.2.1", 9), 5);
    }
}
