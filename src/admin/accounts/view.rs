//! Accounts in words.

use chrono::{DateTime, SecondsFormat, Utc};

use super::address;
use crate::admin::Desk;
use crate::admin::page::{Badge, Tone};
use crate::model::{Account, Protocol, SenderPolicy};
use crate::registry::Declared;

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

/// Whether somebody gets in.
pub(super) fn state(declared: &Declared, account: &Account) -> Badge {
    match account.disabled {
        true => Badge::new(Tone::Idle, "Disabled"),
        false if declared.find(&account.token.name).is_err() => Badge::new(Tone::Bad, "Token missing"),
        false => Badge::new(Tone::Good, "Enabled"),
    }
}

/// The page of its token.
pub(super) fn token_path(account: &Account) -> String {
    format!("/tokens/{}", address::segment(&account.token.name))
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
