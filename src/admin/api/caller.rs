use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::super::Desk;
use super::super::guard::Caller;
use super::super::keys::{ApiKey, Scope};
use super::refusal::Refusal;
use crate::clock;
use crate::registry::Actor;

/// Lets a program on whose key may do this; a handler finds the [`Actor`] beside the request.
pub(super) async fn keyed(
    State((desk, scope)): State<(Desk, Scope)>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let brought = request.headers().get(AUTHORIZATION).cloned();
    match admitted(&desk, scope, brought).await {
        Ok(key) => {
            request.extensions_mut().insert(Actor { who: format!("key {}", key.name), from: caller.ip.to_string() });
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn admitted(desk: &Desk, scope: Scope, brought: Option<HeaderValue>) -> Result<ApiKey, Refusal> {
    const MAKE: &str = "make one on the page \"API keys\" or with `gatepost admin key add`, and send it as \
                        `Authorization: Bearer gpk_…`";
    let unknown = |error: &str| Refusal::new(StatusCode::UNAUTHORIZED, error, MAKE);
    let header = brought.ok_or_else(|| unknown("a key is wanted"))?;
    let secret = header.to_str().ok().and_then(|text| text.split_once(' '));
    let secret = secret.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, secret)| secret.trim());
    let key = desk.ring.find(secret.unwrap_or_default(), clock::now()).await?;
    let key = key.ok_or_else(|| unknown("this is no key, or it was removed, or it has ended"))?;
    if key.may(scope) {
        return Ok(key);
    }
    let error = format!("the key {:?} has not the scope {scope:?}", key.name, scope = scope.name());
    Err(Refusal::new(StatusCode::FORBIDDEN, error, "use a key that has it, or make one"))
}
