use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::page::{Notice, Page, Section};
use super::{Desk, replicas};
use crate::registry::Actor;

/// The administrator who is signed in. A handler that takes one is closed to everybody else.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Names the session for logs and for what is bound to it; no secret.
    pub(super) id: String,
    /// Where from.
    pub(super) from: String,
    /// Goes into every form.
    pub(super) csrf: String,
    /// What the next page tells.
    pub(super) notice: Option<Notice>,
}

impl Visitor {
    /// The frame of a page of a section.
    pub(super) fn page(&self, desk: &Desk, here: Section, title: impl Into<String>) -> Page {
        Page { here: Some(here), ..self.frame(desk, title) }
    }

    /// Who does what is done, for the trail.
    pub(super) fn actor(&self) -> Actor {
        Actor { who: "administrator".to_owned(), from: self.from.clone() }
    }

    /// Has the next page tell something. What cannot be kept is lost, and no harm.
    pub(super) async fn tell(&self, desk: &Desk, notice: Notice) {
        if let Err(fault) = desk.porter.tell(self, Some(notice)).await {
            tracing::warn!(error = %fault, "store.failed");
        }
    }

    /// The frame of a page that belongs to no section.
    pub(super) fn frame(&self, desk: &Desk, title: impl Into<String>) -> Page {
        let page = Page::open(desk.root(), title);
        Page {
            csrf: self.csrf.clone(),
            has_own_password: desk.porter.changeable().is_ok(),
            notice: self.notice.clone(),
            host: replicas::own(desk)
                .map_or_else(|| desk.hostname.to_string(), |name| format!("{}, replica {name}", desk.hostname)),
            ..page
        }
    }
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Response;

    /// Who it is has been found out before the router; a stranger is sent to sign in, and then back here.
    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Redirect::to(&format!("{}/sign-in", desk.root())).into_response())
    }
}

impl OptionalFromRequestParts<Desk> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
