use std::fmt::Write as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::answer::Refusal;
use super::http::Seen;
use crate::explain::{self, Answered, Explanation};
use crate::model::{Grant, TroubleClass};

/// Why a token request failed. Decided by the OAuth `error` value and the HTTP status alone; the texts are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} {said}{}", cause(explanation.as_deref()))]
pub struct OauthError {
    /// Whose turn it is.
    pub class: TroubleClass,
    /// The OAuth `error` value, if there was one.
    pub code: Option<String>,
    /// How long the endpoint asked to be left alone.
    pub retry_after: Option<Duration>,
    /// Who was asked.
    host: String,
    /// What it did, in one printable line without token material.
    said: String,
    explanation: Option<Box<Explanation>>,
    /// The next step where there is no explanation.
    own_remedy: Option<Box<str>>,
    /// It answered as none does that is such an endpoint.
    is_strange: bool,
}

impl OauthError {
    /// The endpoint answered with an OAuth error.
    pub(super) fn refused(host: &str, refusal: &Refusal, seen: Seen) -> Self {
        let explanation = explain::oauth(&Answered {
            error: &refusal.error,
            subcode: refusal.suberror.as_deref(),
            numbers: &refusal.error_codes,
            description: refusal.error_description.as_deref().unwrap_or_default(),
        });
        Self {
            class: class(&refusal.error, seen.status),
            code: Some(telling(&refusal.error, 60)),
            host: host.into(),
            said: said(refusal),
            retry_after: seen.retry_after,
            explanation: explanation.map(Box::new),
            own_remedy: None,
            is_strange: false,
        }
    }

    /// The endpoint did not answer, or not in OAuth's words: it may do better next time.
    pub(super) fn unanswered(host: &str, said: &str, seen: Seen) -> Self {
        let status = seen.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let said = format!("{}{status}", telling(said, 300));
        let class = TroubleClass::Transient;
        let (code, retry_after, explanation, own_remedy) = (None, seen.retry_after, None, None);
        Self { class, code, host: host.into(), said, retry_after, explanation, own_remedy, is_strange: false }
    }

    /// Something answered at this address, and not in OAuth's words: a server in need, or another page than is meant.
    pub(super) fn strange(url: &Url, seen: Seen) -> Self {
        let passes = matches!(seen.status, None | Some(408 | 429 | 500..));
        let mut plain = url.clone();
        plain.set_query(None);
        let said = "sent something that is no token answer";
        Self { is_strange: !passes, ..Self::unanswered(&printable(plain.as_str(), 300), said, seen) }
    }

    /// The same, of an address that this setting, or an issuer, has said.
    pub(super) fn of_setting(mut self, setting: &str) -> Self {
        if self.is_strange {
            let or_issuer = if setting == "issuer" { "" } else { ", or `issuer`" };
            self.own_remedy =
                Some(format!("check `{setting}`{or_issuer}: is that the address that the provider names?").into());
        }
        self
    }

    /// Whether an address seems to be wrong, so that waiting does not help.
    #[must_use]
    pub const fn is_strange(&self) -> bool {
        self.is_strange
    }

    /// Something on this side is not as it has to be.
    pub(super) fn unprepared(culprit: &str, said: &str, remedy: &str) -> Self {
        Self {
            class: TroubleClass::Configuration,
            code: None,
            retry_after: None,
            host: culprit.into(),
            said: said.into(),
            explanation: None,
            own_remedy: Some(remedy.into()),
            is_strange: false,
        }
    }

    /// The same, on a way where only people can mend it: a device code that ran out, a consent that was declined.
    pub(super) fn ended(self) -> Self {
        Self { class: TroubleClass::Ended, ..self }
    }

    /// The same, of someone who has no say over grants.
    pub(super) fn not_ended(self) -> Self {
        match self.class {
            TroubleClass::Ended => Self { class: TroubleClass::Configuration, ..self },
            TroubleClass::Transient | TroubleClass::Configuration => self,
        }
    }

