//! Who is logged in now, and the way to end it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use tracing::{info, warn};

use super::figures::{exact, machine, octets};
use super::page::{Notice, Page, Section, Tone, shown};
use super::pager::{Asked, Pager};
use super::visitor::Visitor;
use super::{Desk, accounts, tokens};
use crate::activity::{Line, Seen};
use crate::clock;
use crate::store::Deed;

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/sessions", get(sessions)).route("/sessions/{id}/end", post(end))
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct Sessions {
    page: Page,
    action: String,
    query: String,
    number: usize,
    pager: Pager,
    rows: Vec<Row>,
}

struct Row {
    seen: Seen,
    /// The page of its account.
    account: String,
    /// The page of its token.
    token: String,
    since: String,
    since_exact: String,
    sent: String,
    received: String,
}

async fn sessions(State(desk): State<Desk>, visitor: Visitor, Query(asked): Query<Asked>) -> Response {
    let wanted = asked.q.trim().to_lowercase();
    // The latest first.
    let lines: Vec<_> = desk.activity.roll.lines().into_iter().rev().filter(|line| is(line, &wanted)).collect();
    let page = visitor.page(&desk, Section::Sessions, "Sessions");
    let action = format!("{}/sessions", page.root);
    let pager = Pager::new(action.clone(), vec![("q", asked.q.clone())], asked.page, lines.len());
    let rows = pager.rows(&lines).into_iter().map(Row::of).collect();
    shown(StatusCode::OK, &Sessions { page, action, query: asked.q, number: asked.page, pager, rows })
}

/// Whether it is one of those who are looked for. What costs nothing to compare comes first: there may be thousands.
fn is(line: &Line, wanted: &str) -> bool {
    let login = &line.login;
    let has = |text: &str| text.to_lowercase().contains(wanted);
    wanted.is_empty()
        || has(&login.account.name)
        || has(&login.account.token.name)
        || line.label().is_some_and(has)
        || login.protocol.to_string() == wanted
        || has(&login.peer.to_string())
        || has(login.account.upstream_user(login.protocol))
        || line.id.to_string() == wanted
}

impl Row {
    fn of(line: &Arc<Line>) -> Self {
        let seen = line.seen();
        Self {
            account: accounts::address::path(&seen.account),
            token: tokens::address::path(&seen.token),
            since: machine(seen.since),
            since_exact: exact(seen.since),
            sent: octets(seen.sent),
            received: octets(seen.received),
            seen,
        }
    }
}

/// Ends one, and goes back to the list as it was.
async fn end(State(desk): State<Desk>, visitor: Visitor, Path(id): Path<String>, Form(asked): Form<Asked>) -> Response {
    let seen = desk.activity.roll.line(&id).map(|line| line.seen());
    let ended = seen.filter(|_| desk.activity.roll.end(&id));
    let notice = match ended {
        Some(seen) => {
            note(&desk, &visitor, &seen).await;
            let text = format!("The {} session of account {:?} is ended.", seen.protocol, seen.account);
            let next =
                "The program may log in again at once. To keep it out, revoke its password or disable the account.";
            Notice { tone: Tone::Good, text, next: Some(next.to_owned()) }
        }
        None => Notice { tone: Tone::Idle, text: "That session had ended by itself.".into(), next: None },
    };
    visitor.tell(&desk, notice).await;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("q", &asked.q).append_pair("page", &asked.page.to_string());
    Redirect::to(&format!("{}/sessions?{}", desk.root(), query.finish())).into_response()
}

/// What is done is done: a trail that cannot be written is told in the log.
async fn note(desk: &Desk, visitor: &Visitor, seen: &Seen) {
    let by = visitor.actor();
    let (session, account, token) = (&seen.id, &seen.account, &seen.token);
    info!(who = by.who, from = by.from, session, account, token, peer = seen.peer, "admin.session_ended");
    let detail = format!("account {account}, {} from {}", seen.protocol, seen.peer);
    let (who, from, subject) = (by.who, by.from, session.clone());
    let deed = Deed { at: clock::now(), who, from, what: "session.ended".into(), subject, detail };
    if let Err(fault) = desk.store.note(deed).await {
        warn!(what = "session.ended", error = %fault, "admin.not_noted");
    }
}
