use std::time::Duration;

use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::{Deserialize, Deserializer, Serialize};

/// A token answer, read more leniently than RFC 6749, 5.1: `expires_in` may be a string (ADFS, v1 endpoints, managed
/// identities) or missing, and so may `token_type`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    access_token: AccessToken,
    #[serde(default = "bearer", deserialize_with = "any_type")]
    token_type: BasicTokenType,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<RefreshToken>,
    #[serde(default, rename = "scope")]
    pub(super) granted: Option<String>,
    #[serde(default)]
    pub(super) id_token: Option<String>,
    /// Google writes the first, Keycloak the second, where 0 is for ever.
    #[serde(default, alias = "refresh_expires_in", deserialize_with = "seconds")]
    pub(super) refresh_token_expires_in: Option<u64>,
}

impl TokenResponse for Answer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        // An empty one is none: it must not replace the old.
        self.refresh_token.as_ref().filter(|token| !token.secret().is_empty())
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

const fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

/// Only bearer tokens exist in mail; some servers write the type in lower case or leave it empty.
fn any_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BasicTokenType, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| BasicTokenType::Bearer)
}

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

/// An error answer (RFC 6749, 5.2) with what Microsoft and Google add.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: Option<String>,
    #[serde(default)]
    pub(super) error_codes: Vec<u32>,
    #[serde(default, alias = "error_subtype")]
    pub(super) suberror: Option<String>,
    /// What Microsoft's support asks for.
    #[serde(default)]
    pub(super) trace_id: Option<String>,
    #[serde(default)]
    pub(super) correlation_id: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.error)
    }
}

impl oauth2::ErrorResponse for Refusal {}
