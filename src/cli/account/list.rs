use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::super::say;
use super::super::table::Table;
use super::super::workshop::Workshop;
use crate::model::{Account, Password, SenderPolicy};
use crate::store::Kind;

/// Prints every account, also those of the store that cannot be used; a pattern's members one by one.
pub(super) async fn list(shop: &Workshop, as_json: bool) -> anyhow::Result<()> {
    let broken = broken(shop).await?;
    if as_json {
        let all: Vec<_> = shop
            .declared
            .accounts
            .iter()
            .map(|account| whole(shop, account))
            .chain(broken.iter().map(unusable))
            .collect();
        return say(serde_json::to_string_pretty(&all)?);
    }
    let mut table = Table::new(["NAME", "TOKEN", "PROTOCOLS", "NETWORKS", "STATE", "DECLARED"]);
    for account in &shop.declared.accounts {
        let networks = if account.networks.is_empty() { "any".to_owned() } else { joined(&account.networks) };
        table.row([
            account.name.clone(),
            account.token.name.clone(),
            joined(&account.protocols),
            networks,
            state(shop, account).to_owned(),
            place(shop, account).to_owned(),
        ]);
    }
    for name in broken {
        let dash = || "-".to_owned();
        table.row([name, dash(), dash(), dash(), BROKEN.to_owned(), STORE.to_owned()]);
    }
    table.print()
}

const STORE: &str = "store";
const BROKEN: &str = "broken";

/// What is in the store and gave no account; the reason was told when it was opened.
async fn broken(shop: &Workshop) -> anyhow::Result<Vec<String>> {
    let names = shop.store.records(Kind::Account).await?.into_iter().map(|record| record.name);
    let usable = |name: &str| {
        let stored = |account: &&Account| shop.config.account_place(&account.name).is_none();
        name.contains('*') || shop.declared.accounts.iter().filter(stored).any(|account| account.name == name)
    };
    Ok(names.filter(|name| !usable(name)).collect())
}

fn whole(shop: &Workshop, account: &Account) -> Value {
    json!({
        "name": account.name,
        "aliases": account.aliases,
        "token": account.token.name,
        "protocols": account.protocols.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "networks": account.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mailbox": account.mailbox,
        "smtp_user": account.smtp_user,
        "sender": sender(&account.sender),
        "passwords": account.passwords.iter().map(password).collect::<Vec<_>>(),
        "state": state(shop, account),
        "declared": place(shop, account),
    })
}

/// As the configuration writes it.
fn sender(sender: &SenderPolicy) -> Value {
    let policy = sender.name();
    match sender {
        SenderPolicy::Keep => json!({ "policy": policy }),
        SenderPolicy::Require { addresses } => json!({ "policy": policy, "addresses": addresses }),
        SenderPolicy::Rewrite { address, reply_to } => {
            json!({ "policy": policy, "address": address, "reply_to": reply_to })
        }
    }
}

/// Never its hash.
fn password(password: &Password) -> Value {
    json!({
        "label": password.label,
        "protocols": password.protocols.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "networks": password.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "expires": password.expires.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    })
}

fn unusable(name: &String) -> Value {
    json!({ "name": name, "state": BROKEN, "declared": STORE })
}

fn state(shop: &Workshop, account: &Account) -> &'static str {
    match account.disabled {
        true => "disabled",
        false if shop.declared.find(&account.token.name).is_err() => "no token",
        false => "enabled",
    }
}

fn place<'s>(shop: &'s Workshop, account: &Account) -> &'s str {
    shop.config.account_place(&account.name).map_or(STORE, |place| place.line.as_str())
}

fn joined(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
