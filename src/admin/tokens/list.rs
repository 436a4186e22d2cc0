use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::ahead;
use super::standing::{Row, Standing, held, standings};
use crate::admin::Desk;
use crate::admin::page::{Page, Section, shown};
use crate::admin::pager::{Asked, Pager};
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::admin::words::few;
use crate::clock;
use crate::registry::Declared;
use crate::store::Kind;

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List {
    page: Page,
    action: String,
    query: String,
    /// And whether each stands in a file.
    rows: Vec<(Row, bool)>,
    pager: Pager,
    /// What is declared and gave no token, each with its reason.
    broken: Vec<String>,
    none: bool,
}

/// What is listed: what cannot be used comes first.
enum Entry<'a> {
    Unusable(String),
    Usable(&'a Standing),
}

pub(super) async fn list(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (declared, now) = (desk.registry.declared(), clock::now());
    let states = desk.store.sketches().await?;
    let standings = standings(&declared.tokens, &held(&states), ahead(&desk), now);
    let query = asked.q.trim().to_owned();
    let wanted = query.to_lowercase();
    let unusable = unusable(&desk, &declared).await?;
    let unusable = unusable.into_iter().filter(|name| name.to_lowercase().contains(&wanted)).map(Entry::Unusable);
    let usable = standings.iter().filter(|standing| standing.is_wanted(&wanted)).map(Entry::Usable);
    let found: Vec<_> = unusable.chain(usable).collect();
    let action = format!("{}/tokens", desk.root());
    let pager = Pager::new(action.clone(), vec![("q", query.clone())], asked.page, found.len());
    let rows = pager.rows(found).into_iter().map(|entry| entry.row(&declared, now)).collect();
    let broken = few(declared.broken.iter().filter(|text| text.starts_with("token ")));
    let page = visitor.page(&desk, Section::Tokens, "Tokens");
    let none = declared.tokens.is_empty();
    Ok(shown(StatusCode::OK, &List { page, action, query, rows, pager, broken, none }))
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

impl Entry<'_> {
    /// And whether it stands in a file.
    fn row(self, declared: &Declared, now: DateTime<Utc>) -> (Row, bool) {
        match self {
            Self::Unusable(name) => (Row::unusable(name), false),
            Self::Usable(standing) => (standing.row(now), !declared.is_stored(&standing.token.name)),
        }
    }
}
