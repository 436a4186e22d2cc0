//! Everything that is declared: in the file, and in the store by the command line and the pages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::{Config, ConfigErrors, Settings};
use crate::model::{Account, Protocol, Token};
use crate::store::{Kind, Record, Store, StoreError, Version};

/// What is declared now.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// All tokens that can be used; those of the file first.
    pub tokens: Vec<Arc<Token>>,
    /// All accounts that can be used, or whose programs at least are told to try again.
    pub accounts: Vec<Account>,
    /// What is in the store and cannot be used, each with its reason: it spoils nothing else.
    pub broken: Vec<String>,
    /// The user names of accounts that cannot be used.
    pub unusable: Vec<String>,
    /// What is wrong with accounts of the file, now that the tokens of the store are known.
    pub errors: Option<ConfigErrors>,
    /// The tokens of the store as read, so that one that did not change stays the same.
    stored: HashMap<String, (Version, Arc<Token>)>,
    /// The accounts of the store as read, by record: one that did not change is not read again while its token stays the same.
    read: HashMap<String, (Version, Vec<Account>)>,
    /// Every declaration of the store as it was read.
    versions: Vec<(Kind, String, Version)>,
}

/// Nobody declared a token of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no token {name:?}; there are: {known}")]
pub struct NoSuchToken {
    /// What was asked for.
    pub name: String,
    /// All that there are.
    pub known: String,
}

impl Declared {
    /// Reads the store beside the file. A name lives in one place only: the file's.
    pub async fn read(config: &Config, store: &dyn Store, before: &Self) -> Result<Self, StoreError> {
        let mut declared = Self { tokens: config.tokens.clone(), ..Self::default() };
        let of_file: HashSet<_> = config.tokens.iter().map(|token| token.name.as_str()).collect();
        let same = |name: &str, version| before.stored.get(name).is_some_and(|(known, _)| *known == version);
        for record in records(store, Kind::Token, same).await? {
            declared.versions.push((record.kind, record.name.clone(), record.version));
            declared.token(config, &of_file, &record, before);
        }
        (declared.accounts, declared.errors) = config.accounts_anyway(&declared.tokens);
        if declared.errors.is_some() {
            declared.unusable.extend(config.account_names().map(str::to_owned));
        }
        let mut known = Known::of(&declared);
        let same = |name: &str, version| before.unchanged(name, version, &known).is_some();
        for record in records(store, Kind::Account, same).await? {
            declared.versions.push((record.kind, record.name.clone(), record.version));
            declared.account(config, &record, &mut known, before);
        }
        declared.tell_of_orphans();
        declared.tell_of_guests(config);
        Ok(declared)
    }

    /// The token of that name.
    pub fn find(&self, name: &str) -> Result<&Arc<Token>, NoSuchToken> {
        self.tokens.iter().find(|token| token.name == name).ok_or_else(|| {
            let names: Vec<_> = self.tokens.iter().map(|token| token.name.as_str()).collect();
            let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
            NoSuchToken { name: name.to_owned(), known }
        })
    }

    /// Whether a token stands in the store and not in the file.
    #[must_use]
    pub fn is_stored(&self, name: &str) -> bool {
        self.stored.contains_key(name)
    }

    /// Whether nothing has changed.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.versions == other.versions && self.broken == other.broken
    }

    fn token(&mut self, config: &Config, of_file: &HashSet<&str>, record: &Record, before: &Self) {
        let Record { name, version, .. } = record;
        if of_file.contains(name.as_str()) {
            return self.broken.push(format!("token {name:?} is in the file and in the store; the file's counts"));
        }
        let same = before.stored.get(name).filter(|(known, _)| known == version).map(|(_, token)| Arc::clone(token));
        let token = same.map_or_else(|| read(record, |settings| config.stored_token(name, settings)).map(Arc::new), Ok);
        match token {
            Ok(token) => {
                self.stored.insert(name.clone(), (*version, Arc::clone(&token)));
                self.tokens.push(token);
            }
            Err(fault) => self.broken.push(fault),
        }
    }

    fn account(&mut self, config: &Config, record: &Record, known: &mut Known, before: &Self) {
        let Record { name, version, .. } = record;
        if known.names.contains(&Account::folded(name)) {
            return self.broken.push(format!("account {name:?} of the store: another account has this name"));
        }
        let accounts = before.unchanged(name, *version, known).map_or_else(
            || read(record, |settings| config.stored_account_anyway(name, settings, |token| known.token(token))),
            |accounts| Ok(accounts.clone()),
        );
        match accounts {
            Ok(accounts) => {
                self.read.insert(name.clone(), (*version, accounts.clone()));
                for account in accounts {
                    if folded(&account).any(|name| known.names.contains(&name)) {
                        let name = account.name;
                        self.broken
                            .push(format!("account {name:?} of the store: another account has one of its names"));
                    } else {
                        known.names.extend(folded(&account));
                        self.accounts.push(account);
                    }
                }
            }
            Err(fault) => {
                self.broken.push(fault);
                self.unusable.push(name.clone());
                self.unusable.extend(aliases(record));
            }
        }
    }

    /// The accounts of a record, if neither it nor their tokens have changed since.
    fn unchanged(&self, name: &str, version: Version, known: &Known) -> Option<&Vec<Account>> {
        let (read, accounts) = self.read.get(name)?;
        (*read == version && known.has_tokens_of(accounts)).then_some(accounts)
    }

    /// Accounts whose token was forgotten, or cannot be read: their programs are told to try again later.
    fn tell_of_orphans(&mut self) {
        let known: HashSet<_> = self.tokens.iter().map(|token| token.name.as_str()).collect();
        let orphans = self.accounts.iter().filter(|account| !known.contains(account.token.name.as_str()));
        let told = orphans.map(|Account { name, token, .. }| {
            let token = &token.name;
            format!("account {name:?}: there is no token {token:?}; make it with `gatepost token add {token}`")
        });
        self.broken.extend(told);
    }

    /// Accounts that clients without a login would send by: now that those of the store are known.
    fn tell_of_guests(&mut self, config: &Config) {
        for anonymous in config.listeners.iter().filter_map(|listener| listener.anonymous.as_ref()) {
            let name = &anonymous.account;
            let told = match self.accounts.iter().find(|account| account.answers_to(name)) {
                None => format!("there is no account {name:?}; make it with `gatepost account add {name}`"),
                Some(account) if !account.protocols.contains(&Protocol::Smtp) => {
                    format!("the account {name:?} is not for smtp")
                }
                Some(_) => continue,
            };
            self.broken.push(format!("anonymous: {told}; until then nobody can send without a login"));
        }
    }
}

