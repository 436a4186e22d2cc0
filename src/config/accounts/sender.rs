//! `sender = { policy = "…" }`: as whom an account may send.

use super::super::reader::Table;
use super::pattern::USER;
use crate::model::{Account, Protocol, SenderPolicy};

/// What is written, before it is known whose it is.
#[derive(Clone, Debug, Default)]
pub(super) enum Sender {
    #[default]
    Keep,
    Require(Option<Vec<String>>),
    Rewrite {
        address: Option<String>,
        reply_to: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Keep,
    Require,
    Rewrite,
}

const WORDS: [(&str, Word); 3] = [("keep", Word::Keep), ("require", Word::Require), ("rewrite", Word::Rewrite)];
const ADDRESSES: &str = "addresses such as \"support@example.com\" or \"*@example.com\"";
const ADDRESS: &str = "an address such as \"support@example.com\"";

pub(super) fn read(account: &Table<'_>) -> Sender {
    let Some(table) = account.table("sender") else { return Sender::Keep };
    if table.absent("policy") {
        let words = WORDS.map(|(word, _)| format!("\"{word}\"")).join(", ");
        table.error("policy", "`policy` is missing".into(), Some(words), None);
    }
    let word = table.choice("policy", &WORDS);
    let addresses = table.strings("addresses");
    let address = table.string("address");
    let reply_to = table.boolean("reply_to").unwrap_or(true);
    for (key, owner, name) in [
        ("addresses", Word::Require, "require"),
        ("address", Word::Rewrite, "rewrite"),
        ("reply_to", Word::Rewrite, "rewrite"),
    ] {
        if word.is_some_and(|word| word != owner) && table.has(key) {
            let hint = Some(format!("take it out, or write policy = \"{name}\""));
            table.error(key, format!("`{key}` belongs to policy = \"{name}\""), None, hint);
        }
    }
    if table.is_empty_list("addresses") {
        let hint = Some("leave the key out to allow the account's own addresses".into());
        table.error("addresses", "found an empty list".into(), None, hint);
    }
    for text in addresses.iter().flatten().filter(|text| !SenderPolicy::is_pattern(&filled(text, "user"))) {
        table.wrong::<()>("addresses", text, ADDRESSES);
    }
    for text in address.iter().filter(|text| !SenderPolicy::is_address(&filled(text, "user"))) {
        table.wrong::<()>("address", text, ADDRESS);
    }
    table.finish();
    match word {
        None | Some(Word::Keep) => Sender::Keep,
        Some(Word::Require) => Sender::Require(addresses),
        Some(Word::Rewrite) => Sender::Rewrite { address, reply_to },
    }
}

/// With a name in place of `{user}`; where the name alone is to be the address, with an address.
fn filled(text: &str, user: &str) -> String {
    if text == USER { "user@example.com".to_owned() } else { text.replace(USER, user) }
}

impl Sender {
    pub(super) fn mentions_user(&self) -> bool {
        match self {
            Self::Keep => false,
            Self::Require(addresses) => addresses.iter().flatten().any(|text| text.contains(USER)),
            Self::Rewrite { address, .. } => address.as_ref().is_some_and(|text| text.contains(USER)),
        }
    }

    /// The policy of this account, whose other settings are known. Where its token only stands in, nobody may send.
    pub(super) fn of(&self, account: &Account, table: &Table<'_>, known: bool) -> Option<SenderPolicy> {
        let own = |text: &String| text.replace(USER, &account.name);
        match self {
            Self::Keep => Some(SenderPolicy::Keep),
            Self::Require(None) => {
                let addresses = account.own_addresses();
                if addresses.is_empty() && known {
                    return none(account, table, "addresses");
                }
                Some(SenderPolicy::Require { addresses })
            }
            Self::Require(Some(texts)) => {
                let addresses: Vec<_> = texts.iter().map(own).collect();
                let wrong = addresses.iter().find(|text| !SenderPolicy::is_pattern(text));
                wrong.map_or(Some(SenderPolicy::Require { addresses: addresses.clone() }), |text| {
                    table.wrong("sender", text, ADDRESSES)
                })
            }
            Self::Rewrite { address, reply_to } => {
                let user = account.upstream_user(Protocol::Smtp);
                let address = address.as_ref().map_or_else(|| user.to_owned(), own);
                match SenderPolicy::is_address(&address) {
                    true => Some(SenderPolicy::Rewrite { address, reply_to: *reply_to }),
                    false if !known => Some(SenderPolicy::Require { addresses: Vec::new() }),
                    false => none(account, table, "address"),
                }
            }
        }
    }
}

fn none(account: &Account, table: &Table<'_>, key: &str) -> Option<SenderPolicy> {
    let user = account.upstream_user(Protocol::Smtp);
    let hint = Some(format!("write `{key}` beside `policy`"));
    table.error("sender", format!("the account logs in by SMTP as {user:?}, which is no address"), None, hint);
    None
}
