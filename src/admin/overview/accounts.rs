use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::super::accounts::{address, view};
use super::super::page::{Badge, Tone};
use super::super::tokens::address as tokens;
use super::super::tokens::words::Moment;
use super::tokens::Standing;
use crate::activity::Activity;
use crate::model::Account;

/// An account in the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) token: String,
    /// Empty where there is no such token.
    pub(super) token_path: String,
    pub(super) protocols: String,
    pub(super) badge: Badge,
    pub(super) sessions: usize,
    pub(super) login: Option<Moment>,
    pub(super) message: Option<Moment>,
}

/// How the tokens are, by their names.
pub(super) type Tokens<'a> = HashMap<&'a str, &'a Standing>;

pub(super) fn by_name(standings: &[Standing]) -> Tokens<'_> {
    standings.iter().map(|standing| (standing.token.name.as_str(), standing)).collect()
}

/// The accounts somebody looks for: those in trouble first, then by their names. `wanted` is in small letters.
pub(super) fn sorted<'a>(accounts: &'a [Account], tokens: &Tokens<'_>, wanted: &str) -> Vec<&'a Account> {
    let is_wanted = |account: &&Account| {
        account.names().chain([account.token.name.as_str()]).any(|name| name.to_lowercase().contains(wanted))
    };
    let mut all: Vec<_> = accounts.iter().filter(is_wanted).collect();
    all.sort_by_cached_key(|account| (rank(account, tokens), Account::folded(&account.name)));
    all
}

fn rank(account: &Account, tokens: &Tokens<'_>) -> u8 {
    match tokens.get(account.token.name.as_str()) {
        _ if account.disabled => 2,
        None => 0,
        Some(standing) if standing.state.needs_you => 1,
        Some(_) => 2,
    }
}

pub(super) fn row(account: &Account, tokens: &Tokens<'_>, activity: &Activity, now: DateTime<Utc>) -> Row {
    let standing = tokens.get(account.token.name.as_str());
    let when = |at: Option<DateTime<Utc>>| at.map(|at| Moment::new(at, now));
    let last = activity.uses.last(&account.name);
    Row {
        name: account.name.clone(),
        path: address::path(&account.name),
        token: account.token.name.clone(),
        token_path: standing.map(|standing| tokens::path(&standing.token.name)).unwrap_or_default(),
        protocols: view::protocols(&account.protocols),
        badge: badge(account, standing.copied()),
        sessions: activity.roll.open_of(&account.name),
        login: when(last.login),
        message: when(last.message),
    }
}

fn badge(account: &Account, standing: Option<&Standing>) -> Badge {
    match standing {
        _ if account.disabled => Badge::new(Tone::Idle, "disabled"),
        None => Badge::new(Tone::Bad, "no such token"),
        Some(Standing { state, .. }) if state.needs_you || !state.serves => {
            Badge::new(state.badge.tone, format!("token {}", state.badge.text))
        }
        Some(_) => Badge::new(Tone::Good, "ready"),
    }
}
