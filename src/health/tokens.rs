use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{Standing, Token, TokenState, deadlines};
use crate::store::Sketch;

/// How a token is. Of several mailboxes, the one that is worst off.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TokenLine {
    /// Its name.
    pub name: String,
    /// Its provider's name.
    pub provider: String,
    /// Its mailbox; empty where each account brings its own.
    pub mailbox: String,
    /// In a word; see the metric `gatepost_tokens`.
    pub state: String,
    /// Whether programs can log in with it now.
    pub usable: bool,
    /// What is wrong, where something is.
    pub fault: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What of it ends, and when.
    pub ends: Vec<Ends>,
}

/// Something that ends.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// What: `access_token`, or the name of a deadline.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the store has, by the names of states.
pub(super) type States = HashMap<String, Sketch>;

/// What a token is when its state cannot be read.
pub(super) const UNREADABLE: &str = "unreadable";

/// Every token, those in trouble first.
pub(super) fn lines(tokens: &[Arc<Token>], states: &States, now: DateTime<Utc>) -> Vec<TokenLine> {
    let mut of_token: HashMap<&str, Vec<&Sketch>> = HashMap::new();
    for (name, sketch) in states {
        of_token.entry(Token::of_state(name).0).or_default().push(sketch);
    }
    let nothing = Ok(TokenState::default());
    let mut lines: Vec<_> = tokens
        .iter()
        .map(|token| {
            let held = of_token.get(token.name.as_str()).map_or(&[][..], Vec::as_slice);
            let each = held.iter().map(|sketch| line(token, sketch, now));
            each.min_by_key(rank).unwrap_or_else(|| line(token, &nothing, now))
        })
        .collect();
    lines.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
    lines
}

/// Those who cannot log in come first, then those for whom something is wrong.
fn rank(line: &TokenLine) -> u8 {
    match (line.usable, line.state.as_str()) {
        (_, "disabled") => 3,
        (false, _) => 0,
        (true, "failing" | "ended") => 1,
        (true, _) => 2,
    }
}

fn line(token: &Token, sketch: &Sketch, now: DateTime<Utc>) -> TokenLine {
    let (state, usable, told) = standing(token, sketch, now);
    let (fault, remedy) = told.unzip();
    TokenLine {
        name: token.name.clone(),
        provider: token.provider.name.clone(),
        mailbox: token.mailbox.clone(),
        state: state.to_owned(),
        usable,
        fault,
        remedy,
        ends: sketch.as_ref().map(|state| ends(token, state)).unwrap_or_default(),
    }
}

type Told = Option<(String, String)>;

/// How it is in a word, whether programs can log in with it, and what is wrong.
fn standing(token: &Token, sketch: &Sketch, now: DateTime<Utc>) -> (&'static str, bool, Told) {
    match sketch {
        Ok(state) => told(token, state, now),
        Err(fault) => (UNREADABLE, false, Some((fault.to_string(), "restore the store from a backup".to_owned()))),
    }
}

fn told(token: &Token, state: &TokenState, now: DateTime<Utc>) -> (&'static str, bool, Told) {
    let standing = Standing::of(token, state, now);
    let name = &token.name;
    let trouble = state.trouble.as_ref();
    let told = match standing {
        Standing::Good | Standing::Unused | Standing::Password => None,
        Standing::Failing | Standing::Ended => trouble.map(|trouble| (trouble.summary.clone(), trouble.remedy.clone())),
        Standing::Ungranted => {
            Some(("nobody has authorized it yet".to_owned(), format!("run `gatepost token authorize {name}`")))
        }
        Standing::NotImported => Some((
            "its refresh token has not been imported yet".to_owned(),
            format!("run `gatepost token import {name}`"),
        )),
        Standing::Changed => Some((
            "what it holds belongs to another endpoint or client than is declared now".to_owned(),
            format!("run `gatepost token authorize {name}`, or change its declaration back"),
        )),
        Standing::Disabled => Some(("it is disabled".to_owned(), format!("run `gatepost token enable {name}`"))),
    };
    (standing.key(), standing.serves(state.usable(now).is_some()), told)
}

fn ends(token: &Token, state: &TokenState) -> Vec<Ends> {
    let access = state.access.as_ref().map(|access| Ends { what: "access_token".to_owned(), at: access.expires_at() });
    let deadlines = deadlines(token, state);
    let others = deadlines.iter().map(|deadline| Ends { what: deadline.kind.name().to_owned(), at: deadline.at });
    access.into_iter().chain(others).collect()
}

/// Whether a user of a token can log in now, or why not.
pub(super) fn serves(token: &Token, user: &str, states: &States, now: DateTime<Utc>) -> Result<(), Told> {
    let nothing = Ok(TokenState::default());
    let (_, usable, told) = standing(token, states.get(&token.state_name(user)).unwrap_or(&nothing), now);
    if usable { Ok(()) } else { Err(told) }
}
