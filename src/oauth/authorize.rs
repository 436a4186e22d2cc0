//! The authorization code flow (RFC 6749, 4.1) with PKCE and state, always: where to send the browser, and what it brought
//! back.

use oauth2::{CsrfToken, PkceCodeChallenge};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::discover;
use super::error::{OauthError, printable};
use super::http::Http;
use crate::clock;
use crate::explain::{self, Answered};
use crate::model::{Family, Provider, Token};

/// A consent that was begun.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Where the browser has to go.
    pub url: Url,
    /// Comes back with the answer; an answer without it is nobody's.
    pub state: SecretString,
    /// Proves that the answer is redeemed where the consent was begun (RFC 7636).
    pub verifier: SecretString,
    /// Where the answer goes.
    pub redirect: Url,
}

/// What a browser brought back.
#[derive(Clone, Debug)]
pub struct Returned {
    /// `state`; a bare code that somebody pasted has none.
    pub state: Option<SecretString>,
    /// Who answers, where they say so (RFC 9207).
    pub issuer: Option<String>,
    /// The code, or why there is none.
    pub outcome: Result<SecretString, Declined>,
}

/// The provider's page said no. The texts are the provider's, made printable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider answered {error}{description}{cause}")]
pub struct Declined {
    error: String,
    description: String,
    cause: String,
    remedy: Option<String>,
}

impl Declined {
    /// The next step for this token.
    #[must_use]
    pub fn remedy(&self, token: &Token) -> String {
        let Token { name, provider, scopes, .. } = token;
        match (self.error.as_str(), provider.family) {
            ("access_denied" | "invalid_scope", Family::Other) if scopes.is_empty() => format!(
                "set `scopes`: this token asks for none, and many providers refuse that; then run `gatepost token authorize {name}` again"
            ),
            ("access_denied", Family::Google) => {
                "sign in again and accept; while the app is in Testing, add the account to its test users".into()
            }
            _ => {
                let known = self.remedy.as_ref().map(|remedy| remedy.replace("{token}", name));
                known.unwrap_or_else(|| format!("run `gatepost token authorize {name}` again"))
            }
        }
    }
}

/// Begins a consent.
pub async fn authorization(http: &Http, token: &Token, redirect: Url) -> Result<Authorization, OauthError> {
    let mut url = discover::authorization_url(http, &token.provider, clock::now()).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let state = CsrfToken::new_random_len(32);
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("response_type", "code")
        .append_pair("client_id", &token.client_id)
        .append_pair("redirect_uri", redirect.as_str())
        .append_pair("scope", &scopes(token))
        .append_pair("state", state.secret())
        .append_pair("code_challenge", challenge.as_str())
        .append_pair("code_challenge_method", "S256");
    // A delegate signs in with a name of their own.
    if !token.delegate {
        pairs.append_pair("login_hint", &token.mailbox);
    }
    let wishes = &token.provider.manners.authorization_parameters;
    for (name, value) in wishes {
        pairs.append_pair(name, value);
    }
    // OpenID Connect Core, 11: without it a strict provider grants no offline access.
    let offline = token.scopes.iter().any(|scope| scope == "offline_access") && token.provider.family == Family::Other;
    if offline && !wishes.iter().any(|(name, _)| name == "prompt") {
        pairs.append_pair("prompt", "consent");
    }
    drop(pairs);
    let (state, verifier) = (state.secret().as_str().into(), verifier.secret().as_str().into());
    Ok(Authorization { url, state, verifier, redirect })
}

