//! How tokens are, those in trouble first: for the list, and for the overview.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::state::State;
use super::{address, words};
use crate::admin::figures::Moment;
use crate::admin::page::Tone;
use crate::model::{Token, TokenState};
use crate::store::Sketch;

/// What the store has, by the names of tokens: of a service account for each mailbox.
pub(in crate::admin) type Held<'a> = HashMap<&'a str, Vec<(Option<&'a str>, &'a Sketch)>>;

/// A token and how it is.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Standing {
    pub(in crate::admin) token: Arc<Token>,
    /// Of several mailboxes, that of the one that is worst off.
    pub(in crate::admin) state: State,
    pub(in crate::admin) mailbox: String,
}

/// A token in the table.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Row {
    pub(in crate::admin) name: String,
    pub(in crate::admin) path: String,
    pub(in crate::admin) provider: String,
    pub(in crate::admin) mailbox: String,
    pub(in crate::admin) state: State,
    pub(in crate::admin) expires: Option<Moment>,
    pub(in crate::admin) refreshed: Option<Moment>,
    pub(in crate::admin) next_refresh: Option<Moment>,
}

pub(in crate::admin) fn held(states: &[(String, Sketch)]) -> Held<'_> {
    let mut held: Held<'_> = HashMap::new();
    for (name, sketch) in states {
        let (token, user) = Token::of_state(name);
        held.entry(token).or_default().push((user, sketch));
    }
    held
}

/// How every token is: those in trouble first, then by their names.
pub(in crate::admin) fn standings(
    tokens: &[Arc<Token>],
    held: &Held<'_>,
    ahead: TimeDelta,
    now: DateTime<Utc>,
) -> Vec<Standing> {
    let nothing = Ok(TokenState::default());
    let mut all: Vec<_> = tokens.iter().map(|token| standing(token, held, &nothing, (ahead, now))).collect();
    all.sort_by(|a, b| (rank(&a.state), &a.token.name).cmp(&(rank(&b.state), &b.token.name)));
    all
}

fn standing(
    token: &Arc<Token>,
    held: &Held<'_>,
    nothing: &Sketch,
    (ahead, now): (TimeDelta, DateTime<Utc>),
) -> Standing {
    let of_token = held.get(token.name.as_str()).map_or(&[][..], Vec::as_slice);
    let state = |user: &str, sketch: &Sketch| State::of(token, user, sketch, ahead, now);
    let states = of_token.iter().map(|(user, sketch)| state(user.unwrap_or(&token.mailbox), sketch));
    let worst = states.min_by_key(rank).unwrap_or_else(|| state(&token.mailbox, nothing));
    Standing {
        token: Arc::clone(token),
        state: worst,
        mailbox: words::mailbox(token, of_token.iter().filter(|(user, _)| user.is_some()).count()),
    }
}

/// Those who have to be helped come first.
pub(super) fn rank(state: &State) -> u8 {
    match (state.needs_you, state.badge.tone) {
        (true, Tone::Bad) => 0,
        (true, _) => 1,
        (false, Tone::Bad | Tone::Warn) => 2,
        (false, Tone::Good | Tone::Idle) => 3,
    }
}

impl Row {
    /// What is in the store and cannot be used.
    pub(super) fn unusable(name: String) -> Self {
        Self {
            path: address::path(&name),
            name,
            provider: String::new(),
            mailbox: String::new(),
            state: State::unusable(),
            expires: None,
            refreshed: None,
            next_refresh: None,
        }
    }
}

impl Standing {
    /// Whether somebody looks for it; `wanted` is in small letters.
    pub(in crate::admin) fn is_wanted(&self, wanted: &str) -> bool {
        let Token { name, provider, mailbox, .. } = &*self.token;
        [name, &provider.name, mailbox, &self.mailbox, &self.state.badge.text]
            .iter()
            .any(|text| text.to_lowercase().contains(wanted))
    }

    pub(in crate::admin) fn row(&self, now: DateTime<Utc>) -> Row {
        let when = |at: Option<DateTime<Utc>>| at.map(|at| Moment::new(at, now));
        let State { expires_at, refreshed_at, next_refresh, .. } = self.state;
        Row {
            name: self.token.name.clone(),
            path: address::path(&self.token.name),
            provider: self.token.provider.name.clone(),
            mailbox: self.mailbox.clone(),
            expires: when(expires_at),
            refreshed: when(refreshed_at),
            next_refresh: when(next_refresh),
            state: self.state.clone(),
        }
    }
}
