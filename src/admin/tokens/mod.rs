//! Tokens: what they are, how they are, and every change of them.

pub(super) mod address;
mod deeds;
mod facts;
mod list;
mod show;
pub(super) mod state;
#[cfg(test)]
mod tests;
pub(super) mod words;

use axum::Router;
use axum::routing::{get, post};
use chrono::TimeDelta;

use super::Desk;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/tokens", get(list::list))
        .route("/tokens/{name}", get(show::show))
        .route("/tokens/{name}/forget", get(deeds::ask_to_forget).post(deeds::forget))
        .route("/tokens/{name}/import", post(deeds::import))
}

/// How long ahead of its expiry a token is refreshed.
pub(super) fn ahead(desk: &Desk) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(desk.config.limits.refresh_ahead_seconds).unwrap_or(0))
}
