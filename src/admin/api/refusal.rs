use axum::Json;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::consent::ConsentError;
use crate::doctor::Crowded;
use crate::registry::ChangeError;
use crate::store::StoreError;
use crate::token::TokenError;

/// What a program hears instead: what is wrong, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
    remedy: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, error: error.into(), remedy: remedy.into() }
    }

    pub(super) fn missing(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, remedy)
    }

    pub(super) fn not_so(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error, remedy)
    }

    pub(super) fn malformed(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error, remedy)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error, remedy } = self;
        let mut response = (status, Json(json!({ "error": error, "remedy": remedy }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What the router or an extractor refuses, as everything else is refused.
pub(super) async fn as_json(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
    let status = response.status();
    if kind.starts_with(b"application/json") || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    Refusal::new(status, "the request is none that is understood here", "look it up in /api/openapi.json")
        .into_response()
}

impl From<StoreError> for Refusal {
    fn from(fault: StoreError) -> Self {
        tracing::error!(error = %fault, "store.failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, fault.to_string(), "mend that, and try again")
    }
}

impl From<ChangeError> for Refusal {
    fn from(fault: ChangeError) -> Self {
        let status = match &fault {
            ChangeError::Store(fault) => return fault.clone().into(),
            ChangeError::Unknown { .. } => StatusCode::NOT_FOUND,
            ChangeError::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, fault.to_string(), fault.remedy())
    }
}

impl From<ConsentError> for Refusal {
    fn from(fault: ConsentError) -> Self {
        let status = match &fault {
            ConsentError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            ConsentError::Unknown => StatusCode::NOT_FOUND,
            ConsentError::Refused(..) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, fault.to_string(), fault.remedy())
    }
}

impl From<Crowded> for Refusal {
    fn from(fault: Crowded) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, fault.to_string(), "ask again in a minute")
    }
}

/// A refresh that did not come to anything.
impl From<TokenError> for Refusal {
    fn from(fault: TokenError) -> Self {
        let said = fault.to_string();
        let status = match fault {
            TokenError::Store(fault) => return fault.into(),
            TokenError::Unknown(_) => StatusCode::NOT_FOUND,
            TokenError::Unavailable { .. } | TokenError::Timeout { .. } => StatusCode::BAD_GATEWAY,
            TokenError::Disabled(_)
            | TokenError::Empty { .. }
            | TokenError::Moved { .. }
            | TokenError::NeedsAuthorization { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, said, "look at the token's `remedy`, or run the test of an account that uses it")
    }
}
