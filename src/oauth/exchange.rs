use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AsyncHttpClient, AuthType, Client, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::answer::{Answer, Refusal};
use super::error::OauthError;
use super::http::{Http, HttpError, Seen};
use crate::clock;
use crate::model::{AccessToken, ClientAuthentication, Granted, Token};

/// The oauth2 crate's client with our answers and a token endpoint.
type TokenClient = Client<
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

/// What a life that the provider does not tell is taken for.
const UNTOLD: TimeDelta = TimeDelta::hours(1);
/// The longest life that is believed.
const LONGEST: TimeDelta = TimeDelta::days(365);

/// Requests a token: with a refresh token (RFC 6749, 6), or without one by client credentials (4.4).
pub async fn exchange(http: &Http, token: &Token, refresh: Option<&SecretString>) -> Result<Granted, OauthError> {
    let now = clock::now();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let send = Watched { http: http.clone(), seen: Arc::clone(&seen), now };
    let client = client(token);
    let scopes = token.scopes.iter().cloned().map(Scope::new);
    let answer = match refresh {
        Some(refresh) => {
            let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
            // Microsoft picks the resource by them; others take any part of what was granted.
            client.exchange_refresh_token(&refresh).add_scopes(scopes).request_async(&send).await
        }
        None => client.exchange_client_credentials().add_scopes(scopes).request_async(&send).await,
    };
    let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
    let host = token.provider.token_url.host_str().unwrap_or_default();
    let answer = answer.map_err(|error| failed(host, &error, seen))?;
    if answer.access_token().secret().is_empty() {
        return Err(OauthError::unanswered(host, "answered without an access token", seen));
    }
    Ok(granted(&answer, now))
}

/// The HTTP client as the oauth2 crate wants it, which also notes what the crate does not hand on.
struct Watched {
    http: Http,
    seen: Arc<Mutex<Seen>>,
    now: DateTime<Utc>,
}

impl<'c> AsyncHttpClient<'c> for Watched {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.http.send(request, &self.seen, self.now))
    }
}

fn client(token: &Token) -> TokenClient {
    let client = Client::new(ClientId::new(token.client_id.clone()))
        .set_token_uri(TokenUrl::from_url(token.provider.token_url.clone()));
    let secret = |secret: &SecretString| ClientSecret::new(secret.expose_secret().to_owned());
    match &token.client_authentication {
        ClientAuthentication::Public => client.set_auth_type(AuthType::RequestBody),
        ClientAuthentication::SecretPost(post) => {
            client.set_auth_type(AuthType::RequestBody).set_client_secret(secret(post))
        }
        ClientAuthentication::SecretBasic(basic) => {
            client.set_auth_type(AuthType::BasicAuth).set_client_secret(secret(basic))
        }
    }
}

fn granted(answer: &Answer, now: DateTime<Utc>) -> Granted {
    let told = answer.expires_in().and_then(|life| TimeDelta::from_std(life).ok());
    let life = told.unwrap_or(UNTOLD).min(LONGEST);
    Granted {
        access: AccessToken::new(answer.access_token().secret().clone().into(), now + life),
        refresh: answer.refresh_token().map(|refresh| refresh.secret().clone().into()),
        scopes: answer.granted.clone(),
    }
}

/// The body that could not be read may hold tokens: it is dropped unseen.
fn failed(host: &str, error: &RequestTokenError<HttpError, Refusal>, seen: Seen) -> OauthError {
    match error {
        RequestTokenError::ServerResponse(refusal) => OauthError::refused(host, refusal, seen),
        RequestTokenError::Request(error) => OauthError::unanswered(host, &format!("did not answer: {error}"), seen),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            OauthError::unanswered(host, "sent something that is no token answer", seen)
        }
    }
}
