//! Accounts: who may log in here, with which passwords, and what is typed into a mail program.

mod add;
pub(super) mod address;
mod deeds;
mod draft;
mod edit;
mod form;
mod fresh;
mod list;
mod password;
mod passwords;
mod servers;
mod show;
#[cfg(test)]
mod tests;
pub(super) mod view;

use axum::routing::{get, post};
use axum::{Extension, Router};

use self::fresh::Fresh;
use super::Desk;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/accounts", get(list::list))
        .route("/accounts/add", get(add::form).post(add::add))
        .route("/accounts/add/check", post(add::check))
        .route("/accounts/{name}", get(show::show))
        .route("/accounts/{name}/edit", get(edit::form).post(edit::save))
        .route("/accounts/{name}/edit/check", post(edit::check))
        .route("/accounts/{name}/disable", post(deeds::disable))
        .route("/accounts/{name}/enable", post(deeds::enable))
        .route("/accounts/{name}/remove", get(deeds::ask).post(deeds::remove))
        .route("/accounts/{name}/password", get(passwords::show_once))
        .route("/accounts/{name}/passwords/add", get(passwords::form).post(passwords::give))
        .route("/accounts/{name}/passwords/revoke", get(passwords::ask).post(passwords::revoke))
        .layer(Extension(Fresh::default()))
}
