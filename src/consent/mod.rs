//! A person gives a grant: the consent is begun, its answer redeemed, and the grant kept if it is for the right mailbox.
//!
//! Nothing is written before the grant is there and checked, and then in one save: whoever breaks off loses nothing.

mod address;
mod by;
mod device;
mod error;
mod hosted;
mod kept;
mod look;
#[cfg(test)]
mod tests;

pub use address::{admin_consent_url, callback_url, redirect_url};
pub use by::By;
pub use device::Devices;
pub use error::ConsentError;
pub use hosted::{Begun, begin, id_of, pasted, returned};
pub use look::{Consent, Outcome, Task, cancel, look};

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tracing::info;
use url::Url;

use crate::clock;
use crate::model::{Granted, Token, not_granted};
use crate::oauth::{Ask, Http, OauthError, exchange};
use crate::store::Store;
use crate::token::update;
use crate::upstream::Reach;

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

/// Finds the token of a name, and how its provider is reached.
pub type Find = Arc<dyn Fn(&str) -> Option<Party> + Send + Sync>;

/// What a consent came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The token.
    pub token: String,
    /// Who signed in, as far as that is known.
    pub identity: Option<String>,
    /// What has to be known of the grant: a sentence each, without its full stop.
    pub remarks: Vec<String>,
}

impl Party {
    /// Whether its grant is given by a person's consent at all.
    pub(crate) fn asks_a_person(&self) -> Result<(), ConsentError> {
        let Token { name, grant, .. } = self.token.as_ref();
        if grant.asks_a_person() {
            return Ok(());
        }
        Err(ConsentError::NotByConsent { token: name.clone(), grant: grant.name() })
    }

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
        let ahead = store.clock_ahead();
        let now = clock::now() + ahead;
        let granted = granted.later(ahead);
        let remarks = remarks(token, &granted, now);
        update(store, &token.name, |state| state.authorized(granted.clone(), token.binding(), now)).await?;
        info!(token = token.name, identity, "token.authorized");
        Ok(Accepted { token: token.name.clone(), identity, remarks })
    }

    /// What a refusal of this token's endpoint means.
    #[must_use]
    pub fn refused(&self, refusal: OauthError) -> ConsentError {
        ConsentError::refused(refusal, &self.token.name)
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

/// A grant that ends sooner is worth a word at once: nobody looks forward to consenting every week.
const SHORT: TimeDelta = TimeDelta::days(30);

/// What a grant lacks, and when it ends, if that is soon.
fn remarks(token: &Token, granted: &Granted, now: DateTime<Utc>) -> Vec<String> {
    let lacks = granted.scopes.as_deref().map(|scopes| not_granted(&token.scopes, scopes)).unwrap_or_default();
    let lacks = (!lacks.is_empty()).then(|| {
        format!(
            "the provider did not grant {}: allow it in the app registration and consent again, or take it out of `scopes`",
            lacks.join(" ")
        )
    });
    let ends = granted.refresh_ends_at.filter(|ends| *ends < now + SHORT);
    let ends = match ends {
        Some(ends) => Some(format!(
            "this grant ends on {}, as those of an app in Google's Testing state do after seven days: publish the app, then consent again",
            ends.format("%Y-%m-%d")
        )),
        None if token.testing => {
            Some("this grant ends in seven days, for the app is in Testing: publish it, then consent again".to_owned())
        }
        None => None,
    };
    lacks.into_iter().chain(ends).collect()
}
