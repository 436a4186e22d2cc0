use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::address;
use super::servers::{self, Server};
use super::view::{self, Origin};
use crate::admin::Desk;
use crate::admin::page::{Badge, Page, Section, shown};
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::model::{Account, Password, Protocol};
use crate::registry::Declared;

#[derive(Template)]
#[template(path = "accounts/show.html")]
struct Show {
    page: Page,
    name: String,
    facts: Vec<(&'static str, String)>,
    token: String,
    state: Badge,
    origin: Origin,
    servers: Vec<Server>,
    /// What the account is for, and nobody listens for.
    unserved: String,
    passwords: Vec<Row>,
}

/// One of its passwords.
struct Row {
    label: Option<String>,
    protocols: String,
    networks: String,
}

pub(super) async fn show(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&declared, &segment);
    let account = address::find(&declared, name).ok_or_else(|| Problem::missing("account", name))?;
    let page = visitor.page(&desk, Section::Accounts, format!("Account {}", account.name));
    Ok(shown(StatusCode::OK, &Show::of(&desk, &declared, account, page)))
}

impl Show {
    fn of(desk: &Desk, declared: &Declared, account: &Account, page: Page) -> Self {
        Self {
            page,
            name: account.name.clone(),
            facts: facts(account),
            token: account.token.name.clone(),
            state: view::state(declared, account),
            origin: Origin::of(desk, account),
            servers: servers::servers(desk, account),
            unserved: view::protocols(&servers::unserved(&desk.config, account)),
            passwords: account.passwords.iter().map(Row::of).collect(),
        }
    }
}

impl Row {
    fn of(password: &Password) -> Self {
        const SAME: &str = "as the account";
        let protocols: Vec<_> = password.protocols.iter().copied().map(view::title).collect();
        Self {
            label: password.label.clone(),
            protocols: view::joined(&protocols, SAME),
            networks: view::joined(&password.networks, SAME),
        }
    }
}

fn facts(account: &Account) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if !account.aliases.is_empty() {
        facts.push(("Other user names", account.aliases.join(", ")));
    }
    facts.push(("For", view::protocols(&account.protocols)));
    facts.push(("From", view::joined(&account.networks, "anywhere")));
    if account.protocols.iter().any(|protocol| *protocol != Protocol::Smtp) {
        facts.push(("Opens the mailbox", account.upstream_user(Protocol::Imap).to_owned()));
    }
    if account.protocols.contains(&Protocol::Smtp) {
        facts.push(("Sends by the login of", account.upstream_user(Protocol::Smtp).to_owned()));
        facts.push(("May send", view::sender(&account.sender)));
    }
    facts
}
