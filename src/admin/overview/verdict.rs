//! The first thing on the page: whether all mail is flowing, and what to do where it is not.

use super::super::accounts::address as accounts;
use super::super::page::Tone;
use super::super::tokens::address;
use super::super::tokens::standing::Standing;
use super::super::words::{capital, few};
use crate::model::Token;
use crate::registry::Declared;

/// Whether all mail is flowing.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) tone: Tone,
    /// The answer.
    pub(super) title: String,
    pub(super) sentence: String,
    /// The tokens that need somebody, the worst first; the table has the others.
    pub(super) troubles: Vec<Trouble>,
    /// How many there are besides.
    pub(super) more: usize,
    /// Declarations that cannot be used.
    pub(super) broken: Vec<String>,
}

/// A token that needs somebody.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) sentence: String,
    pub(super) next: String,
}

/// A step of the way to the first mail.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) done: bool,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// Where it is done; empty where it cannot be done yet.
    pub(super) path: String,
}

/// So many are told of at once.
const MOST: usize = 5;

impl Verdict {
    pub(super) fn of(declared: &Declared, standings: &[Standing], sessions: usize) -> Self {
        let in_need: Vec<_> = standings.iter().filter(|standing| standing.state.needs_you).collect();
        let mut broken = declared.broken.clone();
        broken.extend(declared.errors.as_ref().map(ToString::to_string));
        let tone = tone(declared, standings, &in_need, &broken);
        Self {
            tone,
            title: title(tone, standings.len(), in_need.len(), broken.len()),
            sentence: sentence(declared, standings, in_need.len(), sessions),
            troubles: in_need.iter().take(MOST).map(|standing| trouble(standing)).collect(),
            more: in_need.len().saturating_sub(MOST),
            broken: few(broken.iter()),
        }
    }
}

fn tone(declared: &Declared, standings: &[Standing], in_need: &[&Standing], broken: &[String]) -> Tone {
    let bad = in_need.iter().any(|standing| standing.state.badge.tone.is_bad());
    match () {
        () if bad || !broken.is_empty() => Tone::Bad,
        () if !in_need.is_empty() => Tone::Warn,
        () if standings.is_empty() || declared.accounts.is_empty() => Tone::Idle,
        () => Tone::Good,
    }
}

fn title(tone: Tone, tokens: usize, in_need: usize, broken: usize) -> String {
    match (in_need, tokens) {
        (0, 0) if broken == 0 => "Nothing is set up yet".to_owned(),
        (0, _) if broken > 0 => match broken {
            1 => "A declaration cannot be used".to_owned(),
            broken => format!("{broken} declarations cannot be used"),
        },
        (0, _) if tone == Tone::Idle => "No program can log in yet".to_owned(),
        (0, _) => "All mail is flowing".to_owned(),
        (1, 1) => "The token needs you".to_owned(),
        (1, tokens) => format!("1 of {tokens} tokens needs you"),
        (in_need, tokens) => format!("{in_need} of {tokens} tokens need you"),
    }
}

fn all_new(declared: &Declared, standings: &[Standing]) -> bool {
    standings.is_empty() && declared.accounts.is_empty() && declared.broken.is_empty() && declared.errors.is_none()
}

fn sentence(declared: &Declared, standings: &[Standing], in_need: usize, sessions: usize) -> String {
    if all_new(declared, standings) {
        return "Follow the steps: it takes some ten minutes, most of them at the provider.".to_owned();
    }
    let of_tone = |tone| standings.iter().filter(|one| !one.state.needs_you && one.state.badge.tone == tone).count();
    let (good, idle, all) = (of_tone(Tone::Good), of_tone(Tone::Idle), standings.len());
    let good = match (good, in_need) {
        (1, _) if all == 1 => "The token is good".to_owned(),
        (good, _) if good == all && all > 0 => format!("All {all} tokens are good"),
        (1, _) => "1 token is good".to_owned(),
        (good, 0) => format!("{good} tokens are good"),
        (0, _) => "No token is good".to_owned(),
        (good, _) => format!("The other {good} are good"),
    };
    let good = good + &still(standings, in_need);
    let idle = match idle {
        0 => String::new(),
        1 => ", 1 is at rest (not used yet, or disabled)".to_owned(),
        idle => format!(", {idle} are at rest (not used yet, or disabled)"),
    };
    let good = if all == 0 { "There is no token yet".to_owned() } else { good + &idle };
    let sessions = match sessions {
        0 => "no session is open".to_owned(),
        1 => "1 session is open".to_owned(),
        sessions => format!("{sessions} sessions are open"),
    };
    let none = if declared.accounts.is_empty() { " There is no account yet." } else { "" };
    format!("{good}; {sessions}.{none}")
}

/// Those that need somebody and let programs in all the same.
fn still(standings: &[Standing], in_need: usize) -> String {
    let serving = standings.iter().filter(|one| one.state.needs_you && one.state.serves).count();
    match (serving, in_need) {
        (0, _) => String::new(),
        (1, 1) => ", but logins work still with the one that needs you".to_owned(),
        (serving, in_need) if serving == in_need => ", but logins work still with those that need you".to_owned(),
        (serving, in_need) => format!(", but logins work still with {serving} of the {in_need} that need you"),
    }
}

fn trouble(Standing { token, state, .. }: &Standing) -> Trouble {
    let next = state.next.clone().unwrap_or_else(|| "Open its page; it says more".to_owned());
    Trouble {
        name: token.name.clone(),
        path: address::path(&token.name),
        sentence: state.sentence.clone(),
        next: capital(&next),
    }
}

/// The way to the first mail, as long as nobody has gone it. `used`: some program has logged in.
pub(super) fn steps(declared: &Declared, standings: &[Standing], used: bool) -> Vec<Step> {
    let is_got = |standing: &&Standing| !standing.state.needs_you || standing.state.was_got;
    let waiting = standings.iter().find(|standing| !is_got(standing)).map(|standing| &standing.token);
    let got = standings.iter().any(|standing| is_got(&standing));
    let (token, account) = (!declared.tokens.is_empty(), declared.accounts.first());
    if token && got && account.is_some() && used {
        return Vec::new();
    }
    let path = |token: &Token| address::path(&token.name);
    vec![
        Step {
            done: token,
            title: "Add a token",
            text: "Name it, choose Microsoft, Google or another provider, and enter what its app registration shows.",
            path: "/tokens/add".to_owned(),
        },
        Step {
            done: got,
            title: "Get it",
            text: "Sign in at the provider as the mailbox, once. Gatepost keeps the token fresh from then on.",
            path: waiting.map(|token| path(token)).unwrap_or_default(),
        },
        Step {
            done: account.is_some(),
            title: "Add an account",
            text: "The user name and password that your program will use, and the token behind them.",
            path: if token { "/accounts/add".to_owned() } else { String::new() },
        },
        Step {
            done: used,
            title: "Type the settings into your program",
            text: "The account's page shows host, port, encryption and user name, each with a button that copies it.",
            path: account.map(|account| accounts::path(&account.name)).unwrap_or_default(),
        },
    ]
}
