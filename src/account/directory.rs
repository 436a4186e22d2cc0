use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::password;
use crate::model::{Account, PasswordHash};

/// All accounts by each of their names. A value that never changes; a reload makes another.
#[derive(Debug)]
pub struct Directory {
    names: HashMap<String, Arc<Account>>,
    /// What a name that nobody has is verified against.
    decoy: PasswordHash,
    /// The most passwords that any account has; every name is verified against so many.
    rounds: usize,
}

/// Two accounts answer to the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user name {name:?} belongs to the accounts {first:?} and {second:?}; rename one, or drop the alias")]
pub struct Ambiguous {
    /// The name.
    pub name: String,
    /// One of its accounts.
    pub first: String,
    /// The other.
    pub second: String,
}

impl Directory {
    /// Enters each account under its name and its aliases.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Result<Self, Ambiguous> {
        let mut names = HashMap::new();
        let mut costliest = None;
        let mut rounds = 1;
        for account in accounts {
            let account = Arc::new(account);
            rounds = rounds.max(account.passwords.len());
            costliest = costliest.into_iter().chain(account.passwords.iter().cloned()).max_by_key(password::cost);
            for name in std::iter::once(&account.name).chain(&account.aliases) {
                enter(&mut names, name, &account)?;
            }
        }
        Ok(Self { names, decoy: password::decoy(costliest.as_ref()), rounds })
    }

    /// The account of a user name as typed: case and blanks around it do not matter.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<&Arc<Account>> {
        self.names.get(&key(user))
    }

    /// What to verify a password against: the account's hashes or none, filled up so that every name costs the same.
    pub(super) fn hashes(&self, account: Option<&Account>) -> Vec<PasswordHash> {
        let own = account.map(|account| account.passwords.clone()).unwrap_or_default();
        own.into_iter().chain(std::iter::repeat(self.decoy.clone())).take(self.rounds).collect()
    }
}

fn enter(names: &mut HashMap<String, Arc<Account>>, name: &str, account: &Arc<Account>) -> Result<(), Ambiguous> {
    match names.entry(key(name)) {
        // An alias that repeats its own account's name says nothing new.
        Entry::Occupied(other) if Arc::ptr_eq(other.get(), account) => Ok(()),
        Entry::Occupied(other) => {
            let (first, second) = (other.get().name.clone(), account.name.clone());
            Err(Ambiguous { name: name.to_owned(), first, second })
        }
        Entry::Vacant(entry) => {
            entry.insert(Arc::clone(account));
            Ok(())
        }
    }
}

pub(super) fn key(user: &str) -> String {
    user.trim_matches([' ', '\t']).to_lowercase()
}
