//! The authorization endpoint, and the person with a browser before it.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::client::Client;
use crate::dialect::Dialect;
use crate::form;
use crate::provider::Provider;
use crate::state::State;

/// Authorization codes, and who has consented before.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    codes: HashMap<String, Code>,
    known: HashSet<(String, String)>,
}

/// What stands behind a code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    client: String,
    redirect: String,
    challenge: String,
    spent: bool,
    pub(crate) mailbox: String,
    pub(crate) scope: String,
    /// Whether it brings a refresh token.
    pub(crate) offline: bool,
}

/// Why a code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCode {
    Unknown,
    Spent,
    OtherRedirect,
    OtherVerifier,
}

impl Provider {
    /// Where a person is sent to; nothing listens there: [`Provider::consent`] is the browser.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        format!("https://127.0.0.1:{}/authorize", self.ports.token)
    }

    /// Opens an authorize URL, signs in as this mailbox and consents; returns the redirect with code and state.
    ///
    /// # Panics
    /// When the provider would show an error page, or when PKCE or the state is missing.
    #[must_use]
    pub fn consent(&self, authorize_url: &str, mailbox: &str) -> String {
        let request = self.open(authorize_url);
        let code = request.code(&self.state, mailbox);
        let more = match self.state.dialect {
            Dialect::Microsoft => ("session_state", "0"),
            Dialect::Google => ("scope", request.field("scope")),
        };
        form::with_query(request.field("redirect_uri"), &[("code", &code), ("state", request.field("state")), more])
    }

    /// Opens an authorize URL and declines; returns the redirect with error and state.
    ///
    /// # Panics
    /// As [`Provider::consent`].
    #[must_use]
    pub fn decline(&self, authorize_url: &str) -> String {
        let request = self.open(authorize_url);
        let mut answer = vec![("error", "access_denied"), ("state", request.field("state"))];
        if self.state.dialect == Dialect::Microsoft {
            let text = "AADSTS65004: User declined to consent to access the app.";
            answer.extend([("error_subcode", "cancel"), ("error_description", text)]);
        }
        form::with_query(request.field("redirect_uri"), &answer)
    }

    fn open(&self, authorize_url: &str) -> Request {
        let (address, query) = authorize_url.split_once('?').unwrap();
        assert_eq!(address, self.authorize_url(), "another address");
        let request = Request::new(query);
        let client = self.state.lock().tokens.client(request.field("client_id")).cloned();
        request.check(&client.expect("an unknown client"));
        request
    }
}

struct Request(HashMap<String, String>);

impl Request {
    fn new(query: &str) -> Self {
        let fields = form::fields(query);
        let count = fields.len();
        let fields: HashMap<_, _> = fields.into_iter().collect();
        assert_eq!(fields.len(), count, "a parameter comes twice: {query}");
        Self(fields)
    }

    fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether one of the words of a parameter is this.
    fn has(&self, name: &str, word: &str) -> bool {
        self.field(name).split(' ').any(|known| known == word)
    }

    fn check(&self, client: &Client) {
        let fields = &self.0;
        assert!(client.takes_redirect(self.field("redirect_uri")), "another redirect URI: {fields:?}");
        assert_eq!(self.field("response_type"), "code", "{fields:?}");
        assert!(matches!(self.field("response_mode"), "" | "query"), "{fields:?}");
        assert!(!self.field("scope").is_empty(), "no scope: {fields:?}");
        assert!(!self.field("state").is_empty(), "no state: {fields:?}");
        assert_eq!(self.field("code_challenge_method"), "S256", "{fields:?}");
        let challenge = URL_SAFE_NO_PAD.decode(self.field("code_challenge"));
        assert_eq!(challenge.map(|hash| hash.len()), Ok(32), "no challenge: {fields:?}");
        assert!(!self.has("prompt", "none"), "nobody could consent: {fields:?}");
    }

    fn code(&self, state: &State, mailbox: &str) -> String {
        let mut state_of = state.lock();
        let first = state_of.consents.known.insert((self.field("client_id").to_owned(), mailbox.to_owned()));
        let offline = match state.dialect {
            Dialect::Microsoft => self.has("scope", "offline_access"),
            // Google gives a refresh token once, and again only to who asks for consent again.
            Dialect::Google => self.field("access_type") == "offline" && (first || self.has("prompt", "consent")),
        };
        // About as real ones look, with characters that a query has to escape.
        let code = format!("4/0simulated+{}==", state_of.consents.codes.len());
        let behind = Code {
            client: self.field("client_id").to_owned(),
            redirect: self.field("redirect_uri").to_owned(),
            challenge: self.field("code_challenge").to_owned(),
            spent: false,
            mailbox: mailbox.to_owned(),
            scope: self.field("scope").to_owned(),
            offline,
        };
        state_of.consents.codes.insert(code.clone(), behind);
        code
    }
}

impl Consents {
    /// Takes a code, once, from the client that it was issued to. Who fails with a good code has spent it, too.
    pub(crate) fn redeem(&mut self, code: &str, client: &str, redirect: &str, verifier: &str) -> Result<Code, BadCode> {
        let code = self.codes.get_mut(code).filter(|code| code.client == client).ok_or(BadCode::Unknown)?;
        if std::mem::replace(&mut code.spent, true) {
            return Err(BadCode::Spent);
        }
        if code.redirect != redirect {
            return Err(BadCode::OtherRedirect);
        }
        if URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) != code.challenge {
            return Err(BadCode::OtherVerifier);
        }
        Ok(code.clone())
    }
}
