//! `[accounts."*@example.com"]`: one table for many mailboxes, with a list of who may and a rule for their passwords. There is
//! no account but for those listed, so nothing opens by accident.

use figment::value::Value;

use super::super::reader::Table;
use super::super::tokens::Declared;
use super::{Common, Users, common, hashes};
use crate::model::{Account, PasswordHash};

/// What stands for the user's name in `mailbox` and `smtp_user`.
pub(super) const USER: &str = "{user}";

/// Who may, each with the hashes of their password.
type Members = Vec<(String, Vec<PasswordHash>)>;

pub(super) fn accounts(pattern: &str, table: &Table<'_>, tokens: &Declared, users: &mut Users) -> Vec<Account> {
    let before = table.errors();
    let members = members(table);
    let common = common(table, tokens);
    table.finish();
    for (user, _) in members.iter().flatten() {
        if fits(pattern, user) {
            users.enter(table, "users", user, user);
        } else {
            let allowed = Some(format!("names such as {pattern}"));
            table.error("users", format!("{user:?} does not fit the pattern"), allowed, None);
        }
    }
    let (Some(members), true) = (members, table.errors() == before) else { return Vec::new() };
    members.into_iter().filter_map(|(user, passwords)| account(user, passwords, &common)).collect()
}

fn account(user: String, passwords: Vec<PasswordHash>, common: &Common) -> Option<Account> {
    let own = |text: &String| text.replace(USER, &user);
    Some(Account {
        mailbox: common.mailbox.as_ref().map(own),
        smtp_user: common.smtp_user.as_ref().map(own),
        token: common.token.clone()?,
        protocols: common.protocols.clone(),
        networks: common.networks.clone(),
        disabled: common.disabled,
        aliases: Vec::new(),
        name: user,
        passwords,
    })
}

/// `password_rule = "shared"`: one password for all of `users`. `"own"`: `users` is a table of names and hashes.
fn members(table: &Table<'_>) -> Option<Members> {
    let rules = "\"shared\" (one password_hash, users = [\"a@example.com\"]) or \"own\" (users = { \"a@example.com\" = \"$argon2id$…\" })";
    if table.absent("password_rule") {
        let problem = "an account with a pattern needs a `password_rule`".to_owned();
        table.error("password_rule", problem, Some(rules.into()), None);
    }
    let shared = table.choice("password_rule", &[("shared", true), ("own", false)]);
    if table.absent("users") {
        let problem = "an account with a pattern needs `users`, the list of who may".to_owned();
        table.error("users", problem, Some(rules.into()), None);
    }
    let hashes = hashes(table, "password_hash");
    if shared? {
        if table.absent("password_hash") {
            let hint = "make one with `gatepost hash-password`".to_owned();
            table.error("password_hash", "`password_hash` is missing".into(), None, Some(hint));
        }
        let hashes = hashes?;
        return Some(table.strings("users")?.into_iter().map(|user| (user, hashes.clone())).collect());
    }
    own(table)
}

fn own(table: &Table<'_>) -> Option<Members> {
    let wrong = |problem: &str| {
        table.error("users", problem.to_owned(), Some("{ \"a@example.com\" = \"$argon2id$…\" }".into()), None);
    };
    let Some(Value::Dict(_, dict)) = table.get("users") else {
        wrong("with password_rule = \"own\", users is a table of names and hashes");
        return None;
    };
    let member = |(user, value): (&String, &Value)| {
        let hash = value.as_str().and_then(|text| PasswordHash::parse(text).ok());
        if hash.is_none() {
            wrong(&format!("{user:?} has no Argon2id hash; make one with `gatepost hash-password`"));
        }
        Some((user.clone(), vec![hash?]))
    };
    dict.iter().map(member).collect()
}

/// One star, for anything but nothing.
fn fits(pattern: &str, user: &str) -> bool {
    let (pattern, user) = (pattern.to_lowercase(), user.to_lowercase());
    let Some((before, after)) = pattern.split_once('*') else { return pattern == user };
    user.len() > before.len() + after.len() && user.starts_with(before) && user.ends_with(after)
}
