//! Declared accounts.

mod passwords;
mod pattern;
mod place;
mod sender;
mod users;

use std::sync::Arc;

use super::listeners::PROTOCOLS;
use super::reader::Table;
use super::tokens::{Declared, printable};
use super::words::nearest;
use crate::model::{Account, Grant, PasswordHash, Protocol, SenderPolicy, Token};
pub use place::AccountPlace;
pub(super) use place::places;
use sender::Sender;
use users::Users;
pub(super) use users::default_domain;

/// What a token is that nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A mistake.
    IsWrong,
    /// Perhaps one of the store, which was not read yet; its accounts are left for then.
    MayBeStored,
    /// Gone, or damaged. Its accounts are kept, so that their programs hear that it is unavailable, and not that their password
    /// is wrong.
    StandsIn,
}

/// The tokens that accounts may name.
struct Tokens<'a> {
    declared: &'a Declared,
    unknown: Unknown,
}

/// Declared accounts.
pub(super) fn read(root: &Table<'_>, tokens: &Declared, unknown: Unknown) -> Vec<Account> {
    let tokens = &Tokens { declared: tokens, unknown };
    let mut accounts = Vec::new();
    let mut users = Users::default();
    for (name, table) in root.named("accounts") {
        let Some(table) = table else { continue };
        if name.contains('*') {
            accounts.extend(pattern::accounts(&name, &table, tokens, &mut users));
        } else {
            accounts.extend(account(name, &table, tokens, &mut users));
        }
    }
    accounts
}

/// What an account has apart from its names and passwords.
struct Common {
    token: Option<Arc<Token>>,
    protocols: Vec<Protocol>,
    networks: Vec<ipnet::IpNet>,
    mailbox: Option<String>,
    smtp_user: Option<String>,
    sender: Sender,
    disabled: bool,
    /// Whether the token is one that was declared.
    known: bool,
}

fn common(table: &Table<'_>, tokens: &Tokens<'_>) -> Common {
    let token = token(table, tokens);
    let known = token.as_deref().filter(|token| tokens.declared.contains_key(&token.name));
    let protocols = protocols(table, known);
    let networks = table.networks("networks").unwrap_or_default();
    for key in ["protocols", "networks"] {
        // Nobody, or everybody? Better to say so.
        if table.is_empty_list(key) {
            let hint = Some("leave the key out to allow all, or write disabled = true to allow none".into());
            table.error(key, "found an empty list".into(), None, hint);
        }
    }
    let user = |key| table.string(key).and_then(|text| printable(table, key, text));
    let (mailbox, smtp_user) = (user("mailbox"), user("smtp_user"));
    if let Some(token) = known.filter(|token| token.mailbox.is_empty() && mailbox.is_none()) {
        let problem = format!("`mailbox` is missing: the token {:?} opens any mailbox and names none", token.name);
        table.error("mailbox", problem, Some("the address of the mailbox".into()), None);
    }
    let disabled = table.boolean("disabled").unwrap_or(false);
    let sender = sender::read(table);
    let known = known.is_some();
    Common { token, protocols, networks, mailbox, smtp_user, sender, disabled, known }
}

fn account(name: String, table: &Table<'_>, tokens: &Tokens<'_>, users: &mut Users) -> Option<Account> {
    let before = table.errors();
    users.enter(table, "", &name);
    let aliases = table.strings("aliases").unwrap_or_default();
    for alias in &aliases {
        users.enter_alias(table, alias, &name);
    }
    let Common { token, protocols, networks, mailbox, smtp_user, sender, disabled, known } = common(table, tokens);
    let has_user = |user: &Option<String>| user.as_ref().is_some_and(|user| user.contains(pattern::USER));
    for (key, wrong) in
        [("mailbox", has_user(&mailbox)), ("smtp_user", has_user(&smtp_user)), ("sender", sender.mentions_user())]
    {
        if wrong {
            let hint = "name the account \"*@example.com\", with `users` and `password_rule`".to_owned();
            table.error(key, "{user} is for accounts with a pattern".into(), None, Some(hint));
        }
    }
    let passwords = passwords::read(table, &protocols);
    table.finish();
    if table.errors() != before {
        return None;
    }
    let (passwords, token) = (passwords?, token?);
    let policy = SenderPolicy::Keep;
    let account =
        Account { name, aliases, passwords, token, protocols, networks, mailbox, smtp_user, sender: policy, disabled };
    Some(Account { sender: sender.of(&account, table, known)?, ..account })
}

/// One hash or several. A text that is none may be a password, and is never shown.
fn hashes(table: &Table<'_>, key: &'static str) -> Option<Vec<PasswordHash>> {
    let texts = table.strings(key)?;
    let parsed: Result<Vec<_>, _> = texts.iter().map(|text| PasswordHash::parse(text)).collect();
    match parsed {
        Ok(hashes) if hashes.is_empty() => {
            table.error(key, "an empty list".into(), Some("at least one hash".into()), None);
            None
        }
        Ok(hashes) if hashes.len() > passwords::MOST => {
            passwords::too_many(table, key, hashes.len());
            None
        }
        Ok(hashes) => Some(hashes),
        Err(unusable) => {
            table.error(key, unusable.to_string(), Some("\"$argon2id$…\"".into()), None);
            None
        }
    }
}

fn token(table: &Table<'_>, tokens: &Tokens<'_>) -> Option<Arc<Token>> {
    let name = table.required("token", "the name of a [tokens.NAME] table")?;
    let found = tokens.declared.get(&name);
    if found.is_none() && tokens.unknown == Unknown::IsWrong {
        let names: Vec<_> = tokens.declared.keys().map(String::as_str).collect();
        let hint = nearest(&name, &names).map(|near| format!("did you mean \"{near}\"?"));
        let hint =
            hint.unwrap_or_else(|| format!("declare it as [tokens.{name:?}], or run `gatepost token add {name}`"));
        let allowed = (!names.is_empty()).then(|| names.join(", "));
        table.error("token", format!("there is no token {name:?}"), allowed, Some(hint));
    }
    match found {
        None if tokens.unknown == Unknown::StandsIn => Some(Arc::new(stand_in(&name))),
        found => found.cloned().flatten(),
    }
}
/// For a token that is nowhere: it has no provider, and nothing can be obtained by it.
fn stand_in(name: &str) -> Token {
    Token::bare(name, Arc::default(), Grant::RefreshToken)
}

/// What the account may be used for; by default, all that its provider has servers for.
fn protocols(table: &Table<'_>, token: Option<&Token>) -> Vec<Protocol> {
    let served = |protocol| token.is_none_or(|token| token.provider.endpoints.of(protocol).is_some());
    let Some(texts) = table.strings("protocols") else {
        return Protocol::ALL.into_iter().filter(|protocol| served(*protocol)).collect();
    };
    let mut protocols = Vec::new();
    for text in &texts {
        match PROTOCOLS.iter().find(|(name, _)| name == text) {
            Some((_, protocol)) if served(*protocol) => protocols.push(*protocol),
            Some((_, protocol)) => {
                let hint = Some(format!("give the provider {protocol} = {{ host = …, port = …, tls = … }}"));
                table.error("protocols", format!("the token's provider has no {protocol} server"), None, hint);
            }
            None => {
                table.wrong::<()>("protocols", text, "\"smtp\", \"imap\", \"pop3\"");
            }
        }
    }
    protocols
}
