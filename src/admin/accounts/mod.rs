//! Accounts: who may log in here, with which passwords, and what is typed into a mail program.

pub(super) mod address;
mod list;
mod servers;
mod show;
#[cfg(test)]
mod tests;
pub(super) mod view;

use axum::Router;
use axum::routing::get;

use super::Desk;

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/accounts", get(list::list)).route("/accounts/{name}", get(show::show))
}
