use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::address;
use super::view::{self, Origin};
use crate::admin::Desk;
use crate::admin::figures::Moment;
use crate::admin::page::{Badge, Page, Section, shown};
use crate::admin::pager::{Asked, Pager};
use crate::admin::problem::Problem;
use crate::admin::tokens::state::State as TokenState;
use crate::admin::tokens::{address as tokens, ahead};
use crate::admin::visitor::Visitor;
use crate::admin::words::few;
use crate::clock;
use crate::model::{self, Account};
use crate::registry::Declared;

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct List {
    page: Page,
    action: String,
    query: String,
    rows: Vec<Row>,
    pager: Pager,
    /// What is declared and gave no account, each with its reason.
    broken: Vec<Broken>,
    none: bool,
}

/// Why a declaration cannot be used, and the page that removes it, if that can be done here.
struct Broken {
    text: String,
    path: Option<String>,
}

struct Row {
    name: String,
    path: String,
    aliases: String,
    token: String,
    /// Empty where there is no such token.
    token_path: String,
    protocols: String,
    in_file: bool,
    state: Badge,
    sessions: usize,
    login: Option<Moment>,
    message: Option<Moment>,
}

pub(super) async fn list(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let query = asked.q.trim().to_owned();
    let found = found(&declared, &query);
    let action = format!("{}/accounts", desk.root());
    let pager = Pager::new(action.clone(), vec![("q", query.clone())], asked.page, found.len());
    let states: HashMap<_, _> = desk.store.sketches().await?.into_iter().collect();
    let nothing = Ok(model::TokenState::default());
    let now = clock::now();
    let shown_row = |account: &Account| {
        let sketch = states.get(&view::state_name(account)).unwrap_or(&nothing);
        let token = declared.find(&account.token.name).ok();
        let held = token.map(|token| view::state(token, account, sketch, (ahead(&desk), now)));
        row(&desk, account, held.as_ref(), now)
    };
    let rows = pager.rows(found).into_iter().map(shown_row).collect();
    let broken = broken(&desk, &declared);
    let page = visitor.page(&desk, Section::Accounts, "Accounts");
    let none = declared.accounts.is_empty();
    Ok(shown(StatusCode::OK, &List { page, action, query, rows, pager, broken, none }))
}

/// Tokens have a page of their own.
fn broken(desk: &Desk, declared: &Declared) -> Vec<Broken> {
    let in_store = declared.unusable.iter().filter(|name| desk.config.account_place(name).is_none());
    let in_store: Vec<_> = in_store.map(|name| (format!("account {name:?}"), name)).collect();
    let path = |text: &str| in_store.iter().find(|(own, _)| text.starts_with(own)).map(|(_, name)| address::path(name));
    let of_accounts = declared.broken.iter().filter(|text| !text.starts_with("token "));
    few(of_accounts).into_iter().map(|text| Broken { path: path(&text), text }).collect()
}

/// Those that have the text in one of their names, or in the name of their token.
fn found<'a>(declared: &'a Declared, query: &str) -> Vec<&'a Account> {
    let query = query.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&query);
    let all = declared.accounts.iter();
    let mut found: Vec<_> =
        all.filter(|account| query.is_empty() || account.names().any(has) || has(&account.token.name)).collect();
    found.sort_by_cached_key(|account| account.name.to_lowercase());
    found
}

fn row(desk: &Desk, account: &Account, token: Option<&TokenState>, now: DateTime<Utc>) -> Row {
    let last = desk.activity.uses.last(&account.name);
    Row {
        name: account.name.clone(),
        path: address::path(&account.name),
        aliases: account.aliases.join(", "),
        token: account.token.name.clone(),
        token_path: token.map(|_| tokens::path(&account.token.name)).unwrap_or_default(),
        protocols: view::protocols(&account.protocols),
        in_file: !Origin::of(desk, account).is_store(),
        state: view::badge(account, token),
        sessions: desk.activity.roll.open_of(&account.name),
        login: last.login.map(|at| Moment::new(at, now)),
        message: last.message.map(|at| Moment::new(at, now)),
    }
}
