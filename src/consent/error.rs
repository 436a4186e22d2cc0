use crate::explain;
use crate::model::{Identity, Token, TroubleClass};
use crate::oauth::{Declined, OauthError};
use crate::store::StoreError;
use crate::token::TokenError;
use crate::upstream::UpstreamError;

/// Why there is no grant. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The provider's page said no.
    #[error("{0}")]
    Declined(Declined, String),
    /// The token endpoint said no.
    #[error("{0}")]
    Refused(Box<OauthError>, String),
    /// Somebody else signed in.
    #[error("{identity} signed in, and token {token:?} is for {mailbox}; nothing was changed")]
    WrongMailbox {
        /// Which token.
        token: String,
        /// Whose it is.
        mailbox: String,
        /// Who signed in.
        identity: Identity,
    },
    /// The provider does not say who signed in, and the mailbox's server refuses the token.
    #[error(
        "the provider does not say who signed in, and {mailbox} cannot be opened with the new token ({fault}); nothing was changed"
    )]
    NotTheMailbox {
        /// Which token.
        token: String,
        /// Whose it is.
        mailbox: String,
        /// What its server said.
        fault: Box<UpstreamError>,
    },
    /// The grant would end with its first access token.
    #[error(
        "the provider gave no refresh token for token {0:?}, so the grant would end within hours; nothing was changed"
    )]
    NoRefreshToken(String),
    /// Nobody's consent is wanted.
    #[error("token {token:?} has grant = {grant:?}, which needs nobody's consent; nothing was changed")]
    NotByConsent {
        /// Which token.
        token: String,
        /// Its grant.
        grant: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] TokenError),
    /// Nobody knows how a browser reaches the service.
    #[error("there is no address that the answer could come to")]
    NoAddress,
    /// The answer belongs to no consent that is under way here.
    #[error(
        "this is not the answer to a consent that is under way; it may have taken longer than ten minutes, or was used already"
    )]
    Unknown,
    /// It was begun by another session of the pages.
    #[error(
        "the consent for token {0:?} was begun in another browser, or under another address of these pages; nothing was changed"
    )]
    Elsewhere(String),
    /// Somebody pasted the answer to another.
    #[error("that is the answer to another consent; nothing was changed")]
    Another,
    /// Somebody pasted something else.
    #[error("there is no code in that; nothing was changed")]
    NoAnswer,
    /// Too many are under way.
    #[error("{0} consents are under way already, which is the most; nothing was changed")]
    TooMany(usize),
}

impl ConsentError {
    /// The next step; it fits the pages as well as the command line.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Declined(_, remedy) | Self::Refused(_, remedy) => remedy.clone(),
            Self::WrongMailbox { token, mailbox, identity } => format!(
                "sign out of {identity} at the provider, run `gatepost token authorize {token}` again and sign in as {mailbox}; if \
                 the other is its delegate, or this another name of it, set delegate = true"
            ),
            Self::NotTheMailbox { fault, token, mailbox } => {
                let known = explain::mail_refusal(&fault.to_string()).map(|known| known.remedy_at(token, mailbox));
                known.unwrap_or_else(|| "sign in as the mailbox itself; for a delegate set delegate = true".into())
            }
            Self::NoRefreshToken(_) => {
                "add offline_access to `scopes`, or what the provider wants for it to authorization_parameters".into()
            }
            Self::NotByConsent { token, grant: "refresh_token" } => {
                format!("put a refresh token into it with `gatepost token import {token}`")
            }
            Self::NotByConsent { token, .. } => format!("get a token at once: `gatepost token refresh {token}`"),
            Self::Store(_) => "mend the store and try again".into(),
            Self::Unknown => {
                "begin again: gatepost token authorize NAME, or \u{201c}Get token\u{201d} on its page".into()
            }
            Self::Elsewhere(token) => format!(
                "copy the whole address of this page into the box on the page of token {token:?} where it was begun; or open the \
                 pages by their public_url and press \u{201c}Get token\u{201d} there"
            ),
            Self::NoAddress => "write `public_url` in [admin]: how browsers reach the pages".into(),
            Self::Another => "open the address of this consent, and paste where that led to".into(),
            Self::NoAnswer => "paste the whole address of the page that the browser could not load".into(),
            Self::TooMany(_) => "finish or cancel one of them, or wait until they end".into(),
        }
    }

    /// What a refusal by a token's endpoint means to whoever consents.
    pub(super) fn refused(refusal: OauthError, token: &str) -> Self {
        // A refresh is tried again by itself; a consent is not.
        let remedy = match refusal.class {
            TroubleClass::Transient if !refusal.is_strange() => format!(
                "does this machine reach the provider (network, DNS, clock)? Then run `gatepost token authorize {token}` again"
            ),
            _ => refusal.remedy(token),
        };
        Self::Refused(Box::new(refusal), remedy)
    }

    pub(super) fn declined(declined: Declined, token: &Token) -> Self {
        let remedy = declined.remedy(token);
        Self::Declined(declined, remedy)
    }
}

impl From<StoreError> for ConsentError {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault.into())
    }
}
