use std::collections::HashMap;
use std::sync::Arc;

use super::listeners::PROTOCOLS;
use super::reader::{Table, nearest};
use super::tokens::{Declared, printable};
use crate::model::{Account, PasswordHash, Protocol, Token};

/// Declared accounts.
pub(super) fn read(root: &Table<'_>, tokens: &Declared) -> Vec<Account> {
    let mut accounts = Vec::new();
    let mut owners = HashMap::new();
    for (name, table) in root.named("accounts") {
        let account = account(&name, &table, tokens);
        for user in std::iter::once(&name).chain(account.iter().flat_map(|account| &account.aliases)) {
            unique(&table, &mut owners, user, &name);
        }
        accounts.extend(account);
    }
    accounts
}

fn account(name: &str, table: &Table<'_>, tokens: &Declared) -> Option<Account> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        table.error("", format!("{name:?} is no user name"), Some("a name without control characters".into()), None);
    }
    if table.absent("password_hash") {
        let hint = "make one with `gatepost hash-password`".to_owned();
        table.error("password_hash", "`password_hash` is missing".into(), None, Some(hint));
    }
    let passwords = hashes(table, "password_hash");
    let token = token(table, tokens);
    let protocols = if table.absent("protocols") { Some(Protocol::ALL.to_vec()) } else { protocols(table) };
    let networks = if table.absent("networks") { Some(Vec::new()) } else { table.networks("networks") };
    let aliases = if table.absent("aliases") { Some(Vec::new()) } else { table.strings("aliases") };
    let user = |key| table.string(key).and_then(|text| printable(table, key, text));
    let (mailbox, smtp_user) = (user("mailbox"), user("smtp_user"));
    let disabled = table.boolean("disabled").unwrap_or(false);
    table.finish();
    let (token, protocols) = (token?, protocols?);
    if table.has("protocols") {
        for protocol in protocols.iter().filter(|protocol| token.provider.endpoints.of(**protocol).is_none()) {
            let problem = format!("the provider {:?} has no {protocol} server", token.provider.name);
            table.error("protocols", problem, None, None);
        }
    }
    Some(Account {
        name: name.to_owned(),
        aliases: aliases?,
        passwords: passwords?,
        token,
        protocols,
        networks: networks?,
        mailbox,
        smtp_user,
        disabled,
    })
}

/// One hash or several. A text that is none may be a password, and is never shown.
pub(super) fn hashes(table: &Table<'_>, key: &'static str) -> Option<Vec<PasswordHash>> {
    let texts = table.strings(key)?;
    let parsed: Result<Vec<_>, _> = texts.iter().map(|text| PasswordHash::parse(text)).collect();
    match parsed {
        Ok(hashes) if hashes.is_empty() => {
            table.error(key, "an empty list".into(), Some("at least one hash".into()), None);
            None
        }
        Ok(hashes) => Some(hashes),
        Err(unusable) => {
            table.error(key, unusable.to_string(), Some("\"$argon2id$…\"".into()), None);
            None
        }
    }
}

fn token(table: &Table<'_>, tokens: &Declared) -> Option<Arc<Token>> {
    let name = table.required("token", "the name of a [tokens.NAME] table")?;
    let found = tokens.get(&name);
    if found.is_none() {
        let names: Vec<_> = tokens.keys().map(String::as_str).collect();
        let hint = nearest(&name, &names).map(|near| format!("did you mean \"{near}\"?"));
        let hint = hint.unwrap_or_else(|| format!("declare it as [tokens.{name:?}]"));
        let allowed = (!names.is_empty()).then(|| names.join(", "));
        table.error("token", format!("there is no token {name:?}"), allowed, Some(hint));
    }
    found.cloned().flatten()
}

fn protocols(table: &Table<'_>) -> Option<Vec<Protocol>> {
    let texts = table.strings("protocols")?;
    let known = |text: &String| PROTOCOLS.iter().find(|(name, _)| name == text).map(|(_, protocol)| *protocol);
    texts
        .iter()
        .map(|text| known(text).or_else(|| table.wrong("protocols", text, "\"smtp\", \"imap\", \"pop3\"")))
        .collect()
}

/// A user name leads to one account, whatever its case.
fn unique(table: &Table<'_>, owners: &mut HashMap<String, String>, user: &str, account: &str) {
    let owner = owners.entry(user.trim().to_lowercase()).or_insert_with(|| account.to_owned());
    if owner != account {
        let problem = format!("the user name {user:?} belongs to the accounts {owner:?} and {account:?}");
        table.error("", problem, None, Some("rename one, or drop the alias".into()));
    }
}
