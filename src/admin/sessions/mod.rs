//! Who is logged in now, and the way to end it.

#[cfg(test)]
mod tests;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};

use super::deed::to;
use super::figures::{Moment, octets};
use super::page::{Notice, Page, Section, Tone, shown};
use super::pager::{Asked, Pager};
use super::visitor::Visitor;
use super::{Desk, accounts, replicas, tokens};
use crate::activity::{Line, Seen, SessionId};
use crate::clock;
use crate::registry::Actor;
use crate::store::Kind;

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
    replicas: Vec<replicas::Row>,
}

/// One of them, on this page and on its account's.
pub(super) struct Row {
    pub(super) seen: Seen,
    /// The page of its account.
    account: String,
    /// The page of its token.
    token: String,
    pub(super) protocol: &'static str,
    pub(super) since: Moment,
    /// Which password it came by.
    pub(super) password: String,
    sent: String,
    received: String,
}

/// As many as an account's page shows; the others are on this one.
const SHOWN: usize = 20;

async fn sessions(State(desk): State<Desk>, visitor: Visitor, Query(asked): Query<Asked>) -> Response {
    let wanted = asked.q.trim().to_lowercase();
    // The latest first.
    let lines: Vec<_> = desk.activity.roll.lines().into_iter().rev().filter(|line| is(line, &wanted)).collect();
    let page = visitor.page(&desk, Section::Sessions, "Sessions");
    let action = format!("{}/sessions", page.root);
    let pager = Pager::new(action.clone(), vec![("q", asked.q.clone())], asked.page, lines.len());
    let now = clock::now();
    let rows = pager.rows(&lines).into_iter().map(|line| Row::of(line, now)).collect();
    shown(
        StatusCode::OK,
        &Sessions { page, action, query: asked.q, number: asked.page, pager, rows, replicas: replicas::rows(&desk) },
    )
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

/// Those of an account: the oldest, and how many there are.
pub(super) fn of_account(desk: &Desk, account: &str) -> (Vec<Row>, usize) {
    let lines = desk.activity.roll.lines();
    let own = lines.iter().filter(|line| line.login.account.name == account);
    let now = clock::now();
    (own.take(SHOWN).map(|line| Row::of(line, now)).collect(), desk.activity.roll.open_of(account))
}

impl Row {
    fn of(line: &Line, now: DateTime<Utc>) -> Self {
        let seen = line.seen();
        let password = match &seen.label {
            Some(label) => label.clone(),
            None if seen.guest => "none: let in without a login".to_owned(),
            None => "without a label".to_owned(),
        };
        Self {
            account: accounts::address::path(&seen.account),
            token: tokens::address::path(&seen.token),
            protocol: accounts::view::title(seen.protocol),
            since: Moment::new(seen.since, now),
            password,
            sent: octets(seen.sent),
            received: octets(seen.received),
            seen,
        }
    }
}

/// Ends one, and goes back to the list as it was.
async fn end(State(desk): State<Desk>, visitor: Visitor, Path(id): Path<String>, Form(asked): Form<Asked>) -> Response {
    let notice = match ended(&desk, &visitor.actor(), &id).await {
        Some(seen) => {
            let text = format!("The {} session of account {:?} is ended.", seen.protocol, seen.account);
            let next =
                "The program may log in again at once. To keep it out, revoke its password or disable the account.";
            Notice { tone: Tone::Good, text, next: Some(next.to_owned()) }
        }
        None => nothing_ended(&desk, &id),
    };
    visitor.tell(&desk, notice).await;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("q", &asked.q).append_pair("page", &asked.page.to_string());
    to(&desk, &format!("/sessions?{}", query.finish()))
}

/// It had ended by itself; or the request came to another replica than the list.
fn nothing_ended(desk: &Desk, id: &str) -> Notice {
    let (mut text, mut next) = ("That session had ended by itself.".to_owned(), None);
    if let Some(own) = replicas::own(desk).filter(|_| id.parse::<SessionId>().is_err()) {
        text = format!("That session is none of replica {own}, where this request has come to; it was not ended.");
        next =
            Some("Ask its own replica at its own address; or disable the account, which ends its sessions everywhere.");
    }
    Notice { tone: Tone::Idle, text, next: next.map(str::to_owned) }
}

/// Ends one and notes who did; none if it is over already.
pub(super) async fn ended(desk: &Desk, by: &Actor, id: &str) -> Option<Seen> {
    let seen = desk.activity.roll.line(id)?.seen();
    if !desk.activity.roll.end(id) {
        return None;
    }
    let detail = format!("{} from {}, session {id}", seen.protocol, seen.peer);
    desk.registry.note(by, Kind::Account, "session.ended", &seen.account, &detail).await;
    Some(seen)
}
