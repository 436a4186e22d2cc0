//! The passwords of an account: `password_hash`, and `passwords` with a label and limits each.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::super::listeners::PROTOCOLS;
use super::super::reader::Table;
use super::hashes;
use crate::model::{Password, PasswordHash, Protocol};

/// Every login costs as many hashes as the account with the most passwords has, about 20 ms each.
pub(super) const MOST: usize = 64;

/// Longest label, in characters; it stands in log lines.
const LONGEST_LABEL: usize = 64;

/// Of an account for these protocols.
pub(super) fn read(table: &Table<'_>, protocols: &[Protocol]) -> Option<Vec<Password>> {
    if table.absent("password_hash") && table.absent("passwords") {
        let hint = "make one with `gatepost hash-password`".to_owned();
        table.error("password_hash", "`password_hash` is missing".into(), None, Some(hint));
        return None;
    }
    let plain = if table.absent("password_hash") { Some(Vec::new()) } else { hashes(table, "password_hash") };
    if table.is_empty_list("passwords") {
        table.error("passwords", "an empty list".into(), Some("at least one password".into()), None);
    }
    let mut labels = HashSet::new();
    // All of them, for all of their errors.
    let labelled: Vec<_> =
        table.tables("passwords").iter().map(|table| password(table, protocols, &mut labels)).collect();
    let mut passwords: Vec<_> = plain?.into_iter().map(Password::from).collect();
    passwords.extend(labelled.into_iter().collect::<Option<Vec<_>>>()?);
    if passwords.len() > MOST {
        too_many(table, "passwords", passwords.len());
    }
    Some(passwords)
}

pub(super) fn too_many(table: &Table<'_>, key: &'static str, count: usize) {
    let problem = format!("{count} passwords: each costs every login");
    table.error(key, problem, Some(format!("at most {MOST}, with those of `password_hash`")), None);
}

fn password(table: &Table<'_>, account: &[Protocol], labels: &mut HashSet<String>) -> Option<Password> {
    let hash = hash(table);
    let label = label(table, labels);
    let protocols = protocols(table, account);
    let networks = if table.absent("networks") { Some(Vec::new()) } else { table.networks("networks") };
    let expires = if table.absent("expires") { Some(None) } else { expiry(table).map(Some) };
    for key in ["protocols", "networks"] {
        if table.is_empty_list(key) {
            let hint = "leave the key out to allow what the account is for, or take the password out".to_owned();
            table.error(key, "found an empty list".into(), None, Some(hint));
        }
    }
    table.finish();
    Some(Password { hash: hash?, label: Some(label?), protocols: protocols?, networks: networks?, expires: expires? })
}

/// The beginning of a day, or a time.
fn expiry(table: &Table<'_>) -> Option<DateTime<Utc>> {
    let text = table.text_or_date("expires")?;
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = || DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    let allowed = "a day such as \"2027-01-31\", from whose beginning (UTC) it is refused, or a time such as \"2027-01-31T18:00:00Z\"";
    day.or_else(|_| time()).ok().or_else(|| table.wrong("expires", &text, allowed))
}

fn hash(table: &Table<'_>) -> Option<PasswordHash> {
    let text = table.required("hash", "\"$argon2id$…\", made with `gatepost hash-password`")?;
    let unusable = |why: crate::model::UnusableHash| {
        table.error("hash", why.to_string(), Some("\"$argon2id$…\"".into()), None);
    };
    PasswordHash::parse(&text).map_err(unusable).ok()
}

fn label(table: &Table<'_>, labels: &mut HashSet<String>) -> Option<String> {
    let label = table.required("label", "a name for this password, such as \"scanner\"; logs show it")?;
    let fits = !label.trim().is_empty() && !label.chars().any(char::is_control);
    if !fits || label.chars().count() > LONGEST_LABEL {
        return table.wrong("label", &label, "1 to 64 characters, none of them a control character");
    }
    if !labels.insert(label.to_lowercase()) {
        table.error("label", format!("{label:?} labels two passwords of this account"), None, None);
        return None;
    }
    Some(label)
}

/// What the account may be used for is not widened by a password.
fn protocols(table: &Table<'_>, account: &[Protocol]) -> Option<Vec<Protocol>> {
    if table.absent("protocols") {
        return Some(Vec::new());
    }
    let read =
        table.strings("protocols")?.into_iter().map(|text| match PROTOCOLS.iter().find(|(name, _)| *name == text) {
            Some((_, protocol)) if account.contains(protocol) => Some(*protocol),
            Some((_, protocol)) => {
                table.error("protocols", format!("the account is not for {protocol}"), None, None);
                None
            }
            None => table.wrong("protocols", &text, "\"smtp\", \"imap\", \"pop3\""),
        });
    let all: Vec<_> = read.collect();
    all.into_iter().collect()
}
