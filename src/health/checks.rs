use serde::{Deserialize, Serialize};

use super::Facts;
use super::picture::{Accounts, Picture, Sessions};
use crate::metrics::Process;

/// Something that it takes to serve.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `serving`, `listeners`, `store` or `tokens`.
    pub name: String,
    /// Whether it is there.
    pub ok: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// Why something is not there.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The account that cannot be served, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do; empty where nothing is.
    pub remedy: String,
}

/// So few descriptors are left that the next session may be one too many.
const FEW: u64 = 8;

impl Check {
    fn of(name: &str, reasons: Vec<Reason>) -> Self {
        Self { name: name.to_owned(), ok: reasons.is_empty(), reasons }
    }

    /// Without names, for those whom they do not concern.
    #[must_use]
    pub fn in_brief(&self) -> Self {
        let brief = match (self.ok, self.name.as_str()) {
            (true, _) => Vec::new(),
            (false, "tokens") => {
                let accounts = self.reasons.len();
                vec![Reason::plain(format!("accounts that cannot be served: {accounts}"), "see `gatepost status`")]
            }
            (false, _) => vec![Reason::plain("it is not there", "see `gatepost status`")],
        };
        Self { reasons: brief, ..self.clone() }
    }
}

impl Reason {
    fn plain(reason: impl Into<String>, remedy: &str) -> Self {
        Self { account: None, reason: reason.into(), remedy: remedy.to_owned() }
    }
}

/// The checks that ask the store.
pub const OF_THE_STORE: [&str; 2] = ["store", "tokens"];

/// All of them, in the order in which they are to be mended.
pub(super) fn checks(facts: &Facts, sessions: &[Sessions], store: Option<&str>, accounts: &Accounts) -> Vec<Check> {
    let of_the_store = [
        Check::of("store", store.map(|fault| Reason::plain(fault, "look into the log")).into_iter().collect()),
        Check::of("tokens", tokens(store.is_some(), accounts)),
    ];
    own(facts, sessions).into_iter().chain(of_the_store).collect()
}

/// Those that need no store.
pub(super) fn own(facts: &Facts, sessions: &[Sessions]) -> [Check; 2] {
    let open = sessions.iter().map(|one| one.before_login + one.logged_in).sum();
    [Check::of("serving", serving(facts)), Check::of("listeners", listeners(facts, open))]
}

fn serving(facts: &Facts) -> Vec<Reason> {
    let stopping = || Reason::plain("the service is stopping", "");
    facts.closing.then(stopping).into_iter().collect()
}

fn listeners(facts: &Facts, open: u64) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if facts.listeners.is_empty() && !facts.closing {
        reasons.push(Reason::plain("no listener is open", "name one in a [[listeners]] table"));
    }
    if facts.sessions_max > 0 && open >= facts.sessions_max {
        let text = format!("all {} sessions are in use", facts.sessions_max);
        reasons.push(Reason::plain(text, "raise limits.sessions, or find out who has them: `gatepost status`"));
    }
    let Process { descriptors, most_descriptors, .. } = Process::now();
    if let (Some(now), Some(most)) = (descriptors, most_descriptors)
        && now + FEW > most
    {
        let text = format!("{now} of {most} file descriptors are in use");
        reasons.push(Reason::plain(text, "raise LimitNOFILE= of the unit, or `ulimit -n`"));
    }
    reasons
}

fn tokens(unknown: bool, accounts: &Accounts) -> Vec<Reason> {
    if unknown {
        return vec![Reason::plain("nothing is known of tokens while the store cannot be read", "")];
    }
    let reason = |account: &super::Account| Reason {
        account: Some(account.name.clone()),
        reason: account.reason.clone(),
        remedy: account.remedy.clone(),
    };
    accounts.in_trouble.iter().map(reason).collect()
}

/// The answer to whether all mail is flowing, in words.
pub(super) fn verdict(picture: &Picture) -> String {
    let failed = |name: &str| picture.checks.iter().find(|check| check.name == name && !check.ok);
    if let Some(check) = ["serving", "listeners", "store"].iter().find_map(|name| failed(name)) {
        let reasons: Vec<_> = check.reasons.iter().map(|reason| reason.reason.as_str()).collect();
        return format!("No mail is safe to flow: {}.", reasons.join("; "));
    }
    let (troubled, all) =
        (picture.accounts.in_trouble.len(), picture.accounts.usable + picture.accounts.in_trouble.len());
    let down: Vec<_> = picture.upstreams.iter().filter(|one| !one.up).map(|one| one.host.as_str()).collect();
    match (troubled, all) {
        (0, 0) => "Nothing is set up yet: there is no account that could log in.".to_owned(),
        (0, _) if !down.is_empty() => {
            format!("Not all mail is flowing: {} cannot be reached.", down.join(", "))
        }
        (0, _) if picture.tokens.iter().any(|token| token.usable && token.fault.is_some()) => {
            "All mail is flowing, but not for long: a token is in trouble.".to_owned()
        }
        (0, _) => "All mail is flowing.".to_owned(),
        (troubled, all) if troubled == all => "No mail is flowing: no account has a token that can be used.".to_owned(),
        (1, all) => format!("Mail is not flowing for 1 of {all} accounts."),
        (troubled, all) => format!("Mail is not flowing for {troubled} of {all} accounts."),
    }
}
