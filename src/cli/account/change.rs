//! Changes of accounts that live in the store.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::super::workshop::Workshop;
use super::super::{password, prompt, say};
use super::add::{HASH, shown};
use crate::account::hash_password;
use crate::config::Settings;
use crate::model::Account;
use crate::registry;
use crate::store::{Kind, Record, Saved, Store as _, Version};

/// How often to begin again when others change the same account at the same time.
const TRIES: usize = 10;

/// Every login costs as many hashes as the account with the most passwords has.
const MOST_PASSWORDS: usize = 10;

/// Refuses settings with more passwords than that, labelled or not.
pub(super) fn count(name: &str, settings: &Settings) -> anyhow::Result<()> {
    let count = old(settings).len() + labelled(settings).len();
    if count > MOST_PASSWORDS {
        bail!(
            "{name} would have {count} passwords, and {MOST_PASSWORDS} are the most: without --keep-old the new one replaces the old ones; --remove-label takes one out"
        );
    }
    Ok(())
}

pub(super) async fn password(shop: &Workshop, name: &str, generate: bool, keep_old: bool) -> anyhow::Result<()> {
    // Nothing is asked for in vain.
    not_in_the_file(shop, name, "give it the hash that `gatepost hash-password` prints")?;
    readable(&stored(shop, name).await?)?;
    let password = password::new(generate)?;
    let hash = hash_password(&password)?;
    let name = change(shop, name, |name, settings| {
        let mut hashes = vec![json!(hash.as_str())];
        if keep_old {
            hashes.extend(old(settings));
        }
        settings.insert(HASH.to_owned(), Value::Array(hashes));
        count(name, settings)?;
        shop.config.stored_account(name, settings, &shop.declared.tokens)?;
        Ok(())
    })
    .await?;
    let stored = readable(&stored(shop, &name).await?)?;
    let old = match (keep_old, labelled(&stored).is_empty()) {
        (true, _) => "; the old ones open it too",
        (false, false) => "; those with a label open it too",
        (false, true) => "",
    };
    say(format_args!("{name}: it has a new password{old}"))?;
    password::tell(&password, generate)
}

/// Those with a label.
pub(super) fn labelled(settings: &Settings) -> Vec<Value> {
    settings.get(LABELLED).and_then(Value::as_array).cloned().unwrap_or_default()
}

pub(super) const LABELLED: &str = "passwords";

pub(super) fn old(settings: &Settings) -> Vec<Value> {
    match settings.get(HASH) {
        Some(Value::Array(hashes)) => hashes.clone(),
        Some(hash) => vec![hash.clone()],
        None => Vec::new(),
    }
}

pub(super) async fn disable(shop: &Workshop, name: &str, disabled: bool) -> anyhow::Result<()> {
    let listed = shop.config.account_place(name).is_some_and(|place| place.listed);
    let (edit, word) = match (disabled, listed) {
        (true, false) => ("write `disabled = true`", "disabled"),
        (true, true) => ("take it out of `users`", "disabled"),
        (false, _) => ("take `disabled = true` out", "enabled"),
    };
    not_in_the_file(shop, name, edit)?;
    let name = change(shop, name, |_, settings| {
        settings.remove("disabled");
        if disabled {
            settings.insert("disabled".to_owned(), json!(true));
        }
        Ok(())
    })
    .await?;
    say(format_args!("{name}: {word}"))
}

/// Also one that cannot be read, or that is hidden by an account of the file.
pub(super) async fn remove(shop: &Workshop, name: &str, yes: bool) -> anyhow::Result<()> {
    let record = stored(shop, name).await?;
    let name = record.name.clone();
    prompt::confirm(&format!("Remove the account {name:?}?"), yes)?;
    // Whatever others make of it meanwhile.
    for _ in 0..TRIES {
        let record = shop.store.record(Kind::Account, &name).await?;
        if let Saved::Done(_) = shop.store.put(record.with(None), None).await? {
            return say(format_args!("{name}: removed"));
        }
    }
    bail!("others keep changing {name:?}; it was not removed")
}

/// Reads, edits and saves, again and again if others are faster. Returns the name as it is written.
pub(super) async fn change(
    shop: &Workshop,
    name: &str,
    edit: impl Fn(&str, &mut Settings) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    for _ in 0..TRIES {
        let record = stored(shop, name).await?;
        let mut settings = readable(&record)?;
        edit(&record.name, &mut settings)?;
        let name = record.name.clone();
        if let Saved::Done(_) = shop.store.put(record.with(Some(Value::Object(settings).to_string())), None).await? {
            return Ok(name);
        }
    }
    bail!("others keep changing {name:?}; nothing was changed")
}

pub(super) fn readable(record: &Record) -> anyhow::Result<Settings> {
    let content = record.content.clone()?.unwrap_or_default();
    registry::settings(&content).with_context(|| {
        format!("account {:?} in the store cannot be read; `gatepost account remove` removes it", record.name)
    })
}

/// The record of that name, in any case; or why there is none.
pub(super) async fn stored(shop: &Workshop, name: &str) -> anyhow::Result<Record> {
    let exact = shop.store.record(Kind::Account, name).await?;
    if exact.version != Version::default() {
        return Ok(exact);
    }
    let folded = Account::folded(name);
    let records = shop.store.records(Kind::Account).await?;
    if let Some(record) = records.into_iter().find(|record| Account::folded(&record.name) == folded) {
        return Ok(record);
    }
    not_in_the_file(shop, name, "take it out")?;
    if let Some(owner) = shop.declared.accounts.iter().find(|account| account.answers_to(name)) {
        bail!("{name:?} is another name of the account {}", shown(shop, owner));
    }
    let names: Vec<_> = shop.declared.accounts.iter().map(|account| account.name.as_str()).take(SHOWN).collect();
    let more = if shop.declared.accounts.len() > SHOWN { ", …" } else { "" };
    let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    bail!("there is no account {name:?}; there are: {known}{more}")
}

/// How many names an error tells.
const SHOWN: usize = 20;

/// The command line changes no files: `edit` says how a person does.
pub(super) fn not_in_the_file(shop: &Workshop, name: &str, edit: &str) -> anyhow::Result<()> {
    match shop.config.account_place(name) {
        None => Ok(()),
        Some(place) => bail!("the account {name:?} stands in {}; {edit} there", place.line),
    }
}