/// The token's own scopes, and those by which the answer tells who signed in.
pub(super) fn scopes(token: &Token) -> String {
    let mut all = token.scopes.clone();
    for scope in &token.provider.manners.identity_scopes {
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    all.join(" ")
}

impl Returned {
    /// Reads what a person pasted: the address that the browser could not load, its query, or the bare code.
    #[must_use]
    pub fn pasted(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        let query = query.split('#').next().unwrap_or(query);
        if query.contains("code=") || query.contains("error=") {
            return Self::query(query);
        }
        let code = |c: char| c.is_ascii_alphanumeric() || "-._~/%+=!*$".contains(c);
        let bare = text.len() >= 8 && text.chars().all(code) && !text.starts_with("http");
        // Cut out of an address it may still be encoded, as Google's slash is; codes hold no percent sign of their own.
        bare.then(|| Self::query(&format!("code={}", text.replace('+', "%2B")))).flatten()
    }

    /// Reads the query of the redirect (RFC 6749, 4.1.2).
    #[must_use]
    pub fn query(query: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let outcome = match (field("code"), field("error")) {
            (Some(code), None) if !code.is_empty() => Ok(code.into()),
            (_, Some(error)) => {
                Err(Declined::new(&error, field("error_description").as_deref(), field("error_subcode").as_deref()))
            }
            _ => return None,
        };
        Some(Self { state: field("state").map(Into::into), issuer: field("iss"), outcome })
    }

    /// Whether this answers the authorization of that state.
    #[must_use]
    pub fn answers(&self, state: &SecretString) -> bool {
        self.state.as_ref().is_some_and(|told| told.expose_secret() == state.expose_secret())
    }

    /// Whether another issuer says that it is its answer (RFC 9207, 2.4): a code must not be redeemed elsewhere.
    #[must_use]
    pub fn is_foreign(&self, provider: &Provider) -> bool {
        let ours = provider.oauth.issuer.as_ref().map(|issuer| issuer.as_str().trim_end_matches('/'));
        let told = self.issuer.as_deref().map(|told| told.trim_end_matches('/'));
        ours.zip(told).is_some_and(|(ours, told)| ours != told)
    }
}

impl Declined {
    fn new(error: &str, description: Option<&str>, subcode: Option<&str>) -> Self {
        let told = description.unwrap_or_default();
        let known = explain::oauth(&Answered { error, subcode, numbers: &[], description: told });
        let first = told.split(['\r', '\n']).next().unwrap_or_default().split(" Trace ID").next().unwrap_or_default();
        let description = if first.is_empty() { String::new() } else { format!(" \"{}\"", printable(first, 300)) };
        Self {
            error: printable(error, 60),
            description,
            cause: known.map(|known| format!(": {}", known.cause)).unwrap_or_default(),
            remedy: known.map(|known| known.remedy.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OauthUrls;

    fn pasted(text: &str) -> Option<(Option<String>, Result<String, String>)> {
        let exposed = |secret: SecretString| secret.expose_secret().to_owned();
        let Returned { state, outcome, .. } = Returned::pasted(text)?;
        Some((state.map(exposed), outcome.map(exposed).map_err(|declined| declined.to_string())))
    }

    #[test]
    fn whatever_was_copied_from_the_browser_is_understood() {
        let right = Some((Some("s1".to_owned()), Ok("0.AXoA code".to_owned())));
        for text in [
            "http://localhost:8765/?code=0.AXoA%20code&state=s1&session_state=x",
            "  http://127.0.0.1:1/?state=s1&code=0.AXoA+code#_=_\n",
            "code=0.AXoA%20code&state=s1",
            "\"http://localhost/cb?code=0.AXoA%20code&state=s1\"",
        ] {
            assert_eq!(pasted(text), right, "{text}");
        }
        assert_eq!(pasted("4/0AfJohXk-abc_def"), Some((None, Ok("4/0AfJohXk-abc_def".to_owned()))));
        assert_eq!(pasted("4%2F0AfJohXk-abc_def"), Some((None, Ok("4/0AfJohXk-abc_def".to_owned()))));
        for nothing in [
            "",
            "https://login.example/authorize",
            "hello world",
            "http://localhost:1/?state=s1",
            "x",
            "http://localhost/?code=&state=s",
        ] {
            assert_eq!(pasted(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_answer_of_another_issuer_is_foreign() {
        let issuer = |text: &str| OauthUrls { issuer: Some(text.parse().unwrap()), ..OauthUrls::default() };
        let ours = Provider { oauth: issuer("https://id.example.com/"), ..Provider::default() };
        let told = |query: &str| Returned::query(query).unwrap();
        assert!(told("code=c&state=s&iss=https%3A%2F%2Fevil.example.com").is_foreign(&ours));
        assert!(!told("code=c&state=s&iss=https%3A%2F%2Fid.example.com").is_foreign(&ours));
        assert!(!told("code=c&state=s").is_foreign(&ours));
        assert!(
            !told("code=c&iss=https%3A%2F%2Fevil.example.com").is_foreign(&Provider::default()),
            "nothing to compare with"
        );
    }

    #[test]
    fn what_to_do_after_a_no_depends_on_the_provider_and_on_what_was_asked_for() {
        let remedy = |family, scopes: &[&str]| {
            let provider = Provider { family, ..Provider::default() };
            let bare = Token::bare("t", std::sync::Arc::new(provider), crate::model::Grant::AuthorizationCode);
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let no = Returned::query("error=access_denied&state=s").unwrap().outcome.unwrap_err();
            no.remedy(&Token { scopes, ..bare })
        };
        assert!(remedy(Family::Google, &["mail"]).contains("test users"));
        let other = remedy(Family::Other, &["mail"]);
        assert!(other.starts_with("sign in again and accept") && !other.contains("test user"), "{other}");
        assert!(remedy(Family::Other, &[]).starts_with("set `scopes`: this token asks for none"));
    }

    #[test]
    fn a_page_that_said_no_is_explained() {
        let said = pasted("http://localhost/?error=access_denied&error_description=AADSTS65004%3A+User+declined+to+consent.+Trace+ID%3A+1&state=s").unwrap();
        let refusal = said.1.unwrap_err();
        assert!(
            refusal.contains("access_denied") && refusal.contains("consent was declined") && !refusal.contains("Trace"),
            "{refusal}"
        );
    }
}
