//! Changes of accounts that live in the store.

use std::collections::HashSet;

use secrecy::SecretString;
use serde_json::{Value, json};
use tracing::warn;

use super::change::{Done, difference, readable, shown, switch};
use super::fault::NAME;
use super::passwords::{self, HASH, LABELLED, Terms};
use super::tokens::{DISABLED, keep};
use super::{Actor, ChangeError, Fault, Registry};
use crate::config::Settings;
use crate::model::Account;
use crate::store::{Kind, Record, StoreError, Version};

const ACCOUNT: Kind = Kind::Account;

impl Registry {
    /// The settings of an account of the store but for its passwords, and the version to edit them by.
    pub async fn account_settings(&self, name: &str) -> Result<Option<(Version, Settings)>, StoreError> {
        let found = shown(self.store().record(ACCOUNT, name).await?)?;
        Ok(found.map(|(version, mut settings)| {
            settings.retain(|key, _| key != HASH && key != LABELLED);
            (version, settings)
        }))
    }

    /// All that is wrong with the settings of an account that is to be added, its names among those of the others included. Its
    /// password may be missing still.
    pub fn check_new_account(&self, name: &str, settings: &Settings) -> Result<(), Vec<Fault>> {
        self.check(name, settings, &|_| true)
    }

    /// The same for one of the store that is to be changed.
    pub fn check_account(&self, name: &str, settings: &Settings) -> Result<(), Vec<Fault>> {
        let another = |account: &Account| account.name != name || self.config().account_place(name).is_some();
        self.check(name, settings, &another)
    }

