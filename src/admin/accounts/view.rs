//! Accounts in words.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::admin::Desk;
use crate::admin::page::{Badge, Tone};
use crate::admin::tokens::state::State as TokenState;
use crate::admin::tokens::{self, ahead};
use crate::clock;
use crate::model::{Account, Protocol, SenderPolicy};
use crate::registry::Declared;
use crate::store::Opened;

/// A time for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) exact: String,
    pub(super) text: String,
}

/// Where an account is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the store: it can be changed here.
    Store,
    /// In a file, which only people change.
    File { place: String, listed: bool },
}

impl Moment {
    pub(super) fn of(time: DateTime<Utc>) -> Self {
        let exact = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self { exact, text: time.format("%Y-%m-%d %H:%M UTC").to_string() }
    }
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

/// Whether somebody gets in, and to the mailbox.
pub(super) fn state(account: &Account, held: Option<&TokenState>) -> Badge {
    match held {
        _ if account.disabled => Badge::new(Tone::Idle, "disabled"),
        None => Badge::new(Tone::Bad, "token missing"),
        Some(held) if held.needs_you && held.badge.tone == Tone::Bad => {
            Badge::new(Tone::Bad, format!("token: {}", held.badge.text))
        }
        Some(held) if held.needs_you => Badge::new(Tone::Warn, format!("token: {}", held.badge.text)),
        Some(held) if !held.serves => Badge::new(held.badge.tone, format!("token: {}", held.badge.text)),
        Some(_) => Badge::new(Tone::Good, "enabled"),
    }
}

/// What the store calls the state of its token, for the mailbox that it opens.
pub(super) fn state_name(account: &Account) -> String {
    account.token.state_name(user(account))
}

/// How its token is; nothing where there is none.
pub(super) fn held(desk: &Desk, declared: &Declared, account: &Account, opened: &Opened) -> Option<TokenState> {
    let token = declared.find(&account.token.name).ok()?;
    Some(TokenState::of(token, user(account), opened, ahead(desk), clock::now()))
}

fn user(account: &Account) -> &str {
    account.upstream_user(account.protocols.first().copied().unwrap_or(Protocol::Imap))
}

/// The page of its token.
pub(super) fn token_path(account: &Account) -> String {
    tokens::address::path(&account.token.name)
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
