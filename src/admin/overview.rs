//! At a glance: whether all mail is flowing.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::Desk;
use super::page::{Page, Section, shown};
use super::visitor::Visitor;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    page: Page,
}

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/", get(overview))
}

async fn overview(State(desk): State<Desk>, visitor: Visitor) -> Response {
    let page = visitor.page(&desk, Section::Overview, "Overview");
    shown(StatusCode::OK, &Overview { page })
}
