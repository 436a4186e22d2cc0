//! Counts of what others have changed, by what it is.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::Changes;
use super::{Changed, Kind, Topic};

/// To read a count costs no lock. Tokens share counters by the hash of their names: a wrong hit costs who looks at it one read.
#[derive(Debug)]
pub(super) struct Topics {
    /// Everything, when it is not known what.
    all: AtomicU64,
    /// Tokens, when it is not known which.
    general: AtomicU64,
    tokens: Box<[AtomicU64]>,
    records: [AtomicU64; Kind::ALL.len()],
    shares: AtomicU64,
    any: Changes,
    hasher: RandomState,
}

/// Counters of tokens: 2 MiB.
const TOKENS: usize = 1 << 18;

impl Default for Topics {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            all: zero(),
            general: zero(),
            tokens: std::iter::repeat_with(zero).take(TOKENS).collect(),
            records: std::array::from_fn(|_| zero()),
            shares: zero(),
            any: Changes::default(),
            hasher: RandomState::new(),
        }
    }
}

/// Where a topic is counted.
#[derive(Clone, Copy)]
enum Place {
    Any,
    Tokens,
    Token(usize),
    Records(usize),
    Shares,
}

impl Topics {
    pub(super) fn count(&self, of: Topic<'_>) -> u64 {
        self.count_at(self.place(of))
    }

    /// Of [`Topic::Any`]: it is not known of what, and everything counts as changed. Nobody who waits is woken yet.
    pub(super) fn count_up(&self, of: Topic<'_>) {
        let count = match self.place(of) {
            Place::Any => &self.all,
            Place::Tokens => &self.general,
            Place::Token(at) => &self.tokens[at],
            Place::Records(at) => &self.records[at],
            Place::Shares => &self.shares,
        };
        count.fetch_add(1, Ordering::Release);
    }

    /// Wakes those who wait for what was counted.
    pub(super) fn wake(&self) {
        self.any.add();
    }

    pub(super) fn add(&self, of: Topic<'_>) {
        self.count_up(of);
        self.wake();
    }

    /// Ends when the count is another one.
    pub(super) fn other_than(&self, of: Topic<'_>, seen: u64) -> Changed<'_> {
        let place = self.place(of);
        Box::pin(async move {
            loop {
                let any = self.any.count();
                if self.count_at(place) != seen {
                    return;
                }
                self.any.other_than(any).await;
            }
        })
    }

    fn count_at(&self, place: Place) -> u64 {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        let own = match place {
            Place::Any => return self.any.count(),
            Place::Tokens => read(&self.general),
            Place::Token(at) => read(&self.tokens[at]),
            Place::Records(at) => read(&self.records[at]),
            Place::Shares => read(&self.shares),
        };
        own.wrapping_add(read(&self.all))
    }

    #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is one")]
    fn place(&self, of: Topic<'_>) -> Place {
        match of {
            Topic::Any => Place::Any,
            Topic::Tokens => Place::Tokens,
            Topic::Shares => Place::Shares,
            Topic::Token(name) => Place::Token(self.hasher.hash_one(name) as usize % TOKENS),
            Topic::Records(kind) => Place::Records(kind as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_changed_counts_as_it_did_and_everything_is_a_change_of_each() {
        let topics = Topics::default();
        let all = [Topic::Token("a"), Topic::Token("b"), Topic::Tokens, Topic::Records(Kind::Account)];
        let counts = || all.map(|topic| topics.count(topic));
        let any = topics.count(Topic::Any);
        topics.add(Topic::Token("a"));
        topics.add(Topic::Records(Kind::AdminSession));
        assert_eq!(counts()[2..], [0, 0]);
        assert_eq!(counts()[0], 1);
        topics.add(Topic::Any);
        assert_eq!(counts()[2..], [1, 1]);
        assert_eq!(topics.count(Topic::Any), any + 3);
        assert_eq!(Kind::ALL.map(|kind| kind as usize), std::array::from_fn(|at| at));
    }
}
