//! Passwords with a label: one for each program or device, each with its own limits.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::super::arguments::told;
use super::super::workshop::Workshop;
use super::super::{password, say};
use super::change::{LABELLED, change, count, labelled, not_in_the_file, old, readable, stored};
use crate::account::hash_password;
use crate::config::{ConfigErrors, Settings};

#[derive(Debug, Args)]
pub(in crate::cli) struct Fields {
    /// Add or replace the password of this label; logs show the label
    #[arg(long, conflicts_with_all = ["keep_old", "remove_label"])]
    pub(super) label: Option<String>,
    /// With --label: smtp, imap or pop3, for these only; may be repeated
    #[arg(long = "protocol", value_name = "PROTOCOL", requires = "label")]
    protocols: Vec<String>,
    /// With --label: from these networks only, such as 10.0.0.0/8; may be repeated
    #[arg(long = "network", value_name = "NETWORK", requires = "label")]
    networks: Vec<String>,
    /// Take the password of this label out
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["keep_old", "generate"])]
    pub(super) remove_label: Option<String>,
}

const ARGUMENTS: [(&str, &str); 2] = [("protocols", "--protocol"), ("networks", "--network")];

/// Nothing is asked for before all else is right.
pub(super) async fn give(
    shop: &Workshop,
    name: &str,
    label: &str,
    fields: &Fields,
    generate: bool,
) -> anyhow::Result<()> {
    not_in_the_file(shop, name, "add the hash that `gatepost hash-password` prints to its `passwords`")?;
    let record = stored(shop, name).await?;
    // Its password is not there yet.
    let anything = hash_password(&password::new(true)?)?;
    settle(shop, &record.name, &mut readable(&record)?, entry(anything.as_str(), label, fields))?;
    let password = password::new(generate)?;
    let hash = hash_password(&password)?;
    let name =
        change(shop, name, |name, settings| settle(shop, name, settings, entry(hash.as_str(), label, fields))).await?;
    say(format_args!("{name}: the password {label:?} is new"))?;
    password::tell(&password, generate)
}

pub(super) async fn remove(shop: &Workshop, name: &str, label: &str) -> anyhow::Result<()> {
    not_in_the_file(shop, name, "take it out of its `passwords`")?;
    let name = change(shop, name, |name, settings| {
        let (gone, left): (Vec<_>, Vec<_>) = labelled(settings).into_iter().partition(|entry| is(entry, label));
        if gone.is_empty() {
            let labels: Vec<_> = left.iter().filter_map(|entry| entry["label"].as_str()).collect();
            let known = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
            bail!("{name} has no password {label:?}; there are: {known}");
        }
        if left.is_empty() && old(settings).is_empty() {
            bail!("{label:?} is the only password of {name}; `gatepost account disable` or `remove` ends its use");
        }
        put(settings, left);
        Ok(())
    })
    .await?;
    say(format_args!("{name}: the password {label:?} is gone"))
}

/// Puts it where the one of the same label was, or behind the others; all that is wrong is told by its argument.
fn settle(shop: &Workshop, name: &str, settings: &mut Settings, entry: Value) -> anyhow::Result<()> {
    let mut all = labelled(settings);
    let label = entry["label"].as_str().unwrap_or_default();
    match all.iter().position(|other| is(other, label)) {
        Some(at) => all[at] = entry,
        None => all.push(entry),
    }
    put(settings, all);
    count(name, settings)?;
    match shop.config.stored_account(name, settings, &shop.declared.tokens) {
        Ok(_) => Ok(()),
        Err(ConfigErrors(errors)) => {
            let errors: Vec<_> = errors.iter().map(|error| told(error, &ARGUMENTS)).collect();
            bail!("the password was not changed:\n  {}", errors.join("\n  "))
        }
    }
}

fn entry(hash: &str, label: &str, fields: &Fields) -> Value {
    let mut entry = json!({ "hash": hash, "label": label });
    for (key, list) in [("protocols", &fields.protocols), ("networks", &fields.networks)] {
        if !list.is_empty() {
            entry[key] = json!(list);
        }
    }
    entry
}

fn put(settings: &mut Settings, labelled: Vec<Value>) {
    if labelled.is_empty() {
        settings.remove(LABELLED);
    } else {
        settings.insert(LABELLED.to_owned(), Value::Array(labelled));
    }
}

fn is(entry: &Value, label: &str) -> bool {
    entry["label"].as_str().is_some_and(|other| other.to_lowercase() == label.to_lowercase())
}
