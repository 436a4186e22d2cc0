use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::names;
use super::password::{self, Work};
use crate::model::{Account, PasswordHash};

/// All accounts by each of their names. A value that never changes; a reload makes another.
#[derive(Debug)]
pub struct Directory {
    names: HashMap<String, Arc<Account>>,
    rounds: BTreeMap<Work, Round>,
    unusable: HashSet<String>,
    default_domain: Option<String>,
}

/// What a user name leads to.
enum Known<'a> {
    Account(&'a Arc<Account>),
    Unusable,
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

/// Hashes of equal work: every name is checked against as many of them as any account has.
#[derive(Debug)]
struct Round {
    most: usize,
    /// Stands in for the hashes that an account does not have.
    decoy: PasswordHash,
}

/// What to check a password against.
#[derive(Debug)]
pub(super) struct Checks {
    /// Any of these opens the account; in the order of its passwords.
    pub(super) own: Vec<PasswordHash>,
    /// These open nothing; they make every name cost the same.
    pub(super) decoys: Vec<PasswordHash>,
}

impl Directory {
    /// Enters each account under its name and its aliases.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Result<Self, Ambiguous> {
        let mut directory =
            Self { names: HashMap::new(), rounds: BTreeMap::new(), unusable: HashSet::new(), default_domain: None };
        for account in accounts {
            let account = Arc::new(account);
            directory.widen(&account);
            for name in account.names() {
                directory.enter(name, &account)?;
            }
        }
        if directory.rounds.is_empty() {
            let decoy = password::default_decoy();
            directory.rounds.extend(decoy.map(|decoy| (password::work(&decoy), Round { most: 1, decoy })));
        }
        Ok(directory)
    }

    /// User names that are declared, and whose accounts cannot be used now: their token is gone, or cannot be read.
    #[must_use]
    pub fn with_unusable(self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let unusable = names.into_iter().map(|name| Account::folded(name.as_ref())).collect();
        Self { unusable, ..self }
    }

    /// A user name without a domain may stand for one in this domain, and the other way round.
    #[must_use]
    pub fn with_default_domain(self, domain: Option<&str>) -> Self {
        Self { default_domain: domain.map(Account::folded), ..self }
    }

    /// Whether a user name is declared and cannot be used: no password is wrong there (law 2).
    #[must_use]
    pub fn is_unusable(&self, user: &str) -> bool {
        matches!(self.known(user), Some(Known::Unusable))
    }

    /// The account of a user name as typed: case and blanks around it do not matter, and a name that is nobody's is looked
    /// up by what else it may stand for.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<&Arc<Account>> {
        match self.known(user)? {
            Known::Account(account) => Some(account),
            Known::Unusable => None,
        }
    }

    /// The account of this very name or alias, whose case does not matter: for names that nobody typed.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Account>> {
        self.names.get(&Account::folded(name))
    }

    /// When the next password comes to its end, after this.
    #[must_use]
    pub fn next_end(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let passwords = self.names.values().flat_map(|account| &account.passwords);
        passwords.filter_map(|password| password.expires).filter(|end| *end > now).min()
    }

    /// A name as it was typed comes first, also one that cannot be used: its password must not be held against another's.
    ///
    /// A name that is nobody's takes a few lookups more than others; beside a password hash that is nothing.
    fn known(&self, user: &str) -> Option<Known<'_>> {
        let folded = Account::folded(user);
        let others = || names::readings(&folded, self.default_domain.as_deref());
        self.exact(&folded).or_else(|| others().find_map(|name| self.exact(&name)))
    }

    fn exact(&self, folded: &str) -> Option<Known<'_>> {
        let account = self.names.get(folded).map(Known::Account);
        account.or_else(|| self.unusable.contains(folded).then_some(Known::Unusable))
    }

    /// The account's hashes or none, filled up so that every name costs the same number of hashes of the same work, also
    /// where old accounts have cheaper hashes than new ones.
    pub(super) fn checks(&self, account: Option<&Account>) -> Checks {
        let own: Vec<_> = account.into_iter().flat_map(hashes).cloned().collect();
        let has = tally(&own);
        let missing = |(work, round): (&Work, &Round)| {
            let count = round.most.saturating_sub(has.get(work).copied().unwrap_or(0));
            std::iter::repeat_n(round.decoy.clone(), count)
        };
        let decoys = self.rounds.iter().flat_map(missing).collect();
        Checks { own, decoys }
    }

    fn widen(&mut self, account: &Account) {
        for (work, count) in tally(hashes(account)) {
            let model = hashes(account).find(|hash| password::work(hash) == work);
            let Some(decoy) = model.map(password::decoy) else { continue };
            let round = self.rounds.entry(work).or_insert(Round { most: 0, decoy });
            round.most = round.most.max(count);
        }
    }

    fn enter(&mut self, name: &str, account: &Arc<Account>) -> Result<(), Ambiguous> {
        match self.names.entry(Account::folded(name)) {
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
}

/// In the order of the account's passwords.
fn hashes(account: &Account) -> impl Iterator<Item = &PasswordHash> {
    account.passwords.iter().map(|password| &password.hash)
}

/// How many hashes of each work.
fn tally<'a>(hashes: impl IntoIterator<Item = &'a PasswordHash>) -> BTreeMap<Work, usize> {
    let mut tally = BTreeMap::new();
    for hash in hashes {
        *tally.entry(password::work(hash)).or_default() += 1;
    }
    tally
}
