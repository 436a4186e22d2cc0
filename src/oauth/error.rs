use std::time::Duration;

use super::answer::Refusal;
use super::http::Seen;
use crate::model::TroubleClass;

/// Why a token request failed. Decided by the OAuth `error` value and the HTTP status alone; the texts are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} {said}; {}", remedy(*class, code.as_deref()))]
pub struct OauthError {
    /// Whose turn it is.
    pub class: TroubleClass,
    /// The OAuth `error` value, if there was one.
    pub code: Option<String>,
    /// How long the endpoint asked to be left alone.
    pub retry_after: Option<Duration>,
    /// The token endpoint's host.
    host: String,
    /// What it did, in one printable line without token material.
    said: String,
}

impl OauthError {
    /// The endpoint answered with an OAuth error.
    pub(super) fn refused(host: &str, refusal: &Refusal, seen: Seen) -> Self {
        let code = printable(&refusal.error, 60);
        let numbers: Vec<_> = refusal.error_codes.iter().take(3).map(|number| format!(" AADSTS{number}")).collect();
        let numbers = numbers.concat();
        let subcode = refusal.suberror.as_deref().map(|sub| format!(" ({})", printable(sub, 60))).unwrap_or_default();
        // A description may quote what was sent; its first sentence is enough for people, the code for us.
        let description = refusal.error_description.as_deref().map(first_sentence).unwrap_or_default();
        let said = format!("answered {code}{subcode}{numbers}{description}");
        Self {
            class: class(&refusal.error, seen.status),
            code: Some(code),
            host: host.into(),
            said,
            retry_after: seen.retry_after,
        }
    }

    /// The endpoint did not answer, or not in OAuth's words: it may do better next time.
    pub(super) fn unanswered(host: &str, said: &str, seen: Seen) -> Self {
        let status = seen.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let said = format!("{}{status}", printable(said, 300));
        Self { class: TroubleClass::Transient, code: None, host: host.into(), said, retry_after: seen.retry_after }
    }
}

/// PROVIDERS: an ended grant is told only by these words; a value nobody knows never ends one (law 3).
fn class(error: &str, status: Option<u16>) -> TroubleClass {
    match (error, status) {
        (_, Some(408 | 429 | 500..)) | ("temporarily_unavailable" | "server_error" | "slow_down", _) => {
            TroubleClass::Transient
        }
        ("invalid_grant" | "interaction_required" | "consent_required" | "login_required", _) => TroubleClass::Ended,
        _ => TroubleClass::Configuration,
    }
}

fn remedy(class: TroubleClass, code: Option<&str>) -> &'static str {
    match (class, code) {
        (TroubleClass::Transient, _) => "it is tried again by itself",
        (TroubleClass::Ended, _) => {
            "the grant has ended: get a new refresh token and import it with `gatepost token import`"
        }
        (_, Some("invalid_client")) => {
            "check client_id and client_secret (the Value, not the Secret ID; is it expired?)"
        }
        (_, Some("unauthorized_client")) => "check the app registration: is this grant allowed, and is consent given?",
        (_, Some("invalid_scope")) => {
            "check `scopes`: one resource only, spelling, and what the app registration allows"
        }
        (TroubleClass::Configuration, _) => "check the token's settings and the app registration at the provider",
    }
}

fn first_sentence(description: &str) -> String {
    let end = description.find(['\r', '\n']).unwrap_or(description.len());
    let line = &description[..end];
    let sentence = line.split(" Trace ID").next().unwrap_or(line);
    format!(": {}", printable(sentence, 300))
}

/// One line, without controls; long words that could be a token or an assertion are cut out.
fn printable(text: &str, longest: usize) -> String {
    let shown = text.split_ascii_whitespace().map(|word| if word.len() > 80 { "…" } else { word });
    let line = shown.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(longest).collect()
}
