//! Examinations, the same as those of the pages: a program may ask a page for one, and the other way round.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::super::{Desk, examine};
use super::accounts::find;
use super::refusal::Refusal;
use super::tokens::rfc;
use crate::doctor::{End, Seen, Step, Work};
use crate::registry::Actor;

/// How long a call waits for the end: less than anything on the way does.
const PATIENCE: Duration = Duration::from_secs(50);

/// What `gatepost doctor` does. It takes as long as the provider's servers do, and goes on when the caller hangs up. Messages are
/// sent by administrators alone: a key for monitoring is none for mail.
pub(super) async fn begin(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let account = find(&desk, &name)?;
    let id = examine::begun(&desk, &by, &account, Work::Examine).await?;
    let seen = desk.rounds.ended_in(&id, PATIENCE).await.ok_or_else(forgotten)?;
    let status = if seen.end.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(whole(&seen))))
}

pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    examine::look(&desk, &id).await?.map(|seen| Json(whole(&seen))).ok_or_else(forgotten)
}

fn forgotten() -> Refusal {
    let error = "there is no such examination (any more): each is kept for some minutes, and not across a restart";
    Refusal::missing(error, "test the account again")
}

fn whole(seen: &Seen) -> Value {
    let (state, found) = match seen.end {
        None => ("running", None),
        Some(End::CutOff) => ("cut_off", None),
        Some(End::Done(found)) => ("done", Some(found)),
    };
    json!({
        "id": seen.id,
        "account": seen.account,
        "sent_to": match &seen.work { Work::Examine => None, Work::Send(to) => Some(to.as_str()) },
        "begun_at": rfc(Some(seen.begun)),
        "state": state,
        "works": found.map(|found| found.failed == 0),
        "logins": found.map(|found| found.chains),
        "failed": found.map(|found| found.failed),
        "warnings": found.map(|found| found.warnings),
        "steps": seen.steps.iter().map(Step::json).collect::<Vec<_>>(),
    })
}
