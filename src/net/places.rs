use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::warn;

use super::Peer;

/// So many at a time. How many may change while some are taken; who is in stays.
#[derive(Clone, Debug)]
pub struct Places(Arc<Counted>);

/// One of them, until dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the place back"]
pub struct Place(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    taken: AtomicUsize,
    most: AtomicUsize,
}

impl Places {
    /// So many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counted { taken: AtomicUsize::new(0), most: AtomicUsize::new(most) }))
    }

    /// So many from now on.
    pub fn allow(&self, most: usize) {
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// One of them, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<Place> {
        let most = self.0.most.load(Ordering::Relaxed);
        let free = |taken: usize| (taken < most).then_some(taken + 1);
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Place(Arc::clone(&self.0)))
    }

    /// The same for somebody; it is told where there is none.
    #[must_use]
    pub fn take_for(&self, peer: &Peer) -> Option<Place> {
        let place = self.take();
        if place.is_none() {
            warn!(limit = "sessions", %peer, "limit.reached");
        }
        place
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_are_allowed_while_more_are_taken() {
        let places = Places::new(2);
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        places.allow(1);
        drop(first);
        assert!(places.take().is_none() && places.taken() == 1);
        drop(second);
        assert!(places.take().is_some());
    }
}
