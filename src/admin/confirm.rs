use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::page::{Page, shown};

/// Asks before something is done that cannot be undone.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    page: Page,
    text: String,
    action: String,
    hidden: Vec<(&'static str, String)>,
    button: &'static str,
    back: String,
}

/// The page's title is the question; `action` and `back` are addresses below the root.
pub(super) fn confirm(page: Page, text: String, button: &'static str, action: String, back: String) -> Response {
    shown(StatusCode::OK, &Confirm { page, text, action, hidden: Vec::new(), button, back })
}

/// The same of something that stands in the form and not in the address.
pub(super) fn confirm_one(
    page: Page,
    text: String,
    button: &'static str,
    one: (&'static str, String),
    (action, back): (&str, &str),
) -> Response {
    let (action, back) = (action.to_owned(), back.to_owned());
    shown(StatusCode::OK, &Confirm { page, text, action, hidden: vec![one], button, back })
}
