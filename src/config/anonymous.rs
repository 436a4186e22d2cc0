//! `anonymous = { … }` of an SMTP listener: clients that may send without a login.

use std::collections::HashMap;
use std::num::NonZeroU32;

use ipnet::IpNet;

use super::accounts::AccountPlace;
use super::reader::Table;
use super::words::nearest;
use crate::model::{Account, Protocol};

/// Clients of a listener that may send without a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymous {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// The account that they send by, which may live in the store.
    pub account: String,
    /// Whom they may write to, as `local@domain` and `*@domain`; anyone where there is nothing.
    pub recipients: Option<Vec<String>>,
    /// How many messages each address may send, if that is bounded.
    pub messages_per_minute: Option<NonZeroU32>,
}

/// A device sends a scan a minute, a monitor a burst now and then; who sends more for long is ill, or somebody else.
const MESSAGES_PER_MINUTE: u64 = 60;

const MOST_PER_MINUTE: u64 = 100_000;

/// Of a listener of this protocol, which may be for clients of this machine only.
pub(super) fn read(listener: &Table<'_>, protocol: Option<Protocol>, local: bool) -> Option<Anonymous> {
    let table = listener.table("anonymous")?;
    if let Some(protocol) = protocol.filter(|protocol| *protocol != Protocol::Smtp) {
        let hint = "take it out, or write protocol = \"smtp\"".to_owned();
        listener.error("anonymous", format!("there is no {protocol} without a login"), None, Some(hint));
    }
    let networks = networks(&table, local);
    let account = table.required("account", "the name of the account that these clients send by");
    let recipients = recipients(&table);
    let allowed = 0..=MOST_PER_MINUTE;
    let per_minute = table.integer("messages_per_minute", &allowed).unwrap_or(MESSAGES_PER_MINUTE);
    table.finish();
    Some(Anonymous {
        networks: networks?,
        account: account?,
        recipients: recipients?,
        messages_per_minute: u32::try_from(per_minute).ok().and_then(NonZeroU32::new),
    })
}

/// Always said: whoever is in them sends as the account.
fn networks(table: &Table<'_>, local: bool) -> Option<Vec<IpNet>> {
    let allowed = || Some("the networks of the devices, such as \"10.1.2.0/24\" or \"192.0.2.7\"".to_owned());
    if table.absent("networks") {
        table.error(
            "networks",
            "`networks` is missing: whoever is in them sends as the account".into(),
            allowed(),
            None,
        );
        return None;
    }
    if table.is_empty_list("networks") {
        let hint = "take `anonymous` out to let nobody send without a login".to_owned();
        table.error("networks", "found an empty list".into(), allowed(), Some(hint));
        return None;
    }
    let networks = table.networks("networks")?;
    // Two halves are a whole, too.
    if let Some(everyone) = IpNet::aggregate(&networks).iter().find(|network| network.prefix_len() == 0 && !local) {
        let problem = format!("{everyone} is everyone, and this listener can be reached from other machines");
        let hint = "name the networks of the devices, or listen on 127.0.0.1".to_owned();
        table.error("networks", problem, allowed(), Some(hint));
    }
    Some(networks)
}

#[expect(clippy::option_option, reason = "nothing said, and nothing that can be used")]
fn recipients(table: &Table<'_>) -> Option<Option<Vec<String>>> {
    if table.absent("recipients") {
        return Some(None);
    }
    if table.is_empty_list("recipients") {
        let hint = "leave the key out to allow all recipients".to_owned();
        table.error("recipients", "found an empty list".into(), None, Some(hint));
        return None;
    }
    let patterns = table.strings("recipients")?;
    let what = "addresses such as \"boss@example.org\", or \"*@example.com\" for all of a domain";
    for pattern in patterns.iter().filter(|pattern| !is_recipient(pattern)) {
        table.wrong::<()>("recipients", pattern, what);
    }
    Some(Some(patterns))
}

/// In ASCII, as addresses go over the wire; a domain of another script is written as `xn--…`.
fn is_recipient(pattern: &str) -> bool {
    let Some((local, domain)) = pattern.split_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let all = |text: &str, part: &dyn Fn(char) -> bool| {
        text.split('.').all(|word| !word.is_empty() && word.chars().all(part))
    };
    // A star among others would read as a pattern and be none.
    (local == "*" || !local.contains('*')) && all(local, &atom) && all(domain, &label) && pattern.len() <= 254
}

/// Holds the accounts of anonymous clients against those of the file. One that is not there may be in the store, if there is
/// a store; then it is told when it is used.
pub(super) fn check(
    root: &Table<'_>,
    accounts: &[Account],
    places: &HashMap<String, AccountPlace>,
    may_be_stored: bool,
) {
    for listener in root.tables("listeners") {
        // What is no table has been told.
        let is_table = listener.get("anonymous").is_some_and(|value| value.as_dict().is_some());
        let Some(table) = is_table.then(|| listener.table("anonymous")).flatten() else { continue };
        let Some(name) = table.get("account").and_then(figment::value::Value::as_str) else { continue };
        match accounts.iter().find(|account| account.answers_to(name)) {
            Some(account) if !account.protocols.contains(&Protocol::Smtp) => {
                let hint = format!("add \"smtp\" to the protocols of {name:?}, or name another account");
                table.error("account", format!("the account {name:?} is not for smtp"), None, Some(hint));
            }
            Some(account) if account.disabled => {
                let problem = format!("the account {name:?} is disabled: nobody can send without a login here");
                table.warn(problem);
            }
            // Also one whose token is not known yet, or that has errors of its own.
            None if !may_be_stored && !places.contains_key(&Account::folded(name)) => {
                let names: Vec<_> = places.keys().map(String::as_str).collect();
                let hint = nearest(name, &names).map(|near| format!("did you mean \"{near}\"?"));
                let hint = hint.unwrap_or_else(|| format!("declare it as [accounts.{name:?}]"));
                table.error("account", format!("there is no account {name:?}"), None, Some(hint));
            }
            _ => {}
        }
    }
}
