use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::Desk;
use super::super::tokens::show::states;
use super::super::tokens::standing::held;
use super::super::tokens::state::State as Standing;
use super::refusal::Refusal;
use crate::clock;
use crate::model::{Grant, Token, TokenState};
use crate::registry::Actor;
use crate::store::{Kind, Sketch};

pub(super) async fn list(State(desk): State<Desk>) -> Result<Json<Value>, Refusal> {
    let mut states = desk.store.sketches().await?;
    states.sort_by(|one, other| one.0.cmp(&other.0));
    let (declared, held, now) = (desk.registry.declared(), held(&states), clock::now());
    let of = |token: &Arc<Token>| held.get(token.name.as_str()).map_or(&[][..], Vec::as_slice);
    let all: Vec<_> = declared.tokens.iter().flat_map(|token| whole(&desk, token, of(token), now)).collect();
    Ok(Json(json!({ "tokens": all })))
}

pub(super) async fn show(State(desk): State<Desk>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let declared = desk.registry.declared();
    let token = declared.tokens.iter().find(|token| token.name == name).ok_or_else(|| unknown(&name))?;
    let states = states(&desk, token).await?;
    let shown =
        held(&states).get(name.as_str()).and_then(|held| whole(&desk, token, held, clock::now()).into_iter().next());
    shown.map(Json).ok_or_else(|| unknown(&name))
}

/// Refreshed now, though it may be good still.
pub(super) async fn refresh(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let (token, _) = desk.tokens.declared(&name).ok_or_else(|| unknown(&name))?;
    if token.is_per_mailbox() && token.mailbox.is_empty() {
        let error = format!("token {name:?} has an access token for each mailbox and none of its own");
        let remedy = "log in to one of its accounts, or run the test of one";
        return Err(Refusal::new(StatusCode::CONFLICT, error, remedy));
    }
    if matches!(token.grant, Grant::AppPassword(_)) {
        let error = format!("token {name:?} is an app password: there is nothing to refresh, and it does not expire");
        return Err(Refusal::new(StatusCode::CONFLICT, error, "run the test of an account that uses it"));
    }
    let refreshed = desk.tokens.refresh(&name, &token.mailbox).await;
    let what = if refreshed.is_ok() { "token.refreshed" } else { "token.refresh_failed" };
    desk.registry.note(&by, Kind::Token, what, &name, &token.mailbox).await;
    refreshed?;
    show(State(desk), Path(name)).await
}

pub(super) async fn disable(
    desk: State<Desk>,
    by: Extension<Actor>,
    name: Path<String>,
) -> Result<Json<Value>, Refusal> {
    switch(desk, by, name, true).await
}

pub(super) async fn enable(
    desk: State<Desk>,
    by: Extension<Actor>,
    name: Path<String>,
) -> Result<Json<Value>, Refusal> {
    switch(desk, by, name, false).await
}

async fn switch(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    disabled: bool,
) -> Result<Json<Value>, Refusal> {
    desk.registry.disable_token(&by, &name, disabled).await?;
    show(State(desk), Path(name)).await
}

fn unknown(name: &str) -> Refusal {
    Refusal::missing(format!("there is no token {name:?}"), "GET /api/v1/tokens lists all")
}

/// A token; one with an access token for each mailbox once for each that it was used for.
fn whole(desk: &Desk, token: &Token, held: &[(Option<&str>, &Sketch)], now: DateTime<Utc>) -> Vec<Value> {
    let ahead = i64::try_from(desk.config.limits.refresh_ahead_seconds).unwrap_or_default();
    let ahead = TimeDelta::try_seconds(ahead).unwrap_or_default();
    let one = |user: &str, sketch: &Sketch| one(desk, token, user, sketch, (ahead, now));
    if held.is_empty() {
        return vec![one(&token.mailbox, &Ok(TokenState::default()))];
    }
    held.iter().map(|(user, sketch)| one(user.unwrap_or(&token.mailbox), sketch)).collect()
}

fn one(desk: &Desk, token: &Token, user: &str, sketch: &Sketch, (ahead, now): (TimeDelta, DateTime<Utc>)) -> Value {
    let state = Standing::of(token, user, sketch, ahead, now);
    let identity = sketch.as_ref().ok().and_then(|state| state.identity.clone());
    json!({
        "name": token.name,
        "provider": token.provider.name,
        "grant": token.grant.name(),
        "mailbox": user,
        "scopes": token.scopes,
        "declared": if desk.registry.declared().is_stored(&token.name) { "store" } else { "file" },
        "disabled": token.disabled,
        "state": state.badge.text,
        "tone": state.badge.tone.name(),
        "summary": state.sentence,
        "error": state.error,
        "remedy": state.next,
        "needs_you": state.needs_you,
        "signed_in": identity,
        "expires_at": rfc(state.expires_at),
        "refreshed_at": rfc(state.refreshed_at),
        "next_refresh": rfc(state.next_refresh),
    })
}

/// A time as programs read it.
pub(super) fn rfc(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}
