//! Passwords of accounts that live in the store: those without a label, and one for each label.

use aws_lc_rs::digest;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::change::{Done, readable};
use super::{Actor, ChangeError, Fault, Registry};
use crate::account::{HashingFailed, hash_password};
use crate::config::Settings;
use crate::model::PasswordHash;
use crate::store::Kind;

/// What a password is for, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its name within the account. The one of the same label, in any case, is replaced.
    pub label: Option<String>,
    /// Only for these; any that the account is for where there are none.
    pub protocols: Vec<String>,
    /// Only from these.
    pub networks: Vec<String>,
    /// Not from then on: `YYYY-MM-DD`, or a time of RFC 3339.
    pub expires: Option<String>,
    /// Without a label: the old ones without a label open the account, too.
    pub keep_old: bool,
}

/// Which password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this label, in any case.
    Label(String),
    /// One without a label, by its [`mark`].
    Plain(String),
}

/// Those without a label.
pub(super) const HASH: &str = "password_hash";
/// Those with one.
pub(super) const LABELLED: &str = "passwords";

/// Every login costs as many hashes as the account with the most passwords has.
const MOST: usize = 10;

/// Stands in for the hash of a password that is not there yet.
pub(super) const ANY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3k$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Registry {
    /// Whether an account could be given such a password.
    pub async fn may_give_password(&self, account: &str, terms: &Terms) -> Result<(), ChangeError> {
        self.is_not_in_the_file(account)?;
        let record = self.account_record(account).await?;
        self.with_password(&record.name, &mut readable(&record)?, terms, ANY)
    }

    /// Gives an account of the store another password.
    pub async fn give_password(
        &self,
        by: &Actor,
        account: &str,
        password: &SecretString,
        terms: Terms,
    ) -> Result<(), ChangeError> {
        self.may_give_password(account, &terms).await?;
        let name = self.account_name(account).await?;
        let hash = hash(password).await?;
        self.edit(by, (Kind::Account, &name), |settings| {
            self.with_password(&name, settings, &terms, &hash)?;
            Ok(Some(Done::new("password.given", told(&terms))))
        })
        .await
    }

    /// Takes a password of an account of the store out. It must not be its only one.
    pub async fn revoke_password(&self, by: &Actor, account: &str, which: Which) -> Result<(), ChangeError> {
        self.is_not_in_the_file(account)?;
        let name = self.account_name(account).await?;
        self.edit(by, (Kind::Account, &name), |settings| {
            without_password(&name, settings, &which)?;
            let detail = match &which {
                Which::Label(label) => label.as_str(),
                Which::Plain(_) => WITHOUT_LABEL,
            };
            Ok(Some(Done::new("password.revoked", detail)))
        })
        .await
    }

    pub(super) fn with_password(
        &self,
        name: &str,
        settings: &mut Settings,
        terms: &Terms,
        hash: &str,
    ) -> Result<(), ChangeError> {
        put(name, settings, terms, hash)?;
        let faults = self.misread(name, settings);
        if faults.is_empty() { Ok(()) } else { Err(ChangeError::Wrong(of_terms(faults, settings, terms))) }
    }
}

/// What tells a password without a label from the others, and nothing of it.
#[must_use]
pub fn mark(hash: &PasswordHash) -> String {
    marked(hash.as_str())
}

fn marked(hash: &str) -> String {
    let digest = digest::digest(&digest::SHA256, hash.as_bytes());
    digest.as_ref()[..6].iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
}

/// Not on an async thread: it is 20 ms of work.
pub(super) async fn hash(password: &SecretString) -> Result<String, ChangeError> {
    if password.expose_secret().is_empty() {
        return Err(ChangeError::Wrong(vec![Fault::new("password", "it is empty; type one, or have one made up")]));
    }
    let password = password.clone();
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    Ok(hashed.unwrap_or(Err(HashingFailed))?.as_str().to_owned())
}

/// Puts a password where it belongs: in the place of the one of the same label, or of all without one.
pub(super) fn put(name: &str, settings: &mut Settings, terms: &Terms, hash: &str) -> Result<(), ChangeError> {
    match &terms.label {
        Some(label) => {
            let mut all = labelled(settings);
            let entry = entry(hash, label, terms);
            match all.iter().position(|other| is(other, label)) {
                Some(at) => all[at] = entry,
                None => all.push(entry),
            }
            keep(settings, LABELLED, all);
        }
        None if terms.protocols.is_empty() && terms.networks.is_empty() && terms.expires.is_none() => {
            let old = if terms.keep_old { plain(settings) } else { Vec::new() };
            keep(settings, HASH, std::iter::once(json!(hash)).chain(old).collect());
        }
        None => {
            let text = "it is missing; a password with limits has a label, which logs show";
            return Err(ChangeError::Wrong(vec![Fault::new("label", text)]));
        }
    }
    let count = plain(settings).len() + labelled(settings).len();
    if count > MOST {
        return Err(ChangeError::TooMany { name: name.to_owned(), count, most: MOST });
    }
    Ok(())
}

