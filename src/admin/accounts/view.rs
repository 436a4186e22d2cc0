//! Accounts in words.

use chrono::{DateTime, TimeDelta, Utc};

use crate::admin::Desk;
use crate::admin::page::{Badge, Tone};
use crate::admin::tokens::state::State;
use crate::model::{Account, Protocol, SenderPolicy, Token};
use crate::store::Sketch;

/// Where an account is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the store: it can be changed here.
    Store,
    /// In a file, which only people change.
    File { place: String, listed: bool },
}

impl Origin {
    pub(super) fn of(desk: &Desk, account: &Account) -> Self {
        match desk.config.account_place(&account.name) {
            Some(place) => Self::File { place: place.line.clone(), listed: place.listed },
            None => Self::Store,
        }
    }

    pub(super) const fn is_store(&self) -> bool {
        matches!(self, Self::Store)
    }
}

/// Whether somebody gets in, and to the mailbox. `token`: how its token is; nothing where there is none.
pub(in crate::admin) fn badge(account: &Account, token: Option<&State>) -> Badge {
    match token {
        _ if account.disabled => Badge::new(Tone::Idle, "disabled"),
        None => Badge::new(Tone::Bad, "no such token"),
        Some(State { badge, needs_you, serves, .. }) if *needs_you || !serves => {
            Badge::new(badge.tone, format!("token: {}", badge.text))
        }
        Some(_) => Badge::new(Tone::Good, "ready"),
    }
}

/// What the store calls the state of its token, for the mailbox that it opens.
pub(in crate::admin) fn state_name(account: &Account) -> String {
    account.token.state_name(user(account))
}

/// How a token is for the mailbox that an account opens.
pub(in crate::admin) fn state(
    token: &Token,
    account: &Account,
    sketch: &Sketch,
    (ahead, now): (TimeDelta, DateTime<Utc>),
) -> State {
    State::of(token, user(account), sketch, ahead, now)
}

fn user(account: &Account) -> &str {
    account.upstream_user(account.protocols.first().copied().unwrap_or(Protocol::Imap))
}

/// As people write it.
pub(in crate::admin) const fn title(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "SMTP",
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP3",
    }
}

pub(in crate::admin) fn protocols(protocols: &[Protocol]) -> String {
    protocols.iter().copied().map(title).collect::<Vec<_>>().join(", ")
}

pub(super) fn joined(values: &[impl ToString], none: &str) -> String {
    if values.is_empty() {
        return none.to_owned();
    }
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// As whom it may send.
pub(super) fn sender(policy: &SenderPolicy) -> String {
    match policy {
        SenderPolicy::Keep => "As its messages say; the provider judges (keep)".to_owned(),
        SenderPolicy::Require { addresses } => {
            format!("Only as {}; other messages are refused (require)", joined(addresses, "nobody"))
        }
        SenderPolicy::Rewrite { address, reply_to } => {
            let replies = if *reply_to { "replies go to whom the message named" } else { "replies go there, too" };
            format!("Always as {address}, {replies} (rewrite)")
        }
    }
}
