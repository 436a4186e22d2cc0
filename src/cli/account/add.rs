use clap::Args;
use serde_json::{Value, json};

use super::super::workshop::{Workshop, actor};
use super::super::{password, say};
use super::told::told;
use crate::config::Settings;
use crate::registry::Terms;

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
    let settings = settings(fields);
    let failed = |error| told(error, &format!("the account {name:?} was not added"), &ARGUMENTS);
    shop.registry.may_add_account(name, &settings).await.map_err(failed)?;
    let password = password::new(fields.generate)?;
    let first = Some((&password, Terms::default()));
    shop.registry.add_account(&actor(), name, settings, first).await.map_err(failed)?;
    say(format_args!("{name}: added"))?;
    password::tell(&password, fields.generate)
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
