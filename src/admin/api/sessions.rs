use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Level;

use super::super::sessions::ended;
use super::super::{Desk, replicas};
use super::refusal::Refusal;
use super::tokens::rfc;
use crate::activity::{Event, Filter, KEPT, Seen, SessionId};
use crate::registry::Actor;
use crate::replicas::Line;

pub(super) async fn list(State(desk): State<Desk>) -> Json<Value> {
    let all: Vec<_> = desk.activity.roll.list().iter().map(session).collect();
    Json(json!({ "replica": replicas::own(&desk), "sessions": all, "others": others(&desk) }))
}

/// The client is told goodbye as its protocol has it.
pub(super) async fn end(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    match ended(&desk, &by, &id).await {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(nothing_ended(&desk, &id)),
    }
}

/// Which events are wanted.
#[derive(Deserialize)]
pub(super) struct Wanted {
    account: Option<String>,
    token: Option<String>,
    level: Option<String>,
    limit: Option<String>,
}

pub(super) async fn events(State(desk): State<Desk>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    let level = match wanted.level.as_deref() {
        None | Some("info") => Level::INFO,
        Some("warn") => Level::WARN,
        Some("error") => Level::ERROR,
        Some(_) => return Err(Refusal::malformed("`level` is none of info, warn, error", "leave it out for all")),
    };
    let most = match wanted.limit.as_deref().map(str::parse) {
        None => KEPT,
        Some(Ok(most)) if (1..=KEPT).contains(&most) => most,
        Some(_) => {
            let remedy = format!("{KEPT} are kept");
            return Err(Refusal::malformed(format!("`limit` is no number from 1 to {KEPT}"), remedy));
        }
    };
    let filter = Filter { account: wanted.account, token: wanted.token, level, most };
    let all: Vec<_> = desk.activity.events.recent(&filter).iter().map(|told| event(told)).collect();
    Ok(Json(json!({ "replica": replicas::own(&desk), "events": all })))
}

/// How many each of the other replicas has, some seconds ago.
fn others(desk: &Desk) -> Vec<Value> {
    let others = desk.health.replicas().lines().into_iter().filter(|line| !line.own);
    let other = |line: Line| json!({ "replica": line.name, "state": line.state, "sessions": line.facts.sessions });
    others.map(other).collect()
}

/// It is over, or another replica has it.
fn nothing_ended(desk: &Desk, id: &str) -> Refusal {
    match replicas::own(desk).filter(|_| id.parse::<SessionId>().is_err()) {
        None => Refusal::missing("there is no such session (any more)", "GET /api/v1/sessions lists all"),
        Some(own) => Refusal::missing(
            format!("that session is none of replica {own}, where this request has come to"),
            "ask its own replica at its own address; or disable the account, which ends its sessions everywhere",
        ),
    }
}

fn session(seen: &Seen) -> Value {
    json!({
        "id": seen.id,
        "account": seen.account,
        "token": seen.token,
        "protocol": seen.protocol.name(),
        "peer": seen.peer,
        "since": rfc(Some(seen.since)),
        "octets_sent": seen.sent,
        "octets_received": seen.received,
        "upstream": seen.upstream,
        "password": seen.label,
        "without_login": seen.guest,
    })
}

fn event(event: &Event) -> Value {
    let fields: BTreeMap<_, _> = event.fields.iter().map(|(name, value)| (*name, value)).collect();
    json!({
        "id": event.id,
        "at": event.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "level": event.level.as_str().to_lowercase(),
        "event": event.name,
        "account": event.account,
        "token": event.token,
        "fields": fields,
    })
}
