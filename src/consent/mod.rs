//! A person gives a grant: the consent is begun, its answer redeemed, and the grant kept if it is for the right mailbox.
//!
//! Nothing is written before the grant is there and checked, and then in one save: whoever breaks off loses nothing.

mod hosted;
#[cfg(test)]
mod tests;

pub use hosted::{Begun, Outcome, begin, outcome, returned};

use std::sync::Arc;

use secrecy::SecretString;
use tracing::info;
use url::Url;

use crate::clock;
use crate::explain;
use crate::model::{Granted, Identity, Token, TroubleClass};
use crate::oauth::{Ask, Declined, Http, OauthError, exchange};
use crate::store::Store;
use crate::token::{TokenError, update};
use crate::upstream::{Reach, UpstreamError};

/// A token whose grant is asked for, and how its provider is reached.
#[derive(Clone, Debug)]
pub struct Party {
    /// The token.
    pub token: Arc<Token>,
    /// Its token endpoint.
    pub http: Http,
    /// Its mail servers.
    pub reach: Reach,
}

/// What a consent came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The token.
    pub token: String,
    /// Who signed in, as far as that is known.
    pub identity: Option<String>,
}

/// Why there is no grant. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The provider's page said no.
    #[error("{0}")]
    Declined(Declined, String),
    /// The token endpoint said no.
    #[error("{0}")]
    Refused(OauthError, String),
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] TokenError),
    /// The answer belongs to no consent that is under way here.
    #[error(
        "this is not the answer to a consent that is under way; it may have taken longer than ten minutes, or was used already"
    )]
    Unknown,
}

impl ConsentError {
    /// The next step.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Declined(_, remedy) | Self::Refused(_, remedy) => remedy.clone(),
            Self::WrongMailbox { token, mailbox, .. } => format!(
                "run `gatepost token authorize {token}` in a private window and sign in as {mailbox}; if the other is its delegate, \
                 or this another name of it, set delegate = true"
            ),
            Self::NotTheMailbox { fault, token, mailbox } => {
                let known = explain::mail_refusal(&fault.to_string()).map(|known| known.remedy_at(token, mailbox));
                known.unwrap_or_else(|| "sign in as the mailbox itself; for a delegate set delegate = true".into())
            }
            Self::NoRefreshToken(_) => {
                "add offline_access to `scopes`, or what the provider wants for it to authorization_parameters".into()
            }
            Self::Store(_) => "mend the store and try again".into(),
            Self::Unknown => "begin again: gatepost token authorize NAME".into(),
        }
    }
}

impl Party {
    /// Redeems a code and keeps its grant.
    pub async fn redeem(
        &self,
        store: &dyn Store,
        code: &SecretString,
        verifier: &SecretString,
        redirect: &Url,
    ) -> Result<Accepted, ConsentError> {
        let granted = exchange(&self.http, &self.token, Ask::Code { code, verifier, redirect }).await;
        self.accept(store, granted.map_err(|refusal| self.refused(refusal))?).await
    }

    /// Keeps a grant, if it is for the right mailbox and will last.
    pub async fn accept(&self, store: &dyn Store, granted: Granted) -> Result<Accepted, ConsentError> {
        let token = &self.token;
        if granted.refresh.is_none() {
            return Err(ConsentError::NoRefreshToken(token.name.clone()));
        }
        self.check(&granted).await?;
        let identity = granted.identity.as_ref().map(ToString::to_string);
        let now = clock::now();
        update(store, &token.name, |state| state.authorized(granted.clone(), token.binding(), now)).await?;
        info!(token = token.name, identity, "token.authorized");
        Ok(Accepted { token: token.name.clone(), identity })
    }

    /// What a refusal of this token's endpoint means.
    #[must_use]
    pub fn refused(&self, refusal: OauthError) -> ConsentError {
        let name = &self.token.name;
        // A refresh is tried again by itself; a consent is not.
        let remedy = match refusal.class {
            TroubleClass::Transient => {
                format!(
                    "does this machine reach the provider (network, DNS, clock)? Then run `gatepost token authorize {name}` again"
                )
            }
            TroubleClass::Configuration | TroubleClass::Ended => refusal.remedy(name),
        };
        ConsentError::Refused(refusal, remedy)
    }

    /// The signed-in user by the provider's word, else by a login.
    async fn check(&self, granted: &Granted) -> Result<(), ConsentError> {
        let token = &self.token;
        let (name, mailbox) = (token.name.clone(), token.mailbox.clone());
        match &granted.identity {
            _ if token.delegate => Ok(()),
            Some(identity) if identity.is(&mailbox) => Ok(()),
            Some(identity) => Err(ConsentError::WrongMailbox { token: name, mailbox, identity: identity.clone() }),
            None => {
                let probed = self.reach.probe(token, &granted.access).await;
                probed.map_err(|fault| ConsentError::NotTheMailbox { token: name, mailbox, fault: Box::new(fault) })
            }
        }
    }
}
