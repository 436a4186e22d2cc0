use std::fmt::Write as _;
use std::time::Duration;

use super::answer::Refusal;
use super::http::Seen;
use crate::explain::{self, Answered, Explanation};
use crate::model::TroubleClass;

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
            code: Some(printable(&refusal.error, 60)),
            host: host.into(),
            said: said(refusal),
            retry_after: seen.retry_after,
            explanation: explanation.map(Box::new),
            own_remedy: None,
        }
    }

    /// The endpoint did not answer, or not in OAuth's words: it may do better next time.
    pub(super) fn unanswered(host: &str, said: &str, seen: Seen) -> Self {
        let status = seen.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let said = format!("{}{status}", printable(said, 300));
        let class = TroubleClass::Transient;
        let retry_after = seen.retry_after;
        Self { class, code: None, host: host.into(), said, retry_after, explanation: None, own_remedy: None }
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
        }
    }

    /// The same, on a way where only people can mend it: a device code that ran out, a consent that was declined.
    pub(super) fn ended(self) -> Self {
        Self { class: TroubleClass::Ended, ..self }
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

fn cause(explanation: Option<&Explanation>) -> String {
    explanation.map(|known| format!(": {}", known.cause)).unwrap_or_default()
}

fn said(refusal: &Refusal) -> String {
    let mut said = format!("answered {}", printable(&refusal.error, 60));
    if let Some(sub) = &refusal.suberror {
        let _ = write!(said, " ({})", printable(sub, 60));
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
        let _ = write!(said, " [{name} {}]", printable(id, 60));
    }
    said
}

fn first_sentence(description: &str) -> String {
    let end = description.find(['\r', '\n']).unwrap_or(description.len());
    let line = &description[..end];
    let sentence = line.split(" Trace ID").next().unwrap_or(line);
    printable(sentence, 300)
}

/// One line, without controls; long words that could be a token or an assertion are cut out.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let shown = text.split_ascii_whitespace().map(|word| if word.len() > 80 { "…" } else { word });
    let line = shown.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(longest).collect()
}
