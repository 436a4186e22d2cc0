use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::address;
use super::servers::{self, Server};
use super::view::{self, Origin};
use crate::admin::Desk;
use crate::admin::figures::Moment;
use crate::admin::page::{Badge, Page, Section, shown};
use crate::admin::problem::Problem;
use crate::admin::sessions::{self, Row as Session};
use crate::admin::tokens::state::State as TokenState;
use crate::admin::tokens::{address as tokens, ahead};
use crate::admin::visitor::Visitor;
use crate::clock;
use crate::model::{Account, Password, Protocol};
use crate::registry::{Declared, mark};
use crate::store::{Kind, Version};

#[derive(Template)]
#[template(path = "accounts/show.html")]
struct Show {
    page: Page,
    path: String,
    name: String,
    state: Badge,
    disabled: bool,
    origin: Origin,
    token: String,
    token_path: String,
    /// How the token is; none where there is none.
    held: Option<TokenState>,
    facts: Vec<(&'static str, String)>,
    login: Option<Moment>,
    message: Option<Moment>,
    servers: Vec<Server>,
    /// What the account is for, and nobody listens for.
    unserved: String,
    passwords: Vec<Row>,
    sessions: Vec<Session>,
    open: usize,
    /// All of its sessions.
    all_sessions: String,
}

/// One of its passwords.
struct Row {
    label: Option<String>,
    protocols: String,
    networks: String,
    expires: Option<Expiry>,
    used: Option<Moment>,
    /// The page that revokes it, behind the account's.
    revoke: String,
}

/// When a password ends, or has ended.
struct Expiry {
    day: String,
    at: Moment,
    is_over: bool,
}

/// What is in the store and cannot be used.
#[derive(Template)]
#[template(path = "accounts/broken.html")]
struct Broken {
    page: Page,
    path: String,
    reasons: Vec<String>,
}

pub(super) async fn show(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&segment);
    let Some(account) = address::find(&declared, name) else { return broken(&desk, &declared, &visitor, name).await };
    let page = visitor.page(&desk, Section::Accounts, format!("Account {}", account.name));
    let sketch = desk.store.token(&view::state_name(account)).await.map(|stored| stored.state);
    desk.activity.uses.look_up(desk.store.as_ref(), &account.name).await;
    let token = declared.find(&account.token.name).ok();
    let held = token.map(|token| view::state(token, account, &sketch, (ahead(&desk), clock::now())));
    Ok(shown(StatusCode::OK, &Show::of(&desk, account, (page, held))))
}

async fn broken(desk: &Desk, declared: &Declared, visitor: &Visitor, name: &str) -> Result<Response, Problem> {
    if desk.store.record(Kind::Account, name).await?.version == Version::default() {
        return Err(Problem::missing("account", name));
    }
    let page = visitor.page(desk, Section::Accounts, format!("Account {name}"));
    let own = format!("account {name:?}");
    let reasons = declared.broken.iter().filter(|text| text.starts_with(&own)).cloned().collect();
    Ok(shown(StatusCode::OK, &Broken { page, path: address::path(name), reasons }))
}

impl Show {
    fn of(desk: &Desk, account: &Account, (page, held): (Page, Option<TokenState>)) -> Self {
        let name = account.name.clone();
        let (last, now) = (desk.activity.uses.last(&name), clock::now());
        let (sessions, open) = sessions::of_account(desk, &name);
        Self {
            page,
            path: address::path(&name),
            state: view::badge(account, held.as_ref()),
            disabled: account.disabled,
            origin: Origin::of(desk, account),
            token: account.token.name.clone(),
            token_path: tokens::path(&account.token.name),
            held,
            facts: facts(account),
            login: last.login.map(|at| Moment::new(at, now)),
            message: last.message.map(|at| Moment::new(at, now)),
            servers: servers::servers(desk, account),
            unserved: view::protocols(&servers::unserved(&desk.config, account)),
            passwords: account.passwords.iter().map(|password| Row::of(desk, &name, password, now)).collect(),
            sessions,
            open,
            all_sessions: query("/sessions", "q", &name),
            name,
        }
    }
}

impl Row {
    fn of(desk: &Desk, account: &str, password: &Password, now: DateTime<Utc>) -> Self {
        const SAME: &str = "as the account";
        const REVOKE: &str = "/passwords/revoke";
        let protocols: Vec<_> = password.protocols.iter().copied().map(view::title).collect();
        let label = password.label.as_deref();
        let (key, value) = label.map_or_else(|| ("mark", mark(&password.hash)), |label| ("label", label.to_owned()));
        Self {
            label: password.label.clone(),
            protocols: view::joined(&protocols, SAME),
            networks: view::joined(&password.networks, SAME),
            expires: password.expires.map(|at| Expiry::of(at, now)),
            used: desk.activity.uses.password(account, label).map(|at| Moment::new(at, now)),
            revoke: query(REVOKE, key, &value),
        }
    }
}

impl Expiry {
    fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { day: at.format("%Y-%m-%d").to_string(), at: Moment::new(at, now), is_over: at <= now }
    }
}

fn query(path: &str, key: &str, value: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(key, value).finish();
    format!("{path}?{query}")
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