fn without_password(name: &str, settings: &mut Settings, which: &Which) -> Result<(), ChangeError> {
    let (plain, labelled) = (plain(settings), labelled(settings));
    let (key, all, others, label) = match which {
        Which::Label(label) => (LABELLED, labelled, plain.len(), label),
        Which::Plain(mark) => (HASH, plain, labelled.len(), mark),
    };
    let is_it = |entry: &Value| match which {
        Which::Label(label) => is(entry, label),
        Which::Plain(mark) => entry.as_str().is_some_and(|hash| marked(hash) == *mark),
    };
    let (gone, left): (Vec<_>, Vec<_>) = all.into_iter().partition(is_it);
    let (name, label) = (name.to_owned(), label.clone());
    if gone.is_empty() {
        let labels: Vec<_> = left.iter().filter_map(|entry| entry["label"].as_str()).collect();
        let known = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        return Err(ChangeError::NoSuchPassword { name, label, known });
    }
    if left.is_empty() && others == 0 {
        return Err(ChangeError::LastPassword { name, label });
    }
    keep(settings, key, left);
    Ok(())
}

/// Faults of the password that is given are those of what was typed.
fn of_terms(faults: Vec<Fault>, settings: &Settings, terms: &Terms) -> Vec<Fault> {
    let label = terms.label.as_deref().unwrap_or_default();
    let at = labelled(settings).iter().position(|entry| is(entry, label)).unwrap_or_default();
    let own = format!("{LABELLED}[{at}].");
    let typed = |Fault { key, text }: Fault| {
        let key = key.strip_prefix(&own).map(str::to_owned).unwrap_or(key);
        Fault { key, text }
    };
    faults.into_iter().map(typed).collect()
}

/// A fault of one of an account's passwords that comes of what else the account is: it is told beside that.
pub(super) fn named(faults: Vec<Fault>, settings: &Settings) -> Vec<Fault> {
    let all = labelled(settings);
    let told = |fault: Fault| {
        let found = fault.key.strip_prefix(LABELLED).and_then(|rest| rest.strip_prefix('[')?.split_once("]."));
        let Some((at, key)) = found else { return fault };
        let entry = at.parse::<usize>().ok().and_then(|at| all.get(at));
        let label = entry.and_then(|entry| entry["label"].as_str()).unwrap_or_default();
        Fault::new(key, format!("the password {label:?}: {}", fault.text))
    };
    faults.into_iter().map(told).collect()
}

fn entry(hash: &str, label: &str, terms: &Terms) -> Value {
    let mut entry = json!({ "hash": hash, "label": label });
    for (key, list) in [("protocols", &terms.protocols), ("networks", &terms.networks)] {
        if !list.is_empty() {
            entry[key] = json!(list);
        }
    }
    if let Some(expires) = terms.expires.as_deref().map(str::trim).filter(|expires| !expires.is_empty()) {
        entry["expires"] = json!(expires);
    }
    entry
}

fn labelled(settings: &Settings) -> Vec<Value> {
    settings.get(LABELLED).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn plain(settings: &Settings) -> Vec<Value> {
    match settings.get(HASH) {
        Some(Value::Array(hashes)) => hashes.clone(),
        Some(hash) => vec![hash.clone()],
        None => Vec::new(),
    }
}

fn keep(settings: &mut Settings, key: &str, all: Vec<Value>) {
    if all.is_empty() {
        settings.remove(key);
    } else {
        settings.insert(key.to_owned(), Value::Array(all));
    }
}

fn is(entry: &Value, label: &str) -> bool {
    entry["label"].as_str().is_some_and(|other| other.to_lowercase() == label.to_lowercase())
}

const WITHOUT_LABEL: &str = "one without a label";

/// For the trail.
fn told(terms: &Terms) -> String {
    let mut text = terms.label.as_deref().unwrap_or(WITHOUT_LABEL).to_owned();
    for (word, list) in [("for", &terms.protocols), ("from", &terms.networks)] {
        if !list.is_empty() {
            text = format!("{text}, {word} {}", list.join(" "));
        }
    }
    match &terms.expires {
        Some(expires) => format!("{text}, until {expires}"),
        None => text,
    }
}
