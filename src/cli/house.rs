//! Everything that is declared: in the file, and in the store by the command line and the pages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::{Config, ConfigErrors, Settings};
use crate::model::{Account, Protocol, Token};
use crate::store::{Keys, Kind, Record, SqliteStore, Store, StoreError, Version};

/// What is declared now.
#[derive(Clone, Debug, Default)]
pub(super) struct House {
    pub(super) tokens: Vec<Arc<Token>>,
    pub(super) accounts: Vec<Account>,
    /// What is in the store and cannot be used, each with its reason: it spoils nothing else.
    pub(super) broken: Vec<String>,
    /// The user names of accounts that cannot be used.
    pub(super) unusable: Vec<String>,
    /// What is wrong with accounts of the file, now that the tokens of the store are known.
    pub(super) errors: Option<ConfigErrors>,
    /// The tokens of the store as read, so that one that did not change stays the same.
    stored: HashMap<String, (Version, Arc<Token>)>,
    /// Every declaration of the store as it was read.
    versions: Vec<(Kind, String, Version)>,
}

impl House {
    /// Reads the store beside the file. A name lives in one place only: the file's.
    pub(super) async fn read(config: &Config, store: &dyn Store, before: &Self) -> Result<Self, StoreError> {
        let mut house = Self { tokens: config.tokens.clone(), ..Self::default() };
        for record in store.records(Kind::Token).await? {
            house.versions.push((record.kind, record.name.clone(), record.version));
            house.token(config, &record, before);
        }
        (house.accounts, house.errors) = config.accounts_anyway(&house.tokens);
        if house.errors.is_some() {
            house.unusable.extend(config.account_names().map(str::to_owned));
        }
        let mut names: HashSet<_> = house.accounts.iter().flat_map(folded).collect();
        for record in store.records(Kind::Account).await? {
            house.versions.push((record.kind, record.name.clone(), record.version));
            house.account(config, &record, &mut names);
        }
        house.tell_of_orphans();
        house.tell_of_guests(config);
        Ok(house)
    }

    /// The token of that name.
    pub(super) fn find(&self, name: &str) -> anyhow::Result<&Arc<Token>> {
        self.tokens.iter().find(|token| token.name == name).with_context(|| {
            let names: Vec<_> = self.tokens.iter().map(|token| token.name.as_str()).collect();
            let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
            format!("there is no token {name:?}; there are: {known}")
        })
    }

    /// Whether a token stands in the store and not in the file.
    pub(super) fn is_stored(&self, name: &str) -> bool {
        self.stored.contains_key(name)
    }

    /// Whether nothing has changed.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.versions == other.versions && self.broken == other.broken
    }

    fn token(&mut self, config: &Config, record: &Record, before: &Self) {
        let Record { name, version, .. } = record;
        if config.tokens.iter().any(|token| token.name == *name) {
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

    fn account(&mut self, config: &Config, record: &Record, names: &mut HashSet<String>) {
        let Record { name, .. } = record;
        if names.contains(&Account::folded(name)) {
            return self.broken.push(format!("account {name:?} of the store: another account has this name"));
        }
        match read(record, |settings| config.stored_account_anyway(name, settings, &self.tokens)) {
            Ok(accounts) => {
                for account in accounts {
                    if folded(&account).any(|name| names.contains(&name)) {
                        let name = account.name;
                        self.broken
                            .push(format!("account {name:?} of the store: another account has one of its names"));
                    } else {
                        names.extend(folded(&account));
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

/// The store of a configuration.
pub(super) fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    let keys = keys(config)?;
    Ok(SqliteStore::open(&config.store.path, keys)?)
}

/// Its keys; a file is looked at again when the store speaks of a key that is not known.
fn keys(config: &Config) -> anyhow::Result<Keys> {
    use secrecy::ExposeSecret as _;
    let old = config.store.old_key.as_ref().map(|key| key.expose_secret().trim().to_owned()).unwrap_or_default();
    // The newest stands last, in a file that is being rotated and here.
    let ring = zeroize::Zeroizing::new([old.as_str(), "\n", config.store.key.expose_secret()].concat());
    let file = config.store.key_file.clone();
    let again = move || std::fs::read_to_string(file.as_ref()?).ok().map(Into::into);
    Keys::with_source(&ring.as_str().into(), again).context("store.key")
}
