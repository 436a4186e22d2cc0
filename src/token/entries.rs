use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::entry::Entry;

/// The entries of all tokens, by the names of their states.
///
/// Whoever reads waits for nobody: each part is only ever replaced as a whole. There are so many parts because a token that
/// opens any mailbox gets an entry with the first login to each: a copy of all of them each time would make a hundred thousand
/// mailboxes cost the square of that.
#[derive(Debug)]
pub(super) struct Entries {
    parts: Vec<ArcSwap<Part>>,
    hasher: RandomState,
}

type Part = HashMap<String, Arc<Entry>>;

const PARTS: usize = 1024;

impl Entries {
    pub(super) fn new() -> Self {
        let empty = Arc::<Part>::default();
        let parts = std::iter::repeat_with(|| ArcSwap::new(Arc::clone(&empty))).take(PARTS).collect();
        Self { parts, hasher: RandomState::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.part(name).load().get(name).map(Arc::clone)
    }

    /// Enters one, or finds the one that somebody else has entered meanwhile.
    pub(super) fn enter(&self, entry: Arc<Entry>) -> Arc<Entry> {
        let part = self.part(&entry.name);
        part.rcu(|part| {
            let mut part = Part::clone(part);
            part.entry(entry.name.clone()).or_insert_with(|| Arc::clone(&entry));
            part
        });
        part.load().get(&entry.name).map_or(entry, Arc::clone)
    }

    /// These and no others from now on.
    pub(super) fn replace(&self, entries: impl IntoIterator<Item = Arc<Entry>>) {
        let empty = Arc::<Part>::default();
        let mut parts = vec![empty; self.parts.len()];
        for entry in entries {
            let part = &mut parts[self.index(&entry.name)];
            Arc::make_mut(part).insert(entry.name.clone(), entry);
        }
        for (part, new) in self.parts.iter().zip(parts) {
            part.store(new);
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.parts.iter().flat_map(|part| part.load().values().map(Arc::clone).collect::<Vec<_>>()).collect()
    }

    fn part(&self, name: &str) -> &ArcSwap<Part> {
        &self.parts[self.index(name)]
    }

    #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is one")]
    fn index(&self, name: &str) -> usize {
        self.hasher.hash_one(name) as usize % self.parts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, Provider, Token};

    fn entry(name: &str) -> Arc<Entry> {
        let http = crate::token::tests::http();
        Arc::new(Entry::new(
            &Arc::new(Token::bare(name, Arc::new(Provider::default()), Grant::RefreshToken)),
            &http,
            "",
        ))
    }

    #[test]
    fn the_first_of_a_name_stays_until_all_are_replaced() {
        let entries = Entries::new();
        let all: Vec<_> = (0..100).map(|number| entry(&number.to_string())).collect();
        for one in &all {
            assert!(entries.get(&one.name).is_none());
            assert!(Arc::ptr_eq(&entries.enter(Arc::clone(one)), one));
        }
        assert!(Arc::ptr_eq(&entries.enter(entry("7")), &all[7]));
        assert_eq!(entries.all().len(), 100);
        entries.replace([Arc::clone(&all[3]), entry("new")]);
        assert!(entries.get("3").is_some_and(|three| Arc::ptr_eq(&three, &all[3])));
        assert!(entries.get("new").is_some() && entries.get("7").is_none());
        assert_eq!(entries.all().len(), 2);
    }
}