    /// The same, of a grant for which nobody signs in: consent cannot be the next step.
    pub(super) fn of_grant(mut self, grant: &Grant) -> Self {
        let remedy = match grant {
            Grant::Password(_) => {
                "correct `mailbox` and the password; where the provider wants more than these, take grant = \"authorization_code\""
            }
            Grant::ServiceAccount(_) => {
                "check the mailbox, that the service account and its key still exist, and domain-wide delegation"
            }
            Grant::ClientCredentials => {
                "check the app at the provider: is it enabled and consented to in this tenant, and what it proves itself by current?"
            }
            _ => return self,
        };
        let wants_consent = self
            .explanation
            .as_ref()
            .map_or(self.class == TroubleClass::Ended, |known| known.remedy.contains("token authorize"));
        if wants_consent {
            self.own_remedy = Some(remedy.into());
            self.explanation = self.explanation.filter(|known| !explain::is_bare_end(known));
        }
        self
    }

    /// The same, of a request for a device code: a client that may not ask for one is told so in other words by each provider.
    pub(super) fn of_device(self) -> Self {
        const NOT_ALLOWED: [&str; 3] = ["unauthorized_client", "invalid_request", "unsupported_grant_type"];
        let remedy = "allow device codes for this client at the provider, or get the token with a browser";
        let refused = self.code.as_deref().is_some_and(|code| NOT_ALLOWED.contains(&code));
        if refused { Self { own_remedy: Some(remedy.into()), ..self } } else { self }
    }

    /// The same, without what was sent: some endpoints quote it in their texts.
    pub(super) fn without(mut self, secrets: &[&SecretString]) -> Self {
        for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
            self.said = self.said.replace(secret, "…");
            self.code = self.code.map(|code| code.replace(secret, "…"));
        }
        self
    }

    /// The next step for this token.
    #[must_use]
    pub fn remedy(&self, token: &str) -> String {
        let known = self.own_remedy.as_deref().map(str::to_owned);
        let known = known.or_else(|| self.explanation.as_ref().map(|known| known.remedy_for(token)));
        known.unwrap_or_else(|| match self.class {
            TroubleClass::Transient => "nothing; it is tried again by itself".into(),
            TroubleClass::Configuration => {
                format!("compare `gatepost token show {token}` with the app registration at the provider")
            }
            TroubleClass::Ended => format!("get a new grant: `gatepost token authorize {token}`"),
        })
    }
}

/// An ended grant is told only by these words, and only by a refusal: a value that nobody knows never ends one, nor does a
/// fault of the server or a redirect, whatever stands in its body (law 3).
fn class(error: &str, status: Option<u16>) -> TroubleClass {
    match (error, status) {
        (_, Some(300..400 | 408 | 429 | 500..)) | ("temporarily_unavailable" | "server_error" | "slow_down", _) => {
            TroubleClass::Transient
        }
        ("invalid_grant" | "interaction_required" | "consent_required" | "login_required", Some(400..500)) => {
            TroubleClass::Ended
        }
        _ => TroubleClass::Configuration,
    }
}

fn cause(explanation: Option<&Explanation>) -> String {
    explanation.map(|known| format!(": {}", known.cause)).unwrap_or_default()
}

fn said(refusal: &Refusal) -> String {
    let mut said = format!("answered {}", telling(&refusal.error, 60));
    if let Some(sub) = &refusal.suberror {
        let _ = write!(said, " ({})", telling(sub, 60));
    }
    for number in refusal.error_codes.iter().take(3) {
        let _ = write!(said, " AADSTS{number}");
    }
    // A description may quote what was sent; its first sentence is enough for people, the code for us.
    if let Some(description) = &refusal.error_description {
        let _ = write!(said, " \"{}\"", first_sentence(description));
    }
    let ids = [("trace", &refusal.trace_id), ("correlation", &refusal.correlation_id)];
    for (name, id) in ids.into_iter().filter_map(|(name, id)| Some((name, id.as_ref()?))) {
        let _ = write!(said, " [{name} {}]", telling(id, 60));
    }
    said
}

