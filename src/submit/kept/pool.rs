use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is kept, by its mailbox and then by its key, in the order of its coming: a value without clock or IO.
#[derive(Debug)]
pub(super) struct Pool<K, T> {
    next: u64,
    /// Each in the order of its coming; never empty.
    of_mailbox: HashMap<Arc<str>, Vec<Held<K, T>>>,
    /// Whose each is, the oldest first.
    order: BTreeMap<u64, Arc<str>>,
}

#[derive(Debug)]
struct Held<K, T> {
    number: u64,
    key: K,
    value: T,
}

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) in_all: usize,
    pub(super) of_mailbox: usize,
}

impl<K, T> Default for Pool<K, T> {
    fn default() -> Self {
        Self { next: 0, of_mailbox: HashMap::new(), order: BTreeMap::new() }
    }
}

impl<K, T> Pool<K, T> {
    /// Keeps one, and gives back those for which there is no room any more, the oldest first.
    pub(super) fn put(&mut self, mailbox: &Arc<str>, key: K, value: T, most: Most) -> (u64, Vec<T>) {
        let number = self.next;
        self.next += 1;
        let held = self.of_mailbox.entry(Arc::clone(mailbox)).or_default();
        held.push(Held { number, key, value });
        let over = held.len().saturating_sub(most.of_mailbox);
        let oldest: Vec<_> = held[..over].iter().map(|held| held.number).collect();
        self.order.insert(number, Arc::clone(mailbox));
        let mut ended: Vec<_> = oldest.into_iter().filter_map(|number| self.leave(number)).collect();
        while self.order.len() > most.in_all
            && let Some((&oldest, _)) = self.order.first_key_value()
        {
            ended.extend(self.leave(oldest));
        }
        (number, ended)
    }

    /// The youngest that fits: it is the least likely to have ended meanwhile.
    pub(super) fn take(&mut self, mailbox: &str, fits: impl Fn(&K) -> bool) -> Option<T> {
        let held = self.of_mailbox.get(mailbox)?;
        let number = held.iter().rev().find(|held| fits(&held.key))?.number;
        self.leave(number)
    }

    /// Takes this one out, if it is still there.
    pub(super) fn leave(&mut self, number: u64) -> Option<T> {
        let mailbox = self.order.remove(&number)?;
        let held = self.of_mailbox.get_mut(&mailbox)?;
        let at = held.iter().position(|held| held.number == number)?;
        let value = held.remove(at).value;
        if held.is_empty() {
            self.of_mailbox.remove(&mailbox);
        }
        Some(value)
    }

    /// Takes out those that may not stay.
    pub(super) fn review(&mut self, may_stay: impl Fn(&K, &T) -> bool) -> Vec<T> {
        let over = self.of_mailbox.values().flatten().filter(|held| !may_stay(&held.key, &held.value));
        let over: Vec<_> = over.map(|held| held.number).collect();
        over.into_iter().filter_map(|number| self.leave(number)).collect()
    }

    /// Takes out all of a mailbox.
    pub(super) fn empty(&mut self, mailbox: &str) -> Vec<T> {
        let held = self.of_mailbox.get(mailbox).into_iter().flatten();
        let numbers: Vec<_> = held.map(|held| held.number).collect();
        numbers.into_iter().filter_map(|number| self.leave(number)).collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// A key and a value that say whose they are.
    type Ours = Pool<(u8, u8), (u32, (u8, u8))>;

    #[derive(Clone, Debug)]
    enum Deed {
        Put(u8, u8),
        Take(u8, u8),
        Leave(u64),
        Review(u8),
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            3 => (0..3u8, 0..3u8).prop_map(|(mailbox, key)| Deed::Put(mailbox, key)),
            2 => (0..3u8, 0..3u8).prop_map(|(mailbox, key)| Deed::Take(mailbox, key)),
            1 => (0..40u64).prop_map(Deed::Leave),
            1 => (0..3u8).prop_map(Deed::Review),
        ];
        proptest::collection::vec(deed, 0..80)
    }

    fn mailbox(number: u8) -> Arc<str> {
        number.to_string().into()
    }

    proptest! {
        /// None is lost, none is given twice, none to another key; and there are never too many.
        #[test]
        fn every_one_that_comes_goes_once_and_to_its_own(deeds in deeds(), in_all in 1..6usize, of_mailbox in 1..4usize) {
            let (mut pool, most) = (Ours::default(), Most { in_all, of_mailbox });
            let (mut came, mut gone) = (0, HashSet::new());
            for deed in deeds {
                let out = match deed {
                    Deed::Put(of, key) => {
                        came += 1;
                        pool.put(&mailbox(of), (of, key), (came, (of, key)), most).1
                    }
                    Deed::Take(of, key) => {
                        let taken = pool.take(&mailbox(of), |kept| *kept == (of, key));
                        prop_assert!(taken.is_none_or(|(_, whose)| whose == (of, key)));
                        taken.into_iter().collect()
                    }
                    Deed::Leave(number) => pool.leave(number).into_iter().collect(),
                    Deed::Review(key) => pool.review(|kept, _| kept.1 != key),
                };
                for (number, _) in out {
                    prop_assert!(gone.insert(number), "twice");
                }
                prop_assert!(pool.count() <= in_all);
                prop_assert!(pool.of_mailbox.values().all(|held| !held.is_empty() && held.len() <= of_mailbox));
                prop_assert_eq!(pool.of_mailbox.values().map(Vec::len).sum::<usize>(), pool.count());
                prop_assert_eq!(pool.count() + gone.len(), came as usize);
            }
        }
    }

    #[test]
    fn the_oldest_makes_room_and_the_youngest_is_taken() {
        let (mut pool, most) = (Pool::default(), Most { in_all: 3, of_mailbox: 2 });
        let [one, other]: [Arc<str>; 2] = ["one".into(), "other".into()];
        let none: [i32; 0] = [];
        assert_eq!(pool.put(&one, 'k', 1, most).1, none);
        assert_eq!(pool.put(&one, 'k', 2, most).1, none);
        assert_eq!(pool.put(&one, 'k', 3, most).1, [1], "of the mailbox");
        assert_eq!(pool.put(&other, 'k', 4, most).1, none);
        assert_eq!(pool.put(&other, 'k', 5, most).1, [2], "of all");
        assert_eq!(pool.take("other", |key| *key == 'k'), Some(5));
        assert_eq!(pool.take("other", |key| *key == 'x'), None);
        assert_eq!(pool.empty("none"), none);
        assert_eq!(pool.take("other", |key| *key == 'k'), Some(4));
        assert_eq!((pool.take("other", |_| true), pool.count()), (None, 1));
        assert_eq!((pool.empty("one"), pool.count()), (vec![3], 0));
    }
}
