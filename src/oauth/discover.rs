//! Where a provider's endpoints are: as configured, else as its issuer says (OpenID Connect Discovery 1.0; RFC 8414).

use std::sync::PoisonError;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

use super::error::OauthError;
use super::http::Http;
use crate::model::{OauthUrls, Provider};

/// What an issuer said of itself.
#[derive(Clone, Debug)]
pub(super) struct Found {
    metadata: Metadata,
    at: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<Url>,
    token_endpoint: Option<Url>,
    device_authorization_endpoint: Option<Url>,
}

/// For how long it is believed.
const BELIEVED: TimeDelta = TimeDelta::hours(24);

pub(super) async fn token_url(http: &Http, provider: &Provider, now: DateTime<Utc>) -> Result<Url, OauthError> {
    match &provider.oauth.token {
        Some(url) => Ok(url.clone()),
        None => endpoint(http, provider, now, "token_url", |found| found.token_endpoint).await,
    }
}

pub(super) async fn authorization_url(http: &Http, provider: &Provider, now: DateTime<Utc>) -> Result<Url, OauthError> {
    match &provider.oauth.authorization {
        Some(url) => Ok(url.clone()),
        None => endpoint(http, provider, now, "authorization_url", |found| found.authorization_endpoint).await,
    }
}

pub(super) async fn device_url(http: &Http, provider: &Provider, now: DateTime<Utc>) -> Result<Url, OauthError> {
    match &provider.oauth.device {
        Some(url) => Ok(url.clone()),
        None => endpoint(http, provider, now, "device_url", |found| found.device_authorization_endpoint).await,
    }
}

async fn endpoint(
    http: &Http,
    provider: &Provider,
    now: DateTime<Utc>,
    setting: &str,
    pick: fn(Metadata) -> Option<Url>,
) -> Result<Url, OauthError> {
    let missing = |culprit: &str, said: &str| {
        let remedy = format!("name it: {setting} of the provider {:?}", provider.name);
        OauthError::unprepared(culprit, said, &remedy)
    };
    let OauthUrls { issuer: Some(issuer), .. } = &provider.oauth else {
        return Err(missing(setting, "is not set"));
    };
    let metadata = metadata(http, issuer, now).await?;
    let url = pick(metadata).ok_or_else(|| missing(issuer.as_str(), &format!("does not say its {setting}")))?;
    if is_safe(&url, issuer) {
        Ok(url)
    } else {
        Err(missing(issuer.as_str(), &format!("names a {setting} without TLS")))
    }
}

/// Never down from TLS.
fn is_safe(url: &Url, issuer: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == issuer.scheme()
}

async fn metadata(http: &Http, issuer: &Url, now: DateTime<Utc>) -> Result<Metadata, OauthError> {
    let known = http.found.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
    if let Some(found) = known.filter(|found| (now - found.at).abs() < BELIEVED) {
        return Ok(found.metadata);
    }
    let metadata = ask(http, issuer, now).await?;
    let found = Found { metadata: metadata.clone(), at: now };
    http.found.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer.clone(), found);
    Ok(metadata)
}

async fn ask(http: &Http, issuer: &Url, now: DateTime<Utc>) -> Result<Metadata, OauthError> {
    let mut refusal = None;
    for url in places(issuer) {
        match http.get::<Metadata>(&url, &[("accept", "application/json")], now).await {
            // A document of someone else must not send secrets there (RFC 8414, 3.3).
            Ok(metadata) if same(&metadata.issuer, issuer) => return Ok(metadata),
            Ok(metadata) => {
                let said = format!("says that its name is {:?}", super::error::printable(&metadata.issuer, 80));
                return Err(OauthError::unprepared(issuer.as_str(), &said, "write `issuer` exactly so"));
            }
            Err(error) => refusal = refusal.or(Some(error.of_setting("issuer"))),
        }
    }
    Err(refusal.unwrap_or_else(|| OauthError::unprepared(issuer.as_str(), "is no issuer", "check `issuer`")))
}

/// A slash at the end is what people differ in.
fn same(told: &str, issuer: &Url) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').to_owned();
    // Microsoft's multi-tenant documents name a template.
    let tenant = issuer.path_segments().and_then(|mut path| path.next()).unwrap_or_default();
    plain(&told.replace("{tenantid}", tenant)) == plain(issuer.as_str())
}

/// OpenID Connect appends the well-known path, RFC 8414 puts it in front; some people write the whole address.
fn places(issuer: &Url) -> Vec<Url> {
    const OPENID: &str = "/.well-known/openid-configuration";
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    vec![at(format!("{path}{OPENID}")), at(format!("{OAUTH}{path}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_standards_are_asked_where_they_say() {
        let places = |issuer: &str| places(&issuer.parse().unwrap()).iter().map(Url::to_string).collect::<Vec<_>>();
        assert_eq!(
            places("https://id.example.com/realms/mail/"),
            [
                "https://id.example.com/realms/mail/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server/realms/mail",
            ]
        );
        assert_eq!(places("https://id.example.com")[0], "https://id.example.com/.well-known/openid-configuration");
    }

    #[test]
    fn a_document_of_someone_else_is_not_believed() {
        let issuer = "https://id.example.com/".parse().unwrap();
        assert!(same("https://id.example.com", &issuer));
        assert!(!same("https://evil.example.com", &issuer));
        let common = "https://login.microsoftonline.com/common/v2.0".parse().unwrap();
        assert!(same("https://login.microsoftonline.com/{tenantid}/v2.0", &common));
        assert!(!same("https://evil.example.com/{tenantid}/v2.0", &common));
    }
}