fn first_sentence(description: &str) -> String {
    let end = description.find(['\r', '\n']).unwrap_or(description.len());
    let line = &description[..end];
    let sentence = line.split(" Trace ID").next().unwrap_or(line);
    telling(sentence, 300)
}

/// One line, without controls; long words that could be a token or an assertion are cut out.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let shown = text.split_ascii_whitespace().map(|word| if word.len() > 80 { "…" } else { word });
    let line = shown.collect::<Vec<_>>().join(" ");
    line.chars().filter(|&c| !is_unprintable(c)).take(longest).collect()
}

/// The same for what a server says of a failure, where anything that could be a token is cut out.
fn telling(text: &str, longest: usize) -> String {
    let shown = text.split_whitespace().map(|word| match word.split_once("://") {
        // Scopes and redirect addresses are long, and have to be read.
        Some(_) => word.split(['?', '#']).next().unwrap_or_default(),
        None if is_opaque(word) => "…",
        None => word,
    });
    printable(&shown.collect::<Vec<_>>().join(" "), longest)
}

/// Longer than a GUID, and of nothing but what tokens are made of.
fn is_opaque(word: &str) -> bool {
    word.split(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c))).any(|run| run.len() > 40)
}

/// Controls, and what turns or hides text on a terminal.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> OauthError {
        let refusal = serde_json::from_str(body).unwrap();
        OauthError::refused("id.example.com", &refusal, Seen { status: Some(400), retry_after: None })
    }

    #[test]
    fn a_page_where_an_endpoint_should_be_is_named_with_its_setting() {
        let url = "https://id.example.com/tokn?x=1".parse().unwrap();
        let strange = |status| OauthError::strange(&url, Seen { status: Some(status), retry_after: None });
        let page = strange(404).of_setting("token_url");
        assert_eq!(page.class, TroubleClass::Transient, "it may be an outage, and is tried again");
        assert!(page.to_string().starts_with("https://id.example.com/tokn sent"), "{page}");
        assert!(page.remedy("t").contains("check `token_url`, or `issuer`"), "{}", page.remedy("t"));
        assert!(strange(200).of_setting("issuer").remedy("t").starts_with("check `issuer`:"));
        for status in [408, 429, 500, 503] {
            assert_eq!(strange(status).of_setting("token_url").remedy("t"), "nothing; it is tried again by itself");
        }
    }

    #[test]
    fn a_client_that_may_not_ask_for_device_codes_is_said_to_need_that() {
        for error in ["unauthorized_client", "invalid_request"] {
            let remedy = refused(&format!(r#"{{"error":"{error}"}}"#)).of_device().remedy("support");
            assert!(remedy.starts_with("allow device codes for this client"), "{remedy}");
        }
        let other = refused(r#"{"error":"invalid_scope"}"#).of_device().remedy("support");
        assert!(other.contains("`scopes`"), "{other}");
    }

    #[test]
    fn nobody_is_asked_to_sign_in_for_a_grant_that_knows_no_consent() {
        let bare = r#"{"error":"invalid_grant","error_description":"Invalid user credentials"}"#;
        assert!(refused(bare).remedy("support").contains("token authorize"));
        let password = refused(bare).of_grant(&Grant::Password("s3cret".into()));
        assert!(password.remedy("support").contains("correct `mailbox` and the password"), "{password:?}");
        assert_eq!(password.to_string(), "id.example.com answered invalid_grant \"Invalid user credentials\"");
        let disabled = r#"{"error":"invalid_grant","error_codes":[50057]}"#;
        let disabled = refused(disabled).of_grant(&Grant::ClientCredentials);
        assert_eq!(disabled.remedy("support"), "enable it in the Entra admin centre", "what is known is better");
        let due = refused(r#"{"error":"invalid_grant","error_codes":[50076]}"#).of_grant(&Grant::Password("x".into()));
        assert!(due.to_string().contains("multi-factor") && due.remedy("t").contains("authorization_code"), "{due:?}");
    }
}
