use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use oauth2::basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AsyncHttpClient, AuthType, Client, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RequestTokenError, StandardRevocableToken, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::answer::{Answer, Refusal};
use super::error::OauthError;
use super::http::{Http, HttpError, Seen};
use crate::model::{ClientAuthentication, Token};

/// The oauth2 crate's client with our answers and a token endpoint.
pub(super) type TokenClient = Client<
    Refusal,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The HTTP client as the oauth2 crate wants it, which also notes what the crate does not hand on.
pub(super) struct Watched {
    http: Http,
    seen: Mutex<Seen>,
    now: DateTime<Utc>,
}

impl Watched {
    pub(super) fn new(http: &Http, now: DateTime<Utc>) -> Self {
        Self { http: http.clone(), seen: Mutex::default(), now }
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Watched {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { Ok(presented(self.http.send(request, &self.seen, self.now).await?)) })
    }
}

/// An answer as the oauth2 crate wants it, which reads tokens from nothing but a 200 that calls itself JSON, and errors from
/// anything else. What holds tokens is an answer, whatever its head says: a rotated refresh token must not be thrown away.
fn presented(mut answer: HttpResponse) -> HttpResponse {
    let holds_tokens = serde_json::from_slice::<Answer>(answer.body()).is_ok();
    if answer.status().is_success() {
        *answer.status_mut() = if holds_tokens { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    }
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A client that proves itself by its secret, or not here: an assertion is a parameter of the request.
pub(super) fn client(token: &Token, url: &Url) -> TokenClient {
    let client = Client::new(ClientId::new(token.client_id.clone())).set_token_uri(TokenUrl::from_url(url.clone()));
    let secret = |secret: &SecretString| ClientSecret::new(secret.expose_secret().to_owned());
    match &token.client_authentication {
        ClientAuthentication::SecretPost(post) => {
            client.set_auth_type(AuthType::RequestBody).set_client_secret(secret(post))
        }
        ClientAuthentication::SecretBasic(basic) => {
            client.set_auth_type(AuthType::BasicAuth).set_client_secret(secret(basic))
        }
        ClientAuthentication::Public
        | ClientAuthentication::Certificate(_)
        | ClientAuthentication::AssertionFile(_)
        | ClientAuthentication::ManagedIdentity(_) => client.set_auth_type(AuthType::RequestBody),
    }
}

/// The body that could not be read may hold tokens: it is dropped unseen.
pub(super) fn failed(url: &Url, error: &RequestTokenError<HttpError, Refusal>, seen: Seen) -> OauthError {
    let host = url.host_str().unwrap_or_default();
    match error {
        RequestTokenError::ServerResponse(refusal) => OauthError::refused(host, refusal, seen),
        RequestTokenError::Request(error) => OauthError::unanswered(host, &format!("did not answer: {error}"), seen),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => OauthError::strange(url, seen),
    }
}
