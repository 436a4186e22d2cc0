use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::super::arguments::told;
use super::super::workshop::Workshop;
use super::super::{password, say};
use crate::account::hash_password;
use crate::config::Settings;
use crate::model::Account;
use crate::store::{Kind, Saved, Store as _, Version};

/// What an account needs besides its password.
#[derive(Debug, Args)]
pub(in crate::cli) struct Fields {
    /// The token that it uses
    #[arg(long)]
    token: String,
    /// smtp, imap or pop3: for these only; may be repeated
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    protocols: Vec<String>,
    /// From these networks only, such as 10.0.0.0/8; may be repeated
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
    /// Another user name of it; may be repeated
    #[arg(long = "alias", value_name = "NAME")]
    aliases: Vec<String>,
    /// The mailbox to open by IMAP and POP3, instead of the token's
    #[arg(long)]
    mailbox: Option<String>,
    /// The user to log in as by SMTP, instead of the token's mailbox
    #[arg(long, value_name = "USER")]
    smtp_user: Option<String>,
    /// As whom it may send by SMTP: keep (as anyone; the default), require (its own addresses) or rewrite (every message is from its
    /// own address, or from this one)
    #[arg(long, value_name = "keep|require|rewrite[:ADDRESS]")]
    sender: Option<String>,
    /// Make a password up, and print it once
    #[arg(long)]
    generate: bool,
}

/// Keys of an account whose arguments are named otherwise.
const ARGUMENTS: [(&str, &str); 6] = [
    ("protocols", "--protocol"),
    ("networks", "--network"),
    ("aliases", "--alias"),
    ("smtp_user", "--smtp-user"),
    ("sender.policy", "--sender"),
    ("sender.address", "--sender"),
];

/// Nothing is asked for before all else is right, and nothing is saved before the password is there.
pub(super) async fn add(shop: &Workshop, name: &str, fields: &Fields) -> anyhow::Result<()> {
    let record = shop.store.record(Kind::Account, name).await?;
    if record.version != Version::default() && shop.config.account_place(name).is_none() && !has(shop, name) {
        bail!("there is an account {name:?} in the store that cannot be used; `gatepost account remove` removes it");
    }
    let mut settings = settings(fields);
    let wrong = wrong(shop, name, &settings, &fields.aliases)?;
    if !wrong.is_empty() {
        bail!("the account {name:?} was not added:\n  {}", wrong.join("\n  "));
    }
    let password = password::new(fields.generate)?;
    settings.insert(HASH.to_owned(), json!(hash_password(&password)?.as_str()));
    match shop.store.put(record.with(Some(Value::Object(settings).to_string())), None).await? {
        Saved::Done(_) => {}
        Saved::Conflict => bail!("somebody else has just added an account {name:?}; nothing was changed"),
    }
    say(format_args!("{name}: added"))?;
    password::tell(&password, fields.generate)
}

pub(super) const HASH: &str = "password_hash";

fn has(shop: &Workshop, name: &str) -> bool {
    shop.declared.accounts.iter().any(|account| account.answers_to(name))
}

fn settings(fields: &Fields) -> Settings {
    let mut settings = Settings::new();
    settings.insert("token".into(), json!(fields.token));
    for (key, list) in [("protocols", &fields.protocols), ("networks", &fields.networks), ("aliases", &fields.aliases)]
    {
        if !list.is_empty() {
            settings.insert(key.into(), json!(list));
        }
    }
    for (key, text) in [("mailbox", &fields.mailbox), ("smtp_user", &fields.smtp_user)] {
        if let Some(text) = text {
            settings.insert(key.into(), json!(text));
        }
    }
    if let Some(sender) = &fields.sender {
        settings.insert("sender".into(), policy(sender));
    }
    settings
}

/// `rewrite:ADDRESS`, or a policy alone.
fn policy(sender: &str) -> Value {
    match sender.split_once(':') {
        Some((policy, address)) => json!({ "policy": policy, "address": address }),
        None => json!({ "policy": sender }),
    }
}

/// All that is wrong, by the code that reads the file, and then with the names.
fn wrong(shop: &Workshop, name: &str, settings: &Settings, aliases: &[String]) -> anyhow::Result<Vec<String>> {
    if name.contains('*') {
        return Ok(vec!["NAME: accounts with a pattern are declared in the file".to_owned()]);
    }
    // Its password is not there yet.
    let mut complete = settings.clone();
    complete.insert(HASH.to_owned(), json!(hash_password(&password::new(true)?)?.as_str()));
    let read = shop.config.stored_account(name, &complete, &shop.declared.tokens);
    let faults = read.err().map(|errors| errors.0).unwrap_or_default();
    let names = std::iter::once(("NAME", name)).chain(aliases.iter().map(|alias| ("--alias", alias.as_str())));
    let clash = |(argument, user): (&str, &str)| {
        let owner = shop.declared.accounts.iter().find(|account| account.answers_to(user))?;
        Some(format!("{argument}: the user name {user:?} already belongs to the account {}", shown(shop, owner)))
    };
    Ok(faults.iter().map(|fault| told(fault, &ARGUMENTS)).chain(names.filter_map(clash)).collect())
}

/// An account, and where it stands.
pub(super) fn shown(shop: &Workshop, account: &Account) -> String {
    let place = shop.config.account_place(&account.name).map_or("in the store", |place| place.line.as_str());
    format!("{:?} ({place})", account.name)
}
