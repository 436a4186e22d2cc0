//! The device authorization flow (RFC 8628).

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::answer::{Answer, seconds};
use super::assertion;
use super::discover;
use super::error::OauthError;
use super::exchange::granted;
use super::http::{Form, Http};
use crate::clock;
use crate::model::{ClientAuthentication, Granted, Token, TroubleClass};

/// What the person has to do elsewhere, and what is polled meanwhile.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What to enter.
    pub user_code: String,
    /// Where.
    pub verification_url: String,
    /// The same with the code in it, where the provider has one.
    pub complete_url: Option<String>,
    /// How long the code is good.
    pub life: Duration,
    secret: SecretString,
    interval: Duration,
}

#[derive(Deserialize)]
struct Begun {
    device_code: SecretString,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    interval: Option<u64>,
}

/// What a code lives that does not say so, and what it may live at most, in seconds.
const LIFE: (u64, u64) = (900, 1800);
/// RFC 8628, 3.2: seconds between polls where the provider does not say.
const INTERVAL: u64 = 5;
/// RFC 8628, 3.5: what `slow_down` adds.
const SLOWER: Duration = Duration::from_secs(5);

/// Asks for a code.
pub async fn device_code(http: &Http, token: &Token) -> Result<DeviceCode, OauthError> {
    let now = clock::now();
    let url = discover::device_url(http, &token.provider, now).await?;
    let form = Form::new().with("client_id", &token.client_id).with("scope", &super::authorize::scopes(token));
    // Keycloak and others want to know the client here, too.
    let form = if let ClientAuthentication::SecretPost(secret) = &token.client_authentication {
        form.secret("client_secret", secret)
    } else {
        form
    };
    let begun: Begun = http.post(&url, form, now).await?;
    Ok(DeviceCode {
        user_code: super::error::printable(&begun.user_code, 60),
        verification_url: super::error::printable(&begun.verification_uri, 200),
        complete_url: begun.verification_uri_complete.filter(|url| url.parse::<Url>().is_ok() && url.len() < 400),
        life: Duration::from_secs(begun.expires_in.unwrap_or(LIFE.0).min(LIFE.1)),
        secret: begun.device_code,
        interval: Duration::from_secs(begun.interval.unwrap_or(INTERVAL).clamp(1, 60)),
    })
}

/// Polls until the person is done, or the code has run out. Can be dropped at any time between two polls.
pub async fn device_grant(http: &Http, token: &Token, code: &DeviceCode) -> Result<Granted, OauthError> {
    let end = Instant::now() + code.life;
    let mut interval = code.interval;
    let mut next = Instant::now() + interval;
    loop {
        if next >= end {
            let said = "was not entered in time";
            return Err(OauthError::unprepared(
                "the code",
                said,
                &format!("run `gatepost token authorize {}` again", token.name),
            )
            .ended());
        }
        sleep_until(next).await;
        match poll(http, token, code).await {
            Ok(granted) => return Ok(granted),
            Err(error) => match error.code.as_deref() {
                Some("authorization_pending") => {}
                Some("slow_down") => interval += SLOWER,
                // RFC 8628, 3.5: back off where nobody answers.
                _ if error.class == TroubleClass::Transient => {
                    interval = (interval * 2).min(Duration::from_mins(1)).max(error.retry_after.unwrap_or_default());
                }
                _ => return Err(error.ended()),
            },
        }
        next = Instant::now() + interval;
    }
}

async fn poll(http: &Http, token: &Token, code: &DeviceCode) -> Result<Granted, OauthError> {
    let now = clock::now();
    let url = discover::token_url(http, &token.provider, now).await?;
    let mut form = Form::new()
        .with("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
        .with("client_id", &token.client_id)
        .secret("device_code", &code.secret);
    match &token.client_authentication {
        ClientAuthentication::SecretPost(secret) | ClientAuthentication::SecretBasic(secret) => {
            form = form.secret("client_secret", secret);
        }
        _ => {
            let proof = assertion::proof(http, token, &url, now).await?;
            for (name, value) in proof.iter().flat_map(assertion::Proof::parameters) {
                form = form.secret(name, &value);
            }
        }
    }
    let answer = http.post::<Answer>(&url, form, now).await?;
    Ok(granted(token, &answer, now))
}
