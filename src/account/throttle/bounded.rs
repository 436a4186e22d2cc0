use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map of so many entries. When it is full, the quarter that weighs least makes room: whoever fills it with many small things
/// does not get rid of a great one.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    most: usize,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), most: most.max(4) }
    }

    pub(super) fn allow(&mut self, most: usize) {
        self.most = most.max(4);
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    pub(super) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|key, _| keep(key));
        before - self.entries.len()
    }

    pub(super) fn entry(&mut self, key: K, new: impl FnOnce() -> V, weight: impl Fn(&V) -> f64) -> &mut V {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.make_room(weight);
        }
        self.entries.entry(key).or_insert_with(new)
    }

    fn make_room(&mut self, weight: impl Fn(&V) -> f64) {
        // More than a quarter where fewer are allowed than were.
        let mut leave = self.entries.len() - self.most + self.most.div_ceil(4);
        let mut weights: Vec<_> = self.entries.values().map(&weight).collect();
        let (_, &mut bar, _) = weights.select_nth_unstable_by(leave - 1, f64::total_cmp);
        // Those below the bar first: of those on it only as many as have to.
        let below = self.entries.values().filter(|value| weight(value) < bar).count();
        let mut on_it = leave - below;
        self.entries.retain(|_, value| {
            let weight = weight(value);
            if leave == 0 || weight > bar {
                return true;
            }
            if weight.total_cmp(&bar).is_eq() {
                if on_it == 0 {
                    return true;
                }
                on_it -= 1;
            }
            leave -= 1;
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weighs_least_makes_room() {
        let mut map = Bounded::new(8);
        for (key, weight) in [9, 1, 8, 1, 7, 1, 6, 1].into_iter().enumerate() {
            map.entry(key, || f64::from(weight), |&weight| weight);
        }
        map.entry(100, || 1.0, |&weight| weight);
        let mut left: Vec<_> = map.iter().map(|(&key, _)| key).collect();
        left.sort_unstable();
        assert_eq!(left.len(), 7, "two of the four ones have gone");
        assert!([0, 2, 4, 6, 100].iter().all(|key| left.contains(key)), "{left:?}");
        map.entry(100, || unreachable!(), |&weight| weight);
        map.allow(4);
        map.entry(101, || 1.0, |&weight| weight);
        let mut left: Vec<_> = map.iter().map(|(&key, _)| key).collect();
        left.sort_unstable();
        assert_eq!(left, [0, 2, 4, 101], "fewer are allowed than were");
    }

    #[test]
    fn a_flood_of_equals_stays_within_its_bound_and_touches_nothing_greater() {
        let mut map = Bounded::new(100);
        map.entry(0, || 10.0, |&weight| weight);
        for key in 1..10_000 {
            map.entry(key, || 1.0, |&weight| weight);
            assert!(map.iter().count() <= 100);
        }
        assert_eq!(map.get(&0), Some(&10.0));
    }
}
