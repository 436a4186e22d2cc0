use chrono::{DateTime, TimeDelta, Utc};
use oauth2::{
    AuthorizationCode, PkceCodeVerifier, RedirectUrl, RefreshToken, ResourceOwnerPassword, ResourceOwnerUsername,
    Scope, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::answer::Answer;
use super::assertion::{self, JWT_BEARER, Proof};
use super::claims;
use super::client::{Watched, client, failed};
use super::discover;
use super::error::OauthError;
use super::form::Form;
use super::http::Http;
use super::identity;
use crate::clock;
use crate::model::{AccessToken, ClientAuthentication, Family, Grant, Granted, ServiceAccount, Token};

/// By what a token is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A refresh token (RFC 6749, 6).
    Refresh(&'a SecretString),
    /// The code of a consent (RFC 6749, 4.1.3; RFC 7636).
    Code {
        /// The code.
        code: &'a SecretString,
        /// What proves that the consent was begun here.
        verifier: &'a SecretString,
        /// Where it came back to.
        redirect: &'a Url,
    },
    /// Nothing but what is configured, in the name of this mailbox.
    Own {
        /// Whose mailbox a service account acts for.
        user: &'a str,
    },
}

/// What a life that the provider does not tell is taken for.
const UNTOLD: TimeDelta = TimeDelta::hours(1);
/// The longest life that is believed.
const LONGEST: TimeDelta = TimeDelta::days(365);

/// Requests a token.
pub async fn exchange(http: &Http, token: &Token, ask: Ask<'_>) -> Result<Granted, OauthError> {
    exchanged(http, token, ask).await.map_err(|refusal| refusal.without(&secrets(token, ask)).of_grant(&token.grant))
}

async fn exchanged(http: &Http, token: &Token, ask: Ask<'_>) -> Result<Granted, OauthError> {
    let now = clock::now();
    let answer = match (&token.grant, ask) {
        (Grant::ServiceAccount(account), Ask::Own { user }) => service_account(http, token, account, user, now).await?,
        (Grant::ClientCredentials, _) if token.client_id.is_empty() => match &token.client_authentication {
            ClientAuthentication::ManagedIdentity(machine) => identity::token(http, token, machine, now).await?,
            _ => return Err(OauthError::unprepared("client_id", "is not set", "set client_id")),
        },
        _ => standard(http, token, ask, now).await?,
    };
    Ok(granted(token, &answer, now))
}

/// What goes out with a request and must not come back in a text.
fn secrets<'a>(token: &'a Token, ask: Ask<'a>) -> Vec<&'a SecretString> {
    let mut all = own_secrets(token);
    match ask {
        Ask::Refresh(refresh) => all.push(refresh),
        Ask::Code { code, verifier, .. } => all.extend([code, verifier]),
        Ask::Own { .. } => {}
    }
    all
}

/// The configured ones among them.
pub(super) fn own_secrets(token: &Token) -> Vec<&SecretString> {
    let mut all = Vec::new();
    if let ClientAuthentication::SecretPost(secret) | ClientAuthentication::SecretBasic(secret) =
        &token.client_authentication
    {
        all.push(secret);
    }
    if let Grant::Password(password) = &token.grant {
        all.push(password);
    }
    all
}

/// The grants that the oauth2 crate speaks.
async fn standard(http: &Http, token: &Token, ask: Ask<'_>, now: DateTime<Utc>) -> Result<Answer, OauthError> {
    let url = discover::token_url(http, &token.provider, now).await?;
    let proof = assertion::proof(http, token, &url, now).await?;
    let send = Watched::new(http, now);
    let client = client(token, &url);
    let scopes = || token.scopes.iter().cloned().map(Scope::new);
    let extra = parameters(token, proof.as_ref());
    macro_rules! sent {
        ($request:expr) => {{
            let mut request = $request;
            for (name, value) in &extra {
                request = request.add_extra_param(*name, value.expose_secret());
            }
            request.request_async(&send).await
        }};
    }
    let answer = match (ask, &token.grant) {
        (Ask::Refresh(refresh), _) => {
            let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
            // Microsoft picks the resource by the scopes. Others give what was granted, and may refuse a scope that was not.
            let scopes = scopes().filter(|_| token.provider.family == Family::Microsoft);
            sent!(client.exchange_refresh_token(&refresh).add_scopes(scopes))
        }
        (Ask::Code { code, verifier, redirect }, _) => {
            let code = AuthorizationCode::new(code.expose_secret().to_owned());
            let verifier = PkceCodeVerifier::new(verifier.expose_secret().to_owned());
            let redirect = std::borrow::Cow::Owned(RedirectUrl::from_url(redirect.clone()));
            sent!(client.exchange_code(code).set_pkce_verifier(verifier).set_redirect_uri(redirect))
        }
        (Ask::Own { .. }, Grant::Password(password)) => {
            let user = ResourceOwnerUsername::new(token.mailbox.clone());
            let password = ResourceOwnerPassword::new(password.expose_secret().to_owned());
            sent!(client.exchange_password(&user, &password).add_scopes(scopes()))
        }
        (Ask::Own { .. }, _) => sent!(client.exchange_client_credentials().add_scopes(scopes())),
    };
    answer.map_err(|error| failed(&url, &error, send.seen()).of_setting("token_url"))
}

/// What goes with every request: the provider's own wishes, and the client's assertion.
fn parameters<'t>(token: &'t Token, proof: Option<&Proof>) -> Vec<(&'t str, SecretString)> {
    let wishes = token.provider.manners.token_parameters.iter();
    let mut all: Vec<(&'t str, SecretString)> = Vec::new();
    for (name, value) in wishes {
        all.push((name, value.as_str().into()));
    }
    for (name, value) in proof.into_iter().flat_map(Proof::parameters) {
        all.push((name, value));
    }
    all
}

/// RFC 7523, 2.1. The crate would send `grant_type` twice.
async fn service_account(
    http: &Http,
    token: &Token,
    account: &ServiceAccount,
    user: &str,
    now: DateTime<Utc>,
) -> Result<Answer, OauthError> {
    let url = match &account.token_url {
        Some(url) => url.clone(),
        None => discover::token_url(http, &token.provider, now).await?,
    };
    let assertion = assertion::service_account(account, user, &token.scopes, &url, now)?;
    let form = Form::new().with("grant_type", JWT_BEARER).secret("assertion", &assertion);
    http.post::<Answer>(&url, form, now).await.map_err(|refusal| refusal.of_setting("token_url"))
}

pub(super) fn granted(token: &Token, answer: &Answer, now: DateTime<Utc>) -> Granted {
    // No life at all is no life told: believed, it would make every login a request.
    let told = answer.expires_in().filter(|life| !life.is_zero());
    let life = told.map_or(UNTOLD, |life| TimeDelta::from_std(life).unwrap_or(LONGEST).min(LONGEST));
    let ends = answer.refresh_token_expires_in.filter(|seconds| *seconds > 0);
    let ends = ends.and_then(|seconds| TimeDelta::try_seconds(i64::try_from(seconds).ok()?));
    Granted {
        access: AccessToken::new(answer.access_token().secret().clone().into(), now + life),
        refresh: answer.refresh_token().map(|refresh| refresh.secret().clone().into()),
        scopes: answer.granted.clone(),
        refresh_ends_at: ends.and_then(|ends| now.checked_add_signed(ends)),
        identity: answer.id_token.as_deref().and_then(|id| claims::identity(id, &token.client_id)),
    }
}
