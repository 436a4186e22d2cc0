//! A load balancer may bring each request to another replica. What one of them has changed is news to the others, which may be
//! under way for a moment: whoever has changed something does not see it as it was.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tracing::warn;

use super::super::Desk;
use super::super::visitor::Visitor;
use super::BODY;
use crate::store::StoreError;

/// Who is told something has changed something just now, perhaps elsewhere.
pub(super) async fn catch_up(desk: &Desk, visitor: &Visitor) -> Result<(), StoreError> {
    if visitor.notice.is_some() && desk.store.is_shared() {
        desk.registry.look().await?;
    }
    Ok(())
}

/// What is not found here may have been made elsewhere a moment ago: nothing was done, and it is tried again where there is news.
pub(super) async fn run(desk: &Desk, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if !desk.store.is_shared() || !is_known(&head) {
        return next.run(Request::from_parts(head, body)).await;
    }
    // It has been read, and is in bounds.
    let body = to_bytes(body, BODY).await.unwrap_or_default();
    let again = Request::from_parts(head.clone(), Body::from(body.clone()));
    let response = next.clone().run(Request::from_parts(head, body.into())).await;
    if response.status() == StatusCode::NOT_FOUND && there_is_news(desk).await {
        return next.run(again).await;
    }
    response
}

/// Strangers make nobody read the store.
fn is_known(head: &Parts) -> bool {
    head.extensions.get::<Visitor>().is_some() || head.headers.contains_key(AUTHORIZATION)
}

async fn there_is_news(desk: &Desk) -> bool {
    let before = desk.registry.declared();
    if let Err(fault) = desk.registry.look().await {
        warn!(error = %fault, "store.failed");
    }
    !Arc::ptr_eq(&before, &desk.registry.declared())
}
