//! Tokens: what they are, how they are, and every change of them.

pub(super) mod address;
mod change;
mod deeds;
mod draft;
mod edit;
mod facts;
mod fields;
mod keys;
mod labels;
mod list;
mod merge;
mod preview;
pub(super) mod show;
pub(super) mod standing;
pub(super) mod state;
#[cfg(test)]
mod tests;
mod when;
pub(super) mod words;
mod wrong;

use axum::Router;
use axum::routing::{get, post};
use chrono::TimeDelta;

use super::Desk;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/tokens", get(list::list))
        .route("/tokens/add", get(edit::ask_to_add).post(edit::add))
        .route("/tokens/lint", post(edit::lint))
        .route("/tokens/{name}", get(show::show))
        .route("/tokens/{name}/edit", get(edit::ask_to_edit).post(edit::edit))
        .route("/tokens/{name}/disable", post(deeds::disable))
        .route("/tokens/{name}/forget", get(deeds::ask_to_forget).post(deeds::forget))
        .route("/tokens/{name}/import", post(deeds::import))
}

/// How long ahead of its expiry a token is refreshed.
pub(super) fn ahead(desk: &Desk) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(desk.config.limits.refresh_ahead_seconds).unwrap_or(0))
}
