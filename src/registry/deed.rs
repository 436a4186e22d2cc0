use tracing::{info, warn};

use super::Registry;
use crate::clock;
use crate::store::{Deed, Kind};

/// Who does something, for the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `administrator`, `key NAME` or `command line`.
    pub who: String,
    /// An address, or the name of a login; empty where nothing is known.
    pub from: String,
}

impl Registry {
    /// Notes in the trail and in the log what somebody did to a token or an account. The detail must not hold a secret. What
    /// is done is done: a trail that cannot be written is told in the log.
    pub async fn note(&self, by: &Actor, kind: Kind, what: &str, subject: &str, detail: &str) {
        let Actor { who, from } = by;
        let token = (kind == Kind::Token).then_some(subject);
        let account = (kind == Kind::Account).then_some(subject);
        info!(who, from, token, account, detail, "admin.{what}");
        let deed = Deed {
            at: clock::now(),
            who: who.clone(),
            from: from.clone(),
            what: what.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        };
        if let Err(fault) = self.store().note(deed).await {
            warn!(what, error = %fault, "admin.not_noted");
        }
    }
}
