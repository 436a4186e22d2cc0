use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::state::State;
use super::words::Moment;
use super::{address, ahead, words};
use crate::admin::Desk;
use crate::admin::page::{Badge, Page, Section, Tone, shown};
use crate::admin::pager::{Asked, Pager};
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::clock;
use crate::model::Token;
use crate::registry::Declared;
use crate::store::{Kind, Opened, Stored};

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List {
    page: Page,
    action: String,
    query: String,
    rows: Vec<Row>,
    pager: Pager,
    /// What is declared and gave no token, each with its reason.
    broken: Vec<String>,
    none: bool,
}

#[derive(Debug)]
struct Row {
    name: String,
    path: String,
    provider: String,
    mailbox: String,
    in_file: bool,
    badge: Badge,
    sentence: String,
    next: Option<String>,
    expires: Option<Moment>,
    refreshed: Option<Moment>,
    needs_you: bool,
}

pub(super) async fn list(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let mut rows = rows(&desk, &declared).await?;
    let query = asked.q.trim().to_owned();
    rows.retain(|row| row.has(&query.to_lowercase()));
    rows.sort_by_cached_key(|row| (!row.needs_you, row.name.to_lowercase()));
    let action = format!("{}/tokens", desk.root());
    let pager = Pager::new(action.clone(), vec![("q", query.clone())], asked.page, rows.len());
    let rows = pager.rows(rows);
    let broken = declared.broken.iter().filter(|text| text.starts_with("token ")).cloned().collect();
    let page = visitor.page(&desk, Section::Tokens, "Tokens");
    let none = declared.tokens.is_empty();
    Ok(shown(StatusCode::OK, &List { page, action, query, rows, pager, broken, none }))
}

/// One for each token; one of a service account speaks for all its mailboxes.
async fn rows(desk: &Desk, declared: &Declared) -> Result<Vec<Row>, Problem> {
    let mut of_token: HashMap<String, Vec<(String, Opened)>> = HashMap::new();
    for (name, opened) in desk.store.states().await? {
        of_token.entry(Token::of_state(&name).0.to_owned()).or_default().push((name, opened));
    }
    let now = clock::now();
    let mut rows: Vec<_> = declared
        .tokens
        .iter()
        .map(|token| Row::of(desk, declared, token, of_token.get(&token.name).map_or(&[][..], Vec::as_slice), now))
        .collect();
    rows.extend(unusable(desk, declared).await?.into_iter().map(Row::unusable));
    Ok(rows)
}

/// Names in the store that gave no token.
pub(super) async fn unusable(desk: &Desk, declared: &Declared) -> Result<BTreeSet<String>, Problem> {
    if declared.broken.is_empty() {
        return Ok(BTreeSet::new());
    }
    let known: BTreeSet<_> = declared.tokens.iter().map(|token| token.name.as_str()).collect();
    let records = desk.store.records(Kind::Token).await?;
    Ok(records.into_iter().map(|record| record.name).filter(|name| !known.contains(name.as_str())).collect())
}

impl Row {
    fn of(
        desk: &Desk,
        declared: &Declared,
        token: &Arc<Token>,
        states: &[(String, Opened)],
        now: DateTime<Utc>,
    ) -> Self {
        let told = |name: &str, opened: &Opened| {
            State::of(token, Token::of_state(name).1.unwrap_or(&token.mailbox), opened, ahead(desk), now)
        };
        // Of several mailboxes the one in trouble speaks, else the one that ends first.
        let mut all: Vec<_> = states.iter().map(|(name, opened)| told(name, opened)).collect();
        all.sort_by_key(|state| (!state.needs_you, state.expires_at));
        let state = all.into_iter().next().unwrap_or_else(|| told("", &Ok(Stored::default())));
        let mailboxes = if token.is_per_mailbox() { states.len() } else { 0 };
        Self {
            name: token.name.clone(),
            path: address::path(&token.name),
            provider: token.provider.name.clone(),
            mailbox: words::mailbox(token, mailboxes),
            in_file: !declared.is_stored(&token.name),
            badge: state.badge,
            sentence: state.sentence,
            next: state.next,
            expires: state.expires_at.map(|at| Moment::new(at, now)),
            refreshed: state.refreshed_at.map(|at| Moment::new(at, now)),
            needs_you: state.needs_you,
        }
    }

    fn unusable(name: String) -> Self {
        Self {
            path: address::path(&name),
            name,
            provider: String::new(),
            mailbox: String::new(),
            in_file: false,
            badge: Badge::new(Tone::Bad, "unusable"),
            sentence: "Its settings in the store cannot be used.".to_owned(),
            next: Some("Open it: its settings can be mended, or the token forgotten".to_owned()),
            expires: None,
            refreshed: None,
            needs_you: true,
        }
    }

    fn has(&self, query: &str) -> bool {
        [&self.name, &self.provider, &self.mailbox, &self.badge.text]
            .iter()
            .any(|text| text.to_lowercase().contains(query))
    }
}
