use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many messages each client address may send: so many at once, and as many again over a minute.
///
/// Each address is one instant, the one up to which its messages are paid for; an instant that has passed says nothing any
/// more and is forgotten when room is needed.
#[derive(Debug)]
pub struct Meter {
    per_minute: u32,
    most: usize,
    paid: Mutex<HashMap<IpAddr, Instant>>,
}

/// The address has sent too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFast;

const MINUTE: Duration = Duration::from_mins(1);

impl Meter {
    /// For at most `most` addresses at a time; others are refused until one of them was quiet for a while.
    #[must_use]
    pub fn new(per_minute: u32, most: usize) -> Self {
        Self { per_minute: per_minute.max(1), most, paid: Mutex::default() }
    }

    /// Whether a message could be taken now.
    pub fn look(&self, from: IpAddr) -> Result<(), TooFast> {
        self.next(from, false)
    }

    /// Takes a message.
    pub fn take(&self, from: IpAddr) -> Result<(), TooFast> {
        self.next(from, true)
    }

    fn next(&self, from: IpAddr, take: bool) -> Result<(), TooFast> {
        let (now, step) = (Instant::now(), MINUTE / self.per_minute);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let from = network(from);
        if paid.len() >= self.most && !paid.contains_key(&from) {
            paid.retain(|_, until| *until > now);
            if paid.len() >= self.most {
                return Err(TooFast);
            }
        }
        let until = paid.get(&from).map_or(now, |until| (*until).max(now)) + step;
        // A division leaves less than a step behind.
        if until.duration_since(now) > MINUTE {
            return Err(TooFast);
        }
        if take {
            paid.insert(from, until);
        }
        drop(paid);
        Ok(())
    }
}

/// Whoever has one address of an IPv6 network of 64 bits has them all.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_as_many_again_over_a_minute() {
        for per_minute in [1, 7, 60, 1000] {
            let meter = Meter::new(per_minute, 10);
            let scanner = ip("10.1.2.3");
            for _ in 0..per_minute {
                assert_eq!((meter.look(scanner), meter.take(scanner)), (Ok(()), Ok(())));
            }
            assert_eq!((meter.look(scanner), meter.take(scanner)), (Err(TooFast), Err(TooFast)), "{per_minute}");
            assert_eq!(meter.take(ip("10.1.2.4")), Ok(()), "another client");
            // tokio's clock moves in milliseconds.
            tokio::time::advance(MINUTE / per_minute + Duration::from_millis(1)).await;
            assert_eq!((meter.take(scanner), meter.take(scanner)), (Ok(()), Err(TooFast)), "{per_minute}");
            tokio::time::advance(2 * MINUTE).await;
            let taken = (0..2 * per_minute).filter(|_| meter.take(scanner).is_ok()).count();
            assert_eq!(taken, per_minute as usize, "quiet for long saves nothing up");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_bounded_and_forgotten() {
        let meter = Meter::new(60, 2);
        for address in ["10.0.0.1", "10.0.0.2"] {
            assert_eq!(meter.take(ip(address)), Ok(()));
        }
        assert_eq!(meter.take(ip("10.0.0.3")), Err(TooFast));
        assert_eq!(meter.take(ip("10.0.0.1")), Ok(()), "known");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(meter.take(ip("10.0.0.3")), Ok(()));
        assert_eq!(meter.paid.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_of_one_network_are_one_client() {
        let meter = Meter::new(1, 10);
        assert_eq!(meter.take(ip("2001:db8::1")), Ok(()));
        assert_eq!(meter.take(ip("2001:db8::2")), Err(TooFast));
        assert_eq!(meter.take(ip("2001:db8:0:1::1")), Ok(()));
        assert_eq!((meter.take(ip("::ffff:10.0.0.1")), meter.take(ip("10.0.0.1"))), (Ok(()), Err(TooFast)));
    }
}
