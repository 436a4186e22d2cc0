//! At a glance: whether all mail is flowing.
//!
//! The page reads the store once; everything else is in memory. Of long lists only the shown part is made.

mod accounts;
mod charts;
mod endings;
#[cfg(test)]
mod tests;
mod verdict;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use self::charts::Day;
use self::verdict::{Step, Verdict};
use super::draw::{Ending, Span, Timeline};
use super::figures::Moment;
use super::page::{Page, Section, Tone, shown};
use super::pager::Pager;
use super::problem::Problem;
use super::tokens::{ahead, standing};
use super::visitor::Visitor;
use super::{Desk, replicas};
use crate::clock;
use crate::store::Sketch;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    page: Page,
    verdict: Verdict,
    steps: Vec<Step>,
    replicas: Vec<replicas::Row>,
    day: Day,
    started: Moment,
    query: String,
    tokens: Vec<standing::Row>,
    tokens_pager: Pager,
    accounts: Vec<accounts::Row>,
    accounts_pager: Pager,
    endings: Vec<End>,
    endings_beyond: usize,
    timeline: Timeline,
    spans: Vec<(Span, String, bool)>,
}

/// Something that ends, in the table.
#[derive(Clone, Debug)]
struct End {
    ending: Ending,
    day: String,
    when: Moment,
    tone: Tone,
    word: &'static str,
}

/// `?q=…&tokens=PAGE&accounts=PAGE&ends=90d`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    tokens: usize,
    accounts: usize,
    ends: Span,
}

/// So many ends are listed. What is further ahead stands on the pages of the tokens.
const ENDINGS: usize = 50;

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/", get(overview))
}

async fn overview(State(desk): State<Desk>, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let states = desk.store.sketches().await?;
    let page = visitor.page(&desk, Section::Overview, "Overview");
    Ok(shown(StatusCode::OK, &Overview::of(page, &desk, &states, &asked, clock::now())))
}

impl Overview {
    fn of(page: Page, desk: &Desk, states: &[(String, Sketch)], asked: &Asked, now: DateTime<Utc>) -> Self {
        let (declared, held, ahead) = (desk.registry.declared(), standing::held(states), ahead(desk));
        let standings = standing::standings(&declared.tokens, &held, ahead, now);
        let of_tokens = accounts::Tokens::new(&standings, states, ahead, now);
        let wanted = asked.q.trim().to_lowercase();
        let found: Vec<_> = standings.iter().filter(|standing| standing.is_wanted(&wanted)).collect();
        let accounts = accounts::sorted(&declared.accounts, &of_tokens, &wanted);
        let tokens_pager = asked.pager(&page, "tokens", found.len());
        let accounts_pager = asked.pager(&page, "accounts", accounts.len());
        let endings = endings::endings(&declared, &held, desk.certificate.as_deref(), now);
        let used = desk.activity.roll.open() > 0
            || declared.accounts.iter().any(|account| desk.activity.uses.last(&account.name).login.is_some());
        Self {
            verdict: Verdict::of(&declared, &standings, desk.activity.roll.open()),
            steps: verdict::steps(&declared, &standings, used),
            replicas: replicas::rows(desk),
            day: Day::of(&desk.activity, now),
            started: Moment::new(desk.started, now),
            tokens: tokens_pager.rows(found).into_iter().map(|standing| standing.row(now)).collect(),
            accounts: accounts_pager
                .rows(accounts)
                .into_iter()
                .map(|account| accounts::row(account, &of_tokens, &desk.activity))
                .collect(),
            timeline: Timeline::of(&endings, asked.ends, now),
            endings_beyond: endings.len().saturating_sub(ENDINGS),
            endings: endings.into_iter().take(ENDINGS).map(|ending| End::of(ending, now)).collect(),
            spans: Span::ALL.map(|span| (span, asked.at_span(&page, span), span == asked.ends)).to_vec(),
            query: asked.q.clone(),
            tokens_pager,
            accounts_pager,
            page,
        }
    }
}

impl Asked {
    fn pager(&self, page: &Page, list: &'static str, total: usize) -> Pager {
        let asked = if list == "tokens" { self.tokens } else { self.accounts };
        let others = self.query().into_iter().filter(|(name, _)| *name != list).collect();
        Pager::new(format!("{}/", page.root), others, asked, total).short(list)
    }

    /// What is asked for, without what would be so anyway.
    fn query(&self) -> Vec<(&'static str, String)> {
        let number = |number: usize| if number > 1 { number.to_string() } else { String::new() };
        let ends = if self.ends == Span::default() { String::new() } else { self.ends.key().to_owned() };
        vec![
            ("q", self.q.clone()),
            ("tokens", number(self.tokens)),
            ("accounts", number(self.accounts)),
            ("ends", ends),
        ]
    }

    fn at_span(&self, page: &Page, span: Span) -> String {
        let asked = Self { ends: span, ..self.clone() };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.query().iter().filter(|(_, value)| !value.is_empty()));
        format!("{}/?{}#endings", page.root, query.finish())
    }
}

impl End {
    fn of(ending: Ending, now: DateTime<Utc>) -> Self {
        let (tone, word) = match (ending.is_late(now), ending.is_soon(now)) {
            (true, _) => (Tone::Bad, "overdue"),
            (_, true) => (Tone::Warn, "soon"),
            _ => (Tone::Idle, "later"),
        };
        Self { day: ending.at.format("%Y-%m-%d").to_string(), when: Moment::new(ending.at, now), tone, word, ending }
    }
}
