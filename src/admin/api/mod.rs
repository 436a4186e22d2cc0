//! The JSON API: the same as the pages, for programs. `openapi.json` says what it takes and answers; a test holds the two
//! together.
//!
//! A program brings a key in `Authorization: Bearer gpk_…`. A cookie is nothing here, so that no page of elsewhere can have a
//! browser call it. Every refusal is `{"error": …, "remedy": …}`.

mod accounts;
mod authorizations;
mod caller;
mod examinations;
mod refusal;
mod sessions;
#[cfg(test)]
mod tests;
mod tokens;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

use self::refusal::Refusal;
use super::Desk;
use super::keys::Scope;

/// What the API is.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn routes(desk: &Desk) -> Router<Desk> {
    let read = Router::new()
        .route("/tokens", get(tokens::list))
        .route("/tokens/{name}", get(tokens::show))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{name}", get(accounts::show))
        .route("/sessions", get(sessions::list))
        .route("/events", get(sessions::events));
    let authorize = Router::new()
        .route("/tokens/{name}/authorizations", post(authorizations::begin))
        .route("/authorizations/{id}", get(authorizations::show).delete(authorizations::cancel))
        .route("/authorizations/{id}/answer", post(authorizations::answer));
    let test = Router::new()
        .route("/tokens/{name}/refresh", post(tokens::refresh))
        .route("/accounts/{name}/test", post(examinations::begin))
        .route("/tests/{id}", get(examinations::show));
    let manage = Router::new()
        .route("/tokens/{name}/disable", post(tokens::disable))
        .route("/tokens/{name}/enable", post(tokens::enable))
        .route("/accounts/{name}/disable", post(accounts::disable))
        .route("/accounts/{name}/enable", post(accounts::enable))
        .route("/sessions/{id}", delete(sessions::end));
    let groups = [(Scope::Read, read), (Scope::Authorize, authorize), (Scope::Test, test), (Scope::Manage, manage)];
    let all = groups.into_iter().fold(Router::new(), |all, (scope, group)| {
        all.merge(group.route_layer(from_fn_with_state((desk.clone(), scope), caller::keyed)))
    });
    let api = all.fallback(nowhere).method_not_allowed_fallback(not_so).layer(map_response(refusal::as_json));
    Router::new().nest("/api/v1", api).route("/api/openapi.json", get(document))
}

/// It is no secret what the API is.
async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn nowhere() -> Refusal {
    Refusal::missing("there is nothing at this address", "look it up in /api/openapi.json")
}

async fn not_so() -> Refusal {
    Refusal::not_so("this address takes no such method", "look it up in /api/openapi.json")
}
