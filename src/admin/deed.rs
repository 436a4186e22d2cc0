//! Where a browser goes after a deed: another page, which can be loaded again.

use axum::response::{IntoResponse as _, Redirect, Response};

use super::Desk;
use super::page::Notice;
use super::problem::Problem;
use super::visitor::Visitor;
use super::words::sentence;
use crate::registry::ChangeError;

/// To a page of ours, below the root.
pub(super) fn to(desk: &Desk, path: &str) -> Response {
    Redirect::to(&format!("{}{path}", desk.root())).into_response()
}

/// To a page that tells what became of a change.
pub(super) async fn answer(
    desk: &Desk,
    visitor: &Visitor,
    path: &str,
    result: Result<(), ChangeError>,
    done: &str,
) -> Result<Response, Problem> {
    let notice = match result {
        Ok(()) => Notice::done(done),
        Err(ChangeError::Store(fault)) => return Err(fault.into()),
        Err(error) => Notice::failed(sentence(&error.to_string()), sentence(&error.remedy())),
    };
    visitor.tell(desk, notice).await;
    Ok(to(desk, path))
}
