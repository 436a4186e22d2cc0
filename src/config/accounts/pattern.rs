//! `[accounts."*@example.com"]`: one table for many mailboxes, with a list of who may and a rule for their passwords. There is
//! no account but for those listed, so nothing opens by accident.

use figment::value::Value;

use super::super::reader::Table;
use super::{Common, Tokens, Users, common, hashes};
use crate::model::{Account, Password, PasswordHash, SenderPolicy};

/// What stands for the user's name in `mailbox`, `smtp_user` and `sender`.
pub(super) const USER: &str = "{user}";

/// Who may, each with the hashes of their password.
type Members = Vec<(String, Vec<PasswordHash>)>;

pub(super) fn accounts(pattern: &str, table: &Table<'_>, tokens: &Tokens<'_>, users: &mut Users) -> Vec<Account> {
    let before = table.errors();
    if pattern.matches('*').count() != 1 {
        table.error("", format!("{pattern:?} is no pattern"), Some("one star, such as \"*@example.com\"".into()), None);
    }
    let members = members(table);
    let common = common(table, tokens);
    table.finish();
    if table.errors() == before {
        members.iter().flatten().for_each(|(user, _)| enter(pattern, table, user, users));
    }
    let (Some(members), true) = (members, table.errors() == before) else { return Vec::new() };
    members.into_iter().filter_map(|(user, passwords)| account(user, passwords, &common, table)).collect()
}

fn enter(pattern: &str, table: &Table<'_>, user: &str, users: &mut Users) {
    if fits(pattern, user) {
        return users.enter(table, "users", user);
    }
    // A hash that got into the list is not shown.
    let shown = if user.starts_with('$') { "a name".to_owned() } else { format!("{user:?}") };
    table.error("users", format!("{shown} does not fit the pattern"), Some(format!("names such as {pattern}")), None);
}

fn account(user: String, passwords: Vec<PasswordHash>, common: &Common, table: &Table<'_>) -> Option<Account> {
    let own = |text: &String| text.replace(USER, &user);
    let account = Account {
        mailbox: common.mailbox.as_ref().map(own),
        smtp_user: common.smtp_user.as_ref().map(own),
        token: common.token.clone()?,
        protocols: common.protocols.clone(),
        networks: common.networks.clone(),
        sender: SenderPolicy::Keep,
        disabled: common.disabled,
        aliases: Vec::new(),
        name: user,
        passwords: passwords.into_iter().map(Password::from).collect(),
    };
    Some(Account { sender: common.sender.of(&account, table, common.known)?, ..account })
}

const RULES: &str = "\"shared\" (one password_hash, users = [\"a@example.com\"]) or \"own\" (users = { \"a@example.com\" = \"$argon2id$…\" })";

/// `password_rule = "shared"`: one password for all of `users`. `"own"`: `users` is a table of names and hashes.
fn members(table: &Table<'_>) -> Option<Members> {
    for (key, what) in [("password_rule", "a `password_rule`"), ("users", "`users`, the list of who may")] {
        if table.absent(key) {
            table.error(key, format!("an account with a pattern needs {what}"), Some(RULES.into()), None);
        }
    }
    let shared = table.choice("password_rule", &[("shared", true), ("own", false)]);
    let given = !table.absent("password_hash");
    match shared {
        Some(false) if given => {
            let problem = "with password_rule = \"own\", the hashes stand in `users`".to_owned();
            table.error("password_hash", problem, None, Some("take it out".into()));
        }
        Some(true) if !given => {
            let hint = "make one with `gatepost hash-password`".to_owned();
            table.error("password_hash", "`password_hash` is missing".into(), None, Some(hint));
        }
        _ => {}
    }
    let hashes = if shared == Some(false) { None } else { hashes(table, "password_hash") };
    let members = if table.absent("users") {
        return None;
    } else if shared? {
        in_common(table, hashes)
    } else {
        own(table)
    };
    if members.as_ref().is_some_and(Vec::is_empty) {
        table.error("users", "nobody is listed".into(), Some("at least one name".into()), None);
    }
    members
}

fn in_common(table: &Table<'_>, hashes: Option<Vec<PasswordHash>>) -> Option<Members> {
    let users = table.strings("users")?;
    let hashes = hashes?;
    Some(users.into_iter().map(|user| (user, hashes.clone())).collect())
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
        let hash = PasswordHash::parse(value.as_str().unwrap_or_default());
        let hash = hash.map_err(|unusable| wrong(&format!("{user:?}: {unusable}"))).ok()?;
        Some((user.clone(), vec![hash]))
    };
    // All of them, for all of their errors.
    let read: Vec<_> = dict.iter().map(member).collect();
    read.into_iter().collect()
}

/// One star, for anything but nothing.
fn fits(pattern: &str, user: &str) -> bool {
    let (pattern, user) = (pattern.to_lowercase(), user.to_lowercase());
    let Some((before, after)) = pattern.split_once('*') else { return pattern == user };
    user.len() > before.len() + after.len() && user.starts_with(before) && user.ends_with(after)
}
