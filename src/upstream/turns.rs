//! Who may connect to a server now, and who is next. No clock, no IO.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The places of a server, and who waits for one. Mailboxes take turns, whoever came first; one alone never has more than half
/// of the places: those who hang with it hold up nobody else.
#[derive(Debug)]
pub(super) struct Turns<W> {
    taken: HashMap<Arc<str>, usize>,
    all: usize,
    lines: VecDeque<Line<W>>,
    next: u64,
}

/// Those of one mailbox, in the order in which they came.
#[derive(Debug)]
struct Line<W> {
    user: Arc<str>,
    waiting: VecDeque<(u64, W)>,
}

impl<W> Default for Turns<W> {
    fn default() -> Self {
        Self { taken: HashMap::new(), all: 0, lines: VecDeque::new(), next: 0 }
    }
}

impl<W> Turns<W> {
    /// Takes a place, if there is one and nobody has to be waited for.
    pub(super) fn enter(&mut self, user: &Arc<str>, places: usize) -> bool {
        // Whoever else waits has all the places that it may have.
        let may = self.has_room(user, places) && !self.lines.iter().any(|line| line.user == *user);
        if may {
            self.take(user);
        }
        may
    }

    /// Takes the last place in the line of its mailbox.
    pub(super) fn join(&mut self, user: &Arc<str>, waiter: W) -> u64 {
        let number = self.next;
        self.next += 1;
        match self.lines.iter_mut().find(|line| line.user == *user) {
            Some(line) => line.waiting.push_back((number, waiter)),
            None => self.lines.push_back(Line { user: Arc::clone(user), waiting: VecDeque::from([(number, waiter)]) }),
        }
        number
    }

    /// Waits no longer.
    pub(super) fn leave(&mut self, user: &str, number: u64) {
        for line in self.lines.iter_mut().filter(|line| &*line.user == user) {
            line.waiting.retain(|(waiting, _)| *waiting != number);
        }
        self.lines.retain(|line| !line.waiting.is_empty());
    }

    /// Gives a place back.
    pub(super) fn release(&mut self, user: &str) {
        self.all = self.all.saturating_sub(1);
        if let Some(taken) = self.taken.get_mut(user) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(user);
            }
        }
    }

    /// Whose turn it is, if it is anybody's; the place is taken.
    pub(super) fn call(&mut self, places: usize) -> Option<(Arc<str>, W)> {
        let at = (0..self.lines.len()).find(|&at| self.has_room(&self.lines[at].user, places))?;
        let mut line = self.lines.remove(at)?;
        let (_, waiter) = line.waiting.pop_front()?;
        let user = Arc::clone(&line.user);
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        self.take(&user);
        Some((user, waiter))
    }

    /// Sends all away who wait.
    pub(super) fn clear(&mut self) -> Vec<W> {
        self.lines.drain(..).flat_map(|line| line.waiting).map(|(_, waiter)| waiter).collect()
    }

    /// How many places are taken.
    pub(super) const fn taken(&self) -> usize {
        self.all
    }

    pub(super) fn waiting(&self) -> usize {
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }

    fn has_room(&self, user: &Arc<str>, places: usize) -> bool {
        let share = (places / 2).max(1);
        self.all < places && self.taken.get(user).copied().unwrap_or(0) < share
    }

    fn take(&mut self, user: &Arc<str>) {
        self.all += 1;
        *self.taken.entry(Arc::clone(user)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(name: &str) -> Arc<str> {
        name.into()
    }

    /// Everybody leaves as soon as it has come; the order in which they came.
    fn order(turns: &mut Turns<&'static str>, places: usize) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some((user, waiter)) = turns.call(places) {
            order.push(waiter);
            turns.release(&user);
        }
        order
    }

    #[test]
    fn mailboxes_take_turns_however_many_wait_for_one() {
        let (a, b, c) = (user("a"), user("b"), user("c"));
        let mut turns = Turns::default();
        assert!(turns.enter(&a, 1) && !turns.enter(&b, 1));
        for waiter in ["a1", "a2", "a3"] {
            turns.join(&a, waiter);
        }
        for (user, waiter) in [(&b, "b1"), (&b, "b2"), (&c, "c1")] {
            turns.join(user, waiter);
        }
        assert!(turns.call(1).is_none(), "the only place is taken");
        turns.release("a");
        assert_eq!(order(&mut turns, 1), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!((turns.taken(), turns.waiting()), (0, 0));
    }

    #[test]
    fn no_mailbox_has_more_than_half_of_the_places() {
        let (a, b) = (user("a"), user("b"));
        let mut turns = Turns::default();
        assert!(turns.enter(&a, 4) && turns.enter(&a, 4));
        assert!(!turns.enter(&a, 4), "two hang");
        turns.join(&a, "a3");
        assert!(turns.call(4).is_none());
        assert!(turns.enter(&b, 4), "others pass those who may not go");
        turns.release("a");
        assert_eq!(turns.call(4), Some((a, "a3")));
    }

    #[test]
    fn whoever_leaves_is_not_called() {
        let a = user("a");
        let mut turns = Turns::default();
        let first = turns.join(&a, "first");
        turns.join(&a, "second");
        turns.leave("a", first);
        assert_eq!(turns.call(1), Some((Arc::clone(&a), "second")));
        turns.join(&a, "third");
        assert_eq!(turns.clear(), ["third"]);
        assert_eq!(turns.waiting(), 0);
    }

    proptest! {
        /// Whatever happens in whatever order: no place is lost, none is given twice, and nobody waits beside a free place
        /// that it may have.
        #[test]
        fn places_are_neither_lost_nor_doubled(deeds in prop::collection::vec((0..4_u8, 0..3_usize), 1..200), places in 1..5_usize) {
            let users = ["a", "b", "c"].map(user);
            let mut turns = Turns::default();
            let mut inside = [0_usize; 3];
            for (deed, who) in deeds {
                match deed {
                    0 if turns.enter(&users[who], places) => inside[who] += 1,
                    0 | 1 => drop(turns.join(&users[who], who)),
                    2 if inside[who] > 0 => {
                        inside[who] -= 1;
                        turns.release(&users[who]);
                    }
                    _ => {}
                }
                while let Some((_, called)) = turns.call(places) {
                    inside[called] += 1;
                }
                prop_assert_eq!(turns.taken(), inside.iter().sum::<usize>());
                prop_assert!(turns.taken() <= places);
                prop_assert!(inside.iter().all(|&count| count <= (places / 2).max(1)));
            }
        }
    }
}