    fn check(&self, name: &str, settings: &Settings, another: &dyn Fn(&Account) -> bool) -> Result<(), Vec<Fault>> {
        if name.contains('*') {
            return Err(vec![Fault::new(NAME, "accounts with a pattern are declared in the file")]);
        }
        let mut complete = settings.clone();
        if !complete.contains_key(HASH) && !complete.contains_key(LABELLED) {
            complete.insert(HASH.to_owned(), json!(passwords::ANY));
        }
        let mut faults = self.misread(name, &complete);
        faults.extend(self.clashes(name, settings, another));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Whether such an account could be added, but for its password.
    pub async fn may_add_account(&self, name: &str, settings: &Settings) -> Result<(), ChangeError> {
        let record = self.store().record(ACCOUNT, name).await?;
        let usable = self.declared().accounts.iter().any(|account| account.answers_to(name));
        if record.version != Version::default() && !usable && self.config().account_place(name).is_none() {
            return Err(ChangeError::Unusable { kind: ACCOUNT, name: name.to_owned() });
        }
        self.check_new_account(name, settings).map_err(ChangeError::Wrong)
    }

    /// Adds an account to the store, with its first password.
    pub async fn add_account(
        &self,
        by: &Actor,
        name: &str,
        mut settings: Settings,
        first: Option<(&SecretString, Terms)>,
    ) -> Result<(), ChangeError> {
        self.look().await?;
        self.may_add_account(name, &settings).await?;
        if let Some((password, terms)) = first {
            self.with_password(name, &mut settings, &terms, passwords::ANY)?;
            // In the place of the other.
            passwords::put(
                name,
                &mut settings,
                &Terms { keep_old: false, ..terms },
                &passwords::hash(password).await?,
            )?;
        }
        self.complete(name, &settings)?;
        let record = self.store().record(ACCOUNT, name).await?;
        if record.version != Version::default() {
            return Err(ChangeError::Conflict { kind: ACCOUNT, name: name.to_owned() });
        }
        let done = Done::new("account.added", format!("with the token {}", token(&settings)));
        self.swap_names(by, record, settings, done).await
    }

    /// Replaces the settings of an account of the store, if they are still those that were seen. Its passwords stay, and
    /// whether it is disabled where they say nothing of it.
    pub async fn edit_account(
        &self,
        by: &Actor,
        name: &str,
        seen: Version,
        mut settings: Settings,
    ) -> Result<(), ChangeError> {
        self.is_not_in_the_file(name)?;
        self.look().await?;
        let record = self.seen(ACCOUNT, name, seen).await?;
        let before = readable(&record)?;
        settings.retain(|key, _| key != HASH && key != LABELLED);
        for key in [HASH, LABELLED, DISABLED] {
            keep(&before, &mut settings, key);
        }
        self.check_account(name, &settings)
            .map_err(|faults| ChangeError::Wrong(passwords::named(faults, &settings)))?;
        let changed = difference(&before, &settings);
        if changed.is_empty() {
            return Ok(());
        }
        self.swap_names(by, record, settings, Done::new("account.changed", changed.join(", "))).await
    }

    /// Refuses an account of the store from now on, or lets it in again.
    pub async fn disable_account(&self, by: &Actor, name: &str, disabled: bool) -> Result<(), ChangeError> {
        self.is_not_in_the_file(name)?;
        let name = self.account_name(name).await?;
        let what = if disabled { "account.disabled" } else { "account.enabled" };
        let edit = |settings: &mut Settings| Ok(switch(settings, DISABLED, disabled).then(|| Done::new(what, "")));
        self.edit(by, (ACCOUNT, &name), edit).await
    }

    /// Removes an account from the store, also one that cannot be read, or that one of the file hides.
    pub async fn remove_account(&self, by: &Actor, name: &str) -> Result<(), ChangeError> {
        let name = self.account_name(name).await?;
        self.drop_record(by, (ACCOUNT, &name), || Done::new("account.removed", "")).await?;
        if let Err(fault) = self.store().unused(&name).await {
            warn!(account = name, error = %fault, "store.failed");
        }
        Ok(())
    }

    /// The name of an account of the store as it is written, by the same in any case; or why there is none.
    pub async fn account_name(&self, name: &str) -> Result<String, ChangeError> {
        Ok(self.account_record(name).await?.name)
    }

    pub(super) async fn account_record(&self, name: &str) -> Result<Record, ChangeError> {
        let exact = self.store().record(ACCOUNT, name).await?;
        if exact.version != Version::default() {
            return Ok(exact);
        }
        let folded = Account::folded(name);
        let records = self.store().records(ACCOUNT).await?;
        if let Some(record) = records.into_iter().find(|record| Account::folded(&record.name) == folded) {
            return Ok(record);
        }
        self.is_not_in_the_file(name)?;
        match self.declared().accounts.iter().find(|account| account.answers_to(name)) {
            Some(owner) => Err(ChangeError::OtherName { name: name.to_owned(), owner: self.shown(owner) }),
            None => Err(self.unknown(ACCOUNT, name)),
        }
    }

    pub(super) fn is_not_in_the_file(&self, name: &str) -> Result<(), ChangeError> {
        let place = self.config().account_place(name).map(|place| place.line.clone());
        place.map_or(Ok(()), |place| Err(ChangeError::InFile { kind: ACCOUNT, name: name.to_owned(), place }))
    }

    /// What the code that reads the file has to say.
    pub(super) fn misread(&self, name: &str, settings: &Settings) -> Vec<Fault> {
        let read = self.config().stored_account(name, settings, &self.declared().tokens);
        read.err().map(|errors| Fault::all(&errors)).unwrap_or_default()
    }

    fn complete(&self, name: &str, settings: &Settings) -> Result<(), ChangeError> {
        let wrong = self.misread(name, settings);
        if wrong.is_empty() { Ok(()) } else { Err(ChangeError::Wrong(wrong)) }
    }

    /// Names that are another's.
    fn clashes(&self, name: &str, settings: &Settings, another: &dyn Fn(&Account) -> bool) -> Vec<Fault> {
        let declared = self.declared();
        let clash = |(key, user): (&str, &str)| {
            let mut others = declared.accounts.iter().filter(|account| another(account));
            let owner = self.shown(others.find(|account| account.answers_to(user))?);
            Some(Fault::new(key, format!("the user name {user:?} already belongs to the account {owner}")))
        };
        names(name, settings).filter_map(clash).collect()
    }

    /// Saves an account that may have new names. Of two that take the same name at the same time, none can tell the other
    /// before it is saved: whoever then finds it with another takes the change back.
    async fn swap_names(&self, by: &Actor, record: Record, now: Settings, done: Done) -> Result<(), ChangeError> {
        let (name, before) = (record.name.clone(), record.content.clone()?);
        let taken = |others: Vec<Record>| {
            let others = others.into_iter().filter(|other| other.name != name);
            let theirs: HashSet<_> =
                others.flat_map(|other| folded(&other.name, &readable(&other).unwrap_or_default())).collect();
            names(&name, &now).find(|(_, user)| theirs.contains(&Account::folded(user))).map(|(key, user)| {
                Fault::new(key, format!("somebody else has just taken the user name {user:?}; choose another"))
            })
        };
        let watch = self.watch();
        let version = self.save(record.clone(), Some(&now)).await?;
        if let Ok(Some(fault)) = self.store().records(ACCOUNT).await.map(taken) {
            let _ = self.store().put(Record { version, ..record.with(before) }, None).await?;
            self.declare().await?;
            return Err(ChangeError::Wrong(vec![fault]));
        }
        self.finish(by, ACCOUNT, &name, done).await?;
        watch.ends();
        Ok(())
    }

    /// An account, and where it stands.
    fn shown(&self, account: &Account) -> String {
        let config = self.config();
        let place = config.account_place(&account.name).map_or("in the store", |place| place.line.as_str());
        format!("{:?} ({place})", account.name)
    }
}

/// All user names, each with the key that it stands in.
fn names<'a>(name: &'a str, settings: &'a Settings) -> impl Iterator<Item = (&'static str, &'a str)> {
    let aliases = settings.get("aliases").and_then(Value::as_array).into_iter().flatten();
    std::iter::once((NAME, name)).chain(aliases.filter_map(|alias| Some(("aliases", alias.as_str()?))))
}

fn folded(name: &str, settings: &Settings) -> Vec<String> {
    names(name, settings).map(|(_, user)| Account::folded(user)).collect()
}

fn token(settings: &Settings) -> &str {
    settings.get("token").and_then(Value::as_str).unwrap_or_default()
}
