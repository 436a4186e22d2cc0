use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::accounts::{address, view};
use super::super::figures::Moment;
use super::super::page::Badge;
use super::super::tokens::address as tokens;
use super::super::tokens::standing::Standing;
use super::super::tokens::state::State;
use crate::activity::Activity;
use crate::model::{Account, TokenState};
use crate::store::Sketch;

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

/// How the tokens are.
pub(super) struct Tokens<'a> {
    by_name: HashMap<&'a str, &'a Standing>,
    states: HashMap<&'a str, &'a Sketch>,
    nothing: Sketch,
    ahead: TimeDelta,
    now: DateTime<Utc>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(
        standings: &'a [Standing],
        states: &'a [(String, Sketch)],
        ahead: TimeDelta,
        now: DateTime<Utc>,
    ) -> Self {
        let by_name = standings.iter().map(|standing| (standing.token.name.as_str(), standing)).collect();
        let states = states.iter().map(|(name, sketch)| (name.as_str(), sketch)).collect();
        Self { by_name, states, nothing: Ok(TokenState::default()), ahead, now }
    }

    /// Of an account; nothing where there is none. A token with many mailboxes may be well for one and not for another.
    fn of(&self, account: &Account) -> Option<Cow<'a, State>> {
        let Standing { token, state, .. } = self.by_name.get(account.token.name.as_str())?;
        if !token.is_per_mailbox() {
            return Some(Cow::Borrowed(state));
        }
        let sketch = self.states.get(view::state_name(account).as_str()).copied().unwrap_or(&self.nothing);
        Some(Cow::Owned(view::state(token, account, sketch, (self.ahead, self.now))))
    }
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
    if account.disabled {
        return 2;
    }
    tokens.of(account).map_or(0, |state| if state.needs_you { 1 } else { 2 })
}

pub(super) fn row(account: &Account, tokens: &Tokens<'_>, activity: &Activity) -> Row {
    let state = tokens.of(account);
    let when = |at: Option<DateTime<Utc>>| at.map(|at| Moment::new(at, tokens.now));
    let last = activity.uses.last(&account.name);
    Row {
        name: account.name.clone(),
        path: address::path(&account.name),
        token: account.token.name.clone(),
        token_path: state.as_ref().map(|_| tokens::path(&account.token.name)).unwrap_or_default(),
        protocols: view::protocols(&account.protocols),
        badge: view::badge(account, state.as_deref()),
        sessions: activity.roll.open_of(&account.name),
        login: when(last.login),
        message: when(last.message),
    }
}