/// All records of a kind; those of which nothing is new come without their content: of a hundred thousand accounts one is
/// changed, and the others are not read for it.
async fn records(
    store: &dyn Store,
    kind: Kind,
    same: impl Fn(&str, Version) -> bool,
) -> Result<Vec<Record>, StoreError> {
    let versions = store.versions(kind).await?;
    let is_new = |(name, version): &&(String, Version)| !same(name, *version);
    let new: Vec<_> = versions.iter().filter(is_new).map(|(name, _)| name.clone()).collect();
    if new.len() > versions.len() / 2 {
        return store.records(kind).await;
    }
    let mut read: HashMap<_, _> = HashMap::new();
    if !new.is_empty() {
        let found = store.some_records(kind, new.clone()).await?;
        read.extend(found.into_iter().map(|record| (record.name.clone(), record)));
    }
    let new: HashSet<_> = new.into_iter().collect();
    let record = |(name, version): (String, Version)| match read.remove(&name) {
        Some(record) => Some(record),
        // It was removed in between.
        None if new.contains(&name) => None,
        None => Some(Record { kind, name, version, content: Ok(None) }),
    };
    Ok(versions.into_iter().filter_map(record).collect())
}

/// What accounts of the store are read beside; found by name, for there may be many of each.
struct Known {
    tokens: HashMap<String, Arc<Token>>,
    /// User names that are taken.
    names: HashSet<String>,
}

impl Known {
    fn of(declared: &Declared) -> Self {
        let tokens = declared.tokens.iter().map(|token| (token.name.clone(), Arc::clone(token))).collect();
        Self { tokens, names: declared.accounts.iter().flat_map(folded).collect() }
    }

    fn token(&self, name: &str) -> Option<Arc<Token>> {
        self.tokens.get(name).map(Arc::clone)
    }

    /// Whether the very tokens of these accounts are declared still.
    fn has_tokens_of(&self, accounts: &[Account]) -> bool {
        let is_there = |token: &Arc<Token>| self.tokens.get(&token.name).is_some_and(|known| Arc::ptr_eq(known, token));
        accounts.iter().all(|account| is_there(&account.token))
    }
}

fn folded(account: &Account) -> impl Iterator<Item = String> {
    account.names().map(Account::folded)
}

/// The other names of an account that may be unusable for any reason.
fn aliases(record: &Record) -> Vec<String> {
    let content = record.content.as_ref().ok().and_then(|content| settings(content.as_deref()?));
    let listed = content.as_ref().and_then(|settings| settings.get("aliases")?.as_array());
    listed.into_iter().flatten().filter_map(|alias| Some(alias.as_str()?.to_owned())).collect()
}

fn read<T>(record: &Record, parse: impl FnOnce(&Settings) -> Result<T, ConfigErrors>) -> Result<T, String> {
    let content = record.content.clone().map_err(|fault| fault.to_string())?.unwrap_or_default();
    let settings = settings(&content)
        .ok_or_else(|| format!("{} {:?} in the store cannot be read", record.kind.name(), record.name))?;
    parse(&settings).map_err(|errors| errors.to_string())
}

/// The settings of a record.
pub(super) fn settings(content: &str) -> Option<Settings> {
    serde_json::from_str(content).ok()
}
