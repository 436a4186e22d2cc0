//! The identity of a cloud machine (learn.microsoft.com: "How managed identities for Azure resources work", App Service).

use chrono::{DateTime, Utc};
use oauth2::TokenResponse as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::answer::Answer;
use super::error::OauthError;
use super::http::Http;
use crate::model::{ManagedIdentity, Token};

/// An access token for the resource of the token's scopes.
pub(super) async fn token(
    http: &Http,
    token: &Token,
    machine: &ManagedIdentity,
    now: DateTime<Utc>,
) -> Result<Answer, OauthError> {
    let scope = token.scopes.first().map_or("https://outlook.office365.com/.default", String::as_str);
    ask(http, machine, scope.trim_end_matches("/.default"), now).await
}

/// An assertion for an app that trusts this machine.
pub(super) async fn assertion(
    http: &Http,
    machine: &ManagedIdentity,
    audience: &str,
    now: DateTime<Utc>,
) -> Result<SecretString, OauthError> {
    let answer = ask(http, machine, audience, now).await?;
    Ok(answer.access_token().secret().as_str().into())
}

async fn ask(http: &Http, machine: &ManagedIdentity, resource: &str, now: DateTime<Utc>) -> Result<Answer, OauthError> {
    let url = address(machine, resource);
    let header =
        machine.header.as_ref().map_or(("metadata", "true"), |header| ("x-identity-header", header.expose_secret()));
    http.get(&url, &[header], now).await
}

fn address(machine: &ManagedIdentity, resource: &str) -> Url {
    let mut url = machine.endpoint.clone();
    let version = if machine.header.is_some() { "2019-08-01" } else { "2018-02-01" };
    url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
    if let Some(identity) = &machine.identity {
        url.query_pairs_mut().append_pair("client_id", identity);
    }
    url
}
