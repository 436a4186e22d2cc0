use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::reader::{Origin, Table};
use crate::model::Account;

/// The domain that a user name without one may be in, and that one in it may do without.
pub(in super::super) fn default_domain(root: &Table<'_>) -> Option<String> {
    let domain = root.string("default_domain")?;
    let folded = Account::folded(&domain);
    let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let plain = folded.chars().all(fits) && !folded.starts_with('.') && !folded.ends_with('.');
    if plain && (1..=255).contains(&folded.len()) {
        return Some(folded);
    }
    root.wrong("default_domain", &domain, "a domain, such as \"example.com\"")
}

/// User names of all accounts: each leads to one account, whatever its case.
#[derive(Default)]
pub(super) struct Users {
    entered: HashMap<String, Taken>,
}

impl Users {
    /// Enters the name of an account, or complains under this key of its table.
    pub(super) fn enter(&mut self, table: &Table<'_>, key: &'static str, name: &str) {
        if let Some(taken) = self.take(table, key, name, name) {
            taken.complain(table, key, name);
        }
    }

    /// Enters another name of an account. It may repeat one of the same account.
    pub(super) fn enter_alias(&mut self, table: &Table<'_>, alias: &str, account: &str) {
        if let Some(taken) = self.take(table, "aliases", alias, account)
            && taken.owner != account
        {
            taken.complain(table, "aliases", alias);
        }
    }

    /// Enters a name, or tells who has it.
    fn take(&mut self, table: &Table<'_>, key: &'static str, user: &str, account: &str) -> Option<Taken> {
        let folded = Account::folded(user);
        if folded.is_empty() || folded.chars().any(char::is_control) {
            let allowed = Some("a name without control characters".into());
            table.error(key, format!("{user:?} is no user name"), allowed, None);
            return None;
        }
        match self.entered.entry(folded) {
            Entry::Occupied(entry) => Some(entry.get().clone()),
            Entry::Vacant(entry) => {
                entry.insert(Taken { owner: account.to_owned(), first: table.origin(key) });
                None
            }
        }
    }
}

/// Whose a name is, and where that was read.
#[derive(Clone)]
struct Taken {
    owner: String,
    first: Origin,
}

impl Taken {
    fn complain(&self, table: &Table<'_>, key: &str, user: &str) {
        let (owner, first) = (&self.owner, table.place(&self.first));
        let problem = format!("the user name {user:?} already belongs to the account {owner:?} ({first})");
        table.error(key, problem, None, Some("rename one, or drop the alias".into()));
    }
}
