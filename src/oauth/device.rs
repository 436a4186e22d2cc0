//! The device authorization flow (RFC 8628).

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::answer::{Answer, seconds};
use super::assertion;
use super::discover;
use super::error::{OauthError, printable};
use super::exchange::{granted, own_secrets};
use super::form::Form;
use super::http::Http;
use crate::clock;
use crate::model::{ClientAuthentication, Family, Granted, Token, TroubleClass};

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
    /// What is polled with.
    pub secret: SecretString,
    /// How long to wait before the next poll.
    pub interval: Duration,
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
/// The longest that is waited of one's own accord.
const SLOWEST: Duration = Duration::from_mins(1);

/// Asks for a code.
pub async fn device_code(http: &Http, token: &Token) -> Result<DeviceCode, OauthError> {
    begun(http, token).await.map_err(|refusal| refusal.without(&own_secrets(token)))
}

async fn begun(http: &Http, token: &Token) -> Result<DeviceCode, OauthError> {
    let now = clock::now();
    let url = discover::device_url(http, &token.provider, now).await?;
    let form = Form::new().with("client_id", &token.client_id).with("scope", &super::authorize::scopes(token));
    // RFC 8628, 3.1: a client that has something to prove itself by does so here, too. Microsoft documents nothing but these two.
    let form = match token.provider.family {
        Family::Microsoft => form,
        Family::Google | Family::Other => proved(http, token, form, now).await?,
    };
    let own_words = token.provider.family == Family::Microsoft;
    let asked = http.post::<Begun>(&url, form, now).await.map_err(|refusal| refusal.of_setting("device_url"));
    let begun = asked.map_err(|refusal| if own_words { refusal } else { refusal.of_device() })?;
    let complete = begun.verification_uri_complete.and_then(|url| url.parse::<Url>().ok());
    Ok(DeviceCode {
        user_code: printable(&begun.user_code, 60),
        verification_url: printable(&begun.verification_uri, 200),
        // As it was parsed, it holds nothing that a terminal obeys.
        complete_url: complete.map(String::from).filter(|url| url.len() < 400),
        life: Duration::from_secs(begun.expires_in.unwrap_or(LIFE.0).min(LIFE.1)),
        secret: begun.device_code,
        interval: Duration::from_secs(begun.interval.unwrap_or(INTERVAL).clamp(1, 60)),
    })
}

/// Polls until the person is done, or the code has run out. Can be dropped at any time between two polls.
pub async fn device_grant(http: &Http, token: &Token, code: &DeviceCode) -> Result<Granted, OauthError> {
    let end = Instant::now() + code.life;
    let mut code = code.clone();
    loop {
        let next = Instant::now() + code.interval;
        if next >= end {
            return Err(DeviceCode::ended(&token.name));
        }
        sleep_until(next).await;
        if let Some(granted) = code.poll(http, token).await? {
            return Ok(granted);
        }
    }
}

impl DeviceCode {
    /// Asks once whether the person is done. If not yet, the interval says how long to wait before the next time; an error is
    /// the end of the code.
    pub async fn poll(&mut self, http: &Http, token: &Token) -> Result<Option<Granted>, OauthError> {
        let error = match poll(http, token, self).await {
            Ok(granted) => return Ok(Some(granted)),
            Err(error) => error,
        };
        match error.code.as_deref() {
            Some("authorization_pending") => {}
            Some("slow_down") => self.interval += SLOWER,
            // RFC 8628, 3.5: back off where nobody answers.
            _ if error.class == TroubleClass::Transient => {
                let slower = (self.interval * 2).min(SLOWEST);
                self.interval = slower.max(error.retry_after.unwrap_or_default());
            }
            _ => return Err(error.ended()),
        }
        Ok(None)
    }

    /// The code has run out.
    #[must_use]
    pub fn ended(token: &str) -> OauthError {
        let remedy = format!("run `gatepost token authorize {token}` again");
        OauthError::unprepared("the code", "was not entered in time", &remedy).ended()
    }
}

async fn poll(http: &Http, token: &Token, code: &DeviceCode) -> Result<Granted, OauthError> {
    let mut secrets = own_secrets(token);
    secrets.push(&code.secret);
    polled(http, token, code).await.map_err(|refusal| refusal.without(&secrets))
}

async fn polled(http: &Http, token: &Token, code: &DeviceCode) -> Result<Granted, OauthError> {
    let now = clock::now();
    let url = discover::token_url(http, &token.provider, now).await?;
    let form = Form::new()
        .with("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
        .with("client_id", &token.client_id)
        .secret("device_code", &code.secret);
    let wishes = &token.provider.manners.token_parameters;
    let form = wishes.iter().fold(form, |form, (name, value)| form.with(name, value));
    let answer = http.post::<Answer>(&url, proved(http, token, form, now).await?, now).await?;
    Ok(granted(token, &answer, now))
}

/// The form with what its client proves itself by.
async fn proved(http: &Http, token: &Token, form: Form, now: DateTime<Utc>) -> Result<Form, OauthError> {
    match &token.client_authentication {
        ClientAuthentication::SecretPost(secret) => Ok(form.secret("client_secret", secret)),
        ClientAuthentication::SecretBasic(secret) => Ok(form.basic(&token.client_id, secret)),
        _ => {
            let audience = discover::token_url(http, &token.provider, now).await?;
            let proof = assertion::proof(http, token, &audience, now).await?;
            let parameters = proof.iter().flat_map(assertion::Proof::parameters);
            Ok(parameters.fold(form, |form, (name, value)| form.secret(name, &value)))
        }
    }
}
