use std::time::Duration;

use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::{Deserialize, Deserializer, Serialize};

use super::fields::Fields;

/// A token answer, read more leniently than RFC 6749, 5.1: only the access token has to be there. `expires_in` may be a
/// string (ADFS, v1 endpoints, managed identities), `scope` a list, `token_type` missing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub(super) struct Answer {
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    expires_in: Option<u64>,
    pub(super) granted: Option<String>,
    pub(super) id_token: Option<String>,
    pub(super) refresh_token_expires_in: Option<u64>,
}

/// An answer that is none. Says nothing of what it holds.
#[derive(Debug, thiserror::Error)]
#[error("not a token answer")]
pub(super) struct NoAnswer;

impl TryFrom<Fields> for Answer {
    type Error = NoAnswer;

    fn try_from(fields: Fields) -> Result<Self, NoAnswer> {
        let seconds = |name| fields.get::<Seconds>(name).and_then(|seconds| seconds.0);
        Ok(Self {
            access_token: AccessToken::new(fields.text("access_token").ok_or(NoAnswer)?),
            // An empty one is none: it must not replace the old.
            refresh_token: fields.text("refresh_token").map(RefreshToken::new),
            expires_in: seconds("expires_in"),
            granted: fields.text("scope").or_else(|| Some(fields.get::<Vec<String>>("scope")?.join(" "))),
            id_token: fields.text("id_token"),
            // Google writes the first, Keycloak the second, where 0 is for ever.
            refresh_token_expires_in: seconds("refresh_token_expires_in").or_else(|| seconds("refresh_expires_in")),
        })
    }
}

impl From<Answer> for Fields {
    fn from(_: Answer) -> Self {
        Self::default()
    }
}

impl TokenResponse for Answer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    /// Only bearer tokens exist in mail; some servers write the type in lower case or leave it empty.
    fn token_type(&self) -> &BasicTokenType {
        &BasicTokenType::Bearer
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

#[derive(Deserialize)]
struct Seconds(#[serde(deserialize_with = "seconds")] Option<u64>);

pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(f64),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is bounded by its user"
    )]
    let whole = |number: f64| (number >= 0.0).then_some(number as u64);
    Ok(match Option::<Seconds>::deserialize(deserializer)? {
        Some(Seconds::Number(number)) => whole(number),
        Some(Seconds::Text(text)) => text.trim().parse().ok().and_then(whole),
        Some(Seconds::Other(_)) | None => None,
    })
}

/// An error answer (RFC 6749, 5.2) with what Microsoft and Google add. Only `error` has to be there, once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) error_description: Option<String>,
    pub(super) error_codes: Vec<u32>,
    pub(super) suberror: Option<String>,
    /// What Microsoft's support asks for.
    pub(super) trace_id: Option<String>,
    pub(super) correlation_id: Option<String>,
}

impl TryFrom<Fields> for Refusal {
    type Error = NoAnswer;

    fn try_from(fields: Fields) -> Result<Self, NoAnswer> {
        Ok(Self {
            error: fields.only("error").filter(|error: &String| !error.is_empty()).ok_or(NoAnswer)?,
            error_description: fields.text("error_description"),
            error_codes: fields.get("error_codes").unwrap_or_default(),
            suberror: fields.text("suberror").or_else(|| fields.text("error_subtype")),
            trace_id: fields.text("trace_id"),
            correlation_id: fields.text("correlation_id"),
        })
    }
}

impl From<Refusal> for Fields {
    fn from(_: Refusal) -> Self {
        Self::default()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.error)
    }
}

impl oauth2::ErrorResponse for Refusal {}
