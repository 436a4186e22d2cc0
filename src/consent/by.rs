use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Accepted, ConsentError};
use crate::clock;
use crate::store::{Deed, Store};

/// Who begins a consent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Who, for the trail, such as `administrator`.
    pub who: String,
    /// Where from, for the trail: an address, or empty.
    pub from: String,
    /// What alone entitles to bring the answer, such as a session of the pages; anybody may bring it without one.
    #[serde(skip)]
    pub binding: Option<String>,
}

impl By {
    /// Puts into the trail that a grant was given. It is there whether that can be written or not.
    pub async fn note(&self, store: &dyn Store, accepted: &Accepted) {
        let (who, from) = (self.who.clone(), self.from.clone());
        let detail = accepted.identity.as_ref().map(|who| format!("{who} signed in")).unwrap_or_default();
        let subject = accepted.token.clone();
        let deed = Deed { at: clock::now(), who, from, what: "token.authorized".into(), subject, detail };
        put(store, deed).await;
    }

    /// The same of one that came to nothing, and why.
    pub(super) async fn note_failure(&self, store: &dyn Store, token: &str, fault: &ConsentError) {
        let (who, from, detail) = (self.who.clone(), self.from.clone(), fault.to_string());
        let (what, subject) = ("token.authorization_failed".into(), token.to_owned());
        put(store, Deed { at: clock::now(), who, from, what, subject, detail }).await;
    }
}

async fn put(store: &dyn Store, deed: Deed) {
    let token = deed.subject.clone();
    if let Err(fault) = store.note(deed).await {
        warn!(token, error = %fault, "store.failed");
    }
}
