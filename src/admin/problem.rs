//! What goes wrong with a request becomes a page that says what to do.

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Desk;
use super::page::{Page, shown};
use super::visitor::Visitor;

/// Why a page cannot be shown, or a deed not be done. A handler returns it as its error.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) title: String,
    /// One or two sentences.
    pub(super) text: String,
    /// What to do; may be empty.
    pub(super) next: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    page: Page,
    text: &'a str,
    next: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, title: &str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { status, title: title.to_owned(), text: text.into(), next: next.into() }
    }

    /// There is no such thing (any more).
    pub(super) fn missing(what: &str, name: &str) -> Self {
        let text = format!("There is no {what} {name:?}. Somebody may have removed it meanwhile.");
        Self::new(StatusCode::NOT_FOUND, "Not found", text, "Choose one from the list.")
    }

    /// What stands in a file is changed there.
    pub(super) fn in_file(what: &str, name: &str, place: &str) -> Self {
        let text = format!("The {what} {name:?} is declared in {place}. Files are changed by people, not by pages.");
        Self::new(StatusCode::CONFLICT, "Declared in a file", text, "Edit that place, and run `gatepost reload`.")
    }

    fn of_status(status: StatusCode) -> Option<Self> {
        let (title, text) = match status {
            StatusCode::NOT_FOUND => ("Not found", "There is no page at this address."),
            StatusCode::METHOD_NOT_ALLOWED => ("Not here", "This address does not take such a request."),
            StatusCode::PAYLOAD_TOO_LARGE => ("Too large", "That is more than this page takes."),
            StatusCode::REQUEST_TIMEOUT => ("Too slow", "The request took too long."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
                ("Not understood", "The form did not come as it should.")
            }
            _ => return None,
        };
        Some(Self::new(status, title, text, "Go back to the overview and begin again."))
    }
}

/// The store cannot be read or written now.
impl From<crate::store::StoreError> for Problem {
    fn from(fault: crate::store::StoreError) -> Self {
        tracing::error!(error = %fault, "store.failed");
        let next = "Nothing was changed. Mend that, and load this page again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The store does not answer", fault.to_string(), next)
    }
}

/// The page is made by [`explain`], which knows the frame.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns problems, and what the router itself refuses, into pages. What has a body of its own stays as it is.
pub(super) async fn explain(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let for_program = request.uri().path().contains("/api/");
    let response = next.run(request).await;
    let own = response.extensions().get::<Problem>().cloned();
    let is_page = response.headers().contains_key("content-type") && !is_text(&response);
    let known = own.or_else(|| Problem::of_status(response.status()).filter(|_| !is_page));
    match known {
        Some(problem) if !for_program => problem.page(&desk, visitor.as_ref()),
        _ => response,
    }
}

fn is_text(response: &Response) -> bool {
    response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

impl Problem {
    /// As a page, or for a program.
    pub(super) fn answer(&self, desk: &Desk, for_program: bool) -> Response {
        if for_program {
            return (self.status, Json(json!({ "error": self.text, "remedy": self.next }))).into_response();
        }
        self.page(desk, None)
    }

    fn page(&self, desk: &Desk, visitor: Option<&Visitor>) -> Response {
        let page = match visitor {
            Some(visitor) => visitor.frame(desk, &self.title),
            None => Page::open(desk.root(), &self.title),
        };
        shown(self.status, &ProblemPage { page, text: &self.text, next: &self.next })
    }
}
