use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::model::Protocol;

/// Who has come and is not logged in yet, and how many have come at all.
#[derive(Debug, Default)]
pub struct Arrivals([Arc<Door>; 3]);

#[derive(Debug, Default)]
struct Door {
    all: AtomicU64,
    waiting: AtomicUsize,
}

/// Somebody at the door; inside or gone when dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the login is over"]
pub struct Arrived(Arc<Door>);

impl Arrivals {
    /// Somebody comes.
    pub fn enter(&self, protocol: Protocol) -> Arrived {
        let door = self.door(protocol);
        door.all.fetch_add(1, Ordering::Relaxed);
        door.waiting.fetch_add(1, Ordering::Relaxed);
        Arrived(Arc::clone(door))
    }

    /// How many have come since the start.
    #[must_use]
    pub fn all(&self, protocol: Protocol) -> u64 {
        self.door(protocol).all.load(Ordering::Relaxed)
    }

    /// How many are there and not logged in.
    #[must_use]
    pub fn waiting(&self, protocol: Protocol) -> usize {
        self.door(protocol).waiting.load(Ordering::Relaxed)
    }

    const fn door(&self, protocol: Protocol) -> &Arc<Door> {
        &self.0[protocol as usize]
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_at_the_door_is_counted_until_inside_or_gone() {
        let arrivals = Arrivals::default();
        let (first, _second) = (arrivals.enter(Protocol::Imap), arrivals.enter(Protocol::Imap));
        let _other = arrivals.enter(Protocol::Pop3);
        drop(first);
        let of = |protocol| (arrivals.all(protocol), arrivals.waiting(protocol));
        assert_eq!([Protocol::Smtp, Protocol::Imap, Protocol::Pop3].map(of), [(0, 0), (2, 1), (1, 1)]);
    }
}
