//! What stands before every page: who may speak to us at all, by which name, from where, and what each answer forbids a
//! browser. It is one layer around the router, so that no page can be without it.
//!
//! A request that changes something has to prove twice that it comes from one of our own pages. Its origin: browsers say in
//! `Sec-Fetch-Site`, or else in `Origin`, where a request comes from, and no page can change that; this also guards the forms
//! of those who are not signed in yet. And the form's own token ([`token`]), which is bound to the session: it holds where a
//! browser or something on the way is silent or wrong about the first. (The cookie is `SameSite=Lax` besides.) Neither is left
//! to a handler, which could forget it. Calls of the API bring a key and no cookie, and need none of this.

pub(super) mod caller;
mod headers;
pub(super) mod host;
mod origin;
mod replicas;
mod token;

pub(super) use caller::Caller;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use tokio::time::timeout;

use super::Desk;
use super::problem::Problem;
use super::sign_in::cookie;
use super::visitor::Visitor;

/// Largest body, in octets: a form, or a key file of a provider.
const BODY: usize = 1024 * 1024;
/// How long it may take to come, and how long an answer may take to begin.
const BODY_PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_mins(2);

/// Around everything.
pub(super) async fn guard(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let host = host::named(request.uri(), request.headers());
    let for_program = is_api(&desk, &request);
    let page = !for_program && *request.method() == Method::GET && is_navigation(request.headers());
    if let Some(place) = host::elsewhere(&desk, host.as_deref(), request.uri()).filter(|_| page) {
        let mut response = Redirect::to(&place).into_response();
        headers::add(&desk, host.as_deref(), response.headers_mut());
        return response;
    }
    let answered = match admitted(&desk, request, host.as_deref(), for_program).await {
        Ok(request) => timeout(PATIENCE, replicas::run(&desk, request, next)).await.map_err(|_| too_slow()),
        Err(problem) => Err(problem),
    };
    let mut response = answered.unwrap_or_else(|problem| problem.answer(&desk, for_program));
    headers::add(&desk, host.as_deref(), response.headers_mut());
    response
}

/// Around every page that is for administrators alone.
pub(super) async fn signed_in(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>() else { return stranger(&desk, &request) };
    if is_safe(request.method()) {
        return next.run(request).await;
    }
    let expected = visitor.csrf.clone();
    let (head, body) = request.into_parts();
    // It has been read, and is in bounds.
    let body = to_bytes(body, BODY).await.unwrap_or_default();
    if token::found(&head.headers, &body).is_some_and(|found| token::is_good(&found, &expected)) {
        return next.run(Request::from_parts(head, body.into())).await;
    }
    let text = "This form is not one of this session: you may have signed in anew since it was opened.";
    Problem::new(StatusCode::FORBIDDEN, "Not done", text, "Open the page again, and send the form from there.")
        .into_response()
}

/// Around every page and the API: what is to be changed is changed in a task of its own. A browser that is closed, or in which
/// a button is pressed twice, does not cut it between the deed and its note in the trail.
pub(super) async fn finished(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) {
        return next.run(request).await;
    }
    let busy = desk.busy.enter();
    let answered = tokio::spawn(async move {
        let _busy = busy;
        next.run(request).await
    });
    answered.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn admitted(desk: &Desk, request: Request, host: Option<&str>, for_program: bool) -> Result<Request, Problem> {
    let (mut head, body) = request.into_parts();
    let caller = caller::find(desk, &head)?;
    host::check(desk, host)?;
    if !for_program {
        if !is_safe(&head.method) {
            origin::check(desk, &head.headers, host)?;
        }
        if let Some(visitor) = visitor(desk, &head, caller).await? {
            replicas::catch_up(desk, &visitor).await?;
            told(desk, &head.method, &head.headers, &visitor).await?;
            head.extensions.insert(visitor);
        }
    }
    head.extensions.insert(caller);
    let body = if is_safe(&head.method) { Body::empty() } else { whole(body).await? };
    Ok(Request::from_parts(head, body))
}

/// A body is here as a whole before anybody acts on it.
async fn whole(body: Body) -> Result<Body, Problem> {
    let read = timeout(BODY_PATIENCE, to_bytes(body, BODY)).await.map_err(|_| too_slow())?;
    let large = || {
        let text = format!("That is more than {BODY} octets, or it broke off on the way.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", text, "Send less at a time.")
    };
    read.map(Body::from).map_err(|_| large())
}

/// Pages look for news by themselves: an open one is nobody who is there, and keeps no session alive.
async fn visitor(desk: &Desk, head: &Parts, caller: Caller) -> Result<Option<Visitor>, Problem> {
    let lines = head.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let Some(secret) = cookie::found(lines) else { return Ok(None) };
    if is_safe(&head.method) && is_by_itself(&head.headers) {
        return Ok(desk.porter.onlooker(secret, caller.ip).await?);
    }
    Ok(desk.porter.visitor(secret, caller.ip).await?)
}

/// A notice is for the next page that somebody sees: not for a picture of it, nor for a script.
async fn told(desk: &Desk, method: &Method, headers: &HeaderMap, visitor: &Visitor) -> Result<(), Problem> {
    if visitor.notice.is_some() && *method == Method::GET && is_navigation(headers) {
        desk.porter.tell(visitor, None).await?;
    }
    Ok(())
}

fn is_navigation(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => {
            headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|text| text.contains("text/html"))
        }
    }
}

/// Asked by a script, where a browser says so.
fn is_by_itself(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-mode") && !is_navigation(headers)
}

/// Sent to sign in, and from there back to where they wanted to go. Scripts are told so in a word.
fn stranger(desk: &Desk, request: &Request) -> Response {
    let root = desk.root();
    if is_by_itself(request.headers()) {
        return (StatusCode::UNAUTHORIZED, "You are not signed in any more; load this page again.").into_response();
    }
    if !is_safe(request.method()) {
        return Redirect::to(&format!("{root}/sign-in?expired=1")).into_response();
    }
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let wanted: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    Redirect::to(&format!("{root}/sign-in?next={wanted}")).into_response()
}

/// Calls of programs, with and without the path prefix.
fn is_api(desk: &Desk, request: &Request) -> bool {
    let path = request.uri().path();
    let own = path.strip_prefix(&desk.root()).unwrap_or(path);
    own.starts_with("/api/") || path.starts_with("/api/")
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn too_slow() -> Problem {
    let text = "It took too long.";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "Too slow", text, "Try again; if it stays so, the log may say why.")
}
