use chrono::{DateTime, TimeDelta, Utc};

use super::super::accounts::address as accounts;
use super::super::draw::{Ending, Lane};
use super::super::tokens::address;
use super::super::tokens::standing::Held;
use super::super::tokens::state::{ending_name, for_pages};
use super::super::words::capital;
use crate::model::{Account, Deadline, DeadlineKind, Password, Token, TokenState, deadlines};
use crate::net::ServerCertificate;
use crate::registry::Declared;

/// A refresh token that is used begins a new life each time: its idle end is told of only when it comes near.
const NEAR: TimeDelta = TimeDelta::days(30);

/// Everything that is known to end, in order.
pub(super) fn endings(
    declared: &Declared,
    held: &Held<'_>,
    certificate: Option<&ServerCertificate>,
    now: DateTime<Utc>,
) -> Vec<Ending> {
    let tokens = declared.tokens.iter().flat_map(|token| of_token(token, held));
    let tokens = tokens.filter(|(_, deadline)| deadline.kind != DeadlineKind::Idle || deadline.at - now <= NEAR);
    let mut all: Vec<_> = tokens.map(|(token, deadline)| of_deadline(token, deadline)).collect();
    all.extend(declared.accounts.iter().flat_map(of_account));
    all.extend(certificate.and_then(of_certificate));
    all.sort_by(|a, b| (a.at, &a.whose).cmp(&(b.at, &b.whose)));
    all.dedup();
    all
}

fn of_token<'a>(token: &'a Token, held: &Held<'_>) -> Vec<(&'a Token, Deadline)> {
    let states = held.get(token.name.as_str()).into_iter().flatten();
    let mut all: Vec<_> =
        states.filter_map(|(_, sketch)| sketch.as_ref().ok()).flat_map(|state| deadlines(token, state)).collect();
    if all.is_empty() {
        all = deadlines(token, &TokenState::default());
    }
    all.into_iter().map(|deadline| (token, deadline)).collect()
}

fn of_deadline(token: &Token, deadline: Deadline) -> Ending {
    let lane = match deadline.kind {
        DeadlineKind::ClientSecret => Lane::ClientSecret,
        DeadlineKind::ClientCertificate => Lane::ClientCertificate,
        DeadlineKind::Idle | DeadlineKind::RefreshToken | DeadlineKind::Testing => Lane::Grant,
    };
    Ending {
        at: deadline.at,
        lane,
        what: ending_name(deadline.kind),
        whose: token.name.clone(),
        path: address::path(&token.name),
        next: capital(&for_pages(deadline.kind.remedy(), &token.name)),
    }
}

fn of_account(account: &Account) -> impl Iterator<Item = Ending> {
    let of_password = |password: &Password| {
        let label = password.label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
        Some(Ending {
            at: password.expires?,
            lane: Lane::Password,
            what: "a password",
            whose: format!("{}{label}", account.name),
            path: accounts::path(&account.name),
            next: "Add another password, set it in the program, and revoke this one".to_owned(),
        })
    };
    account.passwords.iter().filter_map(of_password)
}

fn of_certificate(certificate: &ServerCertificate) -> Option<Ending> {
    let (_, at) = certificate.life()?;
    let file = certificate.file().display();
    Some(Ending {
        at,
        lane: Lane::Listener,
        what: "the TLS certificate",
        whose: "listeners".to_owned(),
        path: String::new(),
        next: format!("Put a new one in {file}; it is taken without a restart"),
    })
}
