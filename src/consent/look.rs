//! How a consent stands, by its id.

use chrono::{DateTime, Utc};
use url::Url;

use super::kept::{Answer, Kept, PATIENCE, Way, keep, kept};
use super::{Accepted, ConsentError};
use crate::store::Store;

/// A consent that was begun, as its page shows it.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Which token it is for.
    pub token: String,
    /// When it was begun.
    pub begun: DateTime<Utc>,
    /// What became of it.
    pub outcome: Outcome,
    /// It was begun with a binding: only who has the same can go on with it.
    pub bound: bool,
    /// What the person has to do; none for who has not the binding that it was begun with.
    pub task: Option<Task>,
}

impl Consent {
    /// Whether whoever looks has begun it, and in this session.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.bound && self.task.is_some()
    }
}

/// What the person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Sign in and consent in a browser.
    Open {
        /// Where.
        url: Url,
        /// Where the browser comes back to.
        redirect: Url,
    },
    /// Enter a code.
    Enter {
        /// What to enter.
        code: String,
        /// Where.
        url: String,
        /// The same with the code in it, where the provider has one.
        complete: Option<String>,
        /// Until when the code is good.
        ends: DateTime<Utc>,
    },
}

/// What became of a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Waiting,
    /// The grant is there.
    Accepted(Accepted),
    /// There is no grant: why, and the next step.
    Failed(String, String),
    /// Somebody broke it off.
    Cancelled,
}

/// A consent and how it stands; none that was never begun, or has run out.
pub async fn look(store: &dyn Store, id: &str, binding: Option<&str>) -> Result<Option<Consent>, ConsentError> {
    let Some((_, kept)) = kept(store, id).await? else { return Ok(None) };
    let task = kept.is_of(binding).then(|| task(&kept.way));
    let Kept { token, begun, answer, bound, .. } = kept;
    let bound = bound.is_some();
    let outcome = match answer {
        None | Some(Answer::Taken) => Outcome::Waiting,
        Some(Answer::Accepted(accepted)) => Outcome::Accepted(accepted),
        Some(Answer::Failed(why, remedy)) => Outcome::Failed(why, remedy),
        Some(Answer::Cancelled) => Outcome::Cancelled,
    };
    Ok(Some(Consent { token, begun, outcome, bound, task }))
}

/// Breaks a consent off: its answer is not taken any more. Returns the token that it was for; none where it is over already, or
/// being redeemed.
pub async fn cancel(store: &dyn Store, id: &str) -> Result<Option<String>, ConsentError> {
    let Some((record, mut kept)) = kept(store, id).await? else { return Ok(None) };
    if kept.answer.is_some() {
        return Ok(None);
    }
    kept.answer = Some(Answer::Cancelled);
    match keep(store, record, &kept, PATIENCE).await {
        Ok(_) => Ok(Some(kept.token)),
        Err(ConsentError::Unknown) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn task(way: &Way) -> Task {
    match way {
        Way::Browser { url, redirect, .. } => Task::Open { url: url.clone(), redirect: redirect.clone() },
        Way::Device(device) => Task::Enter {
            code: device.user_code.clone(),
            url: device.verification_url.clone(),
            complete: device.complete_url.clone(),
            ends: device.ends,
        },
    }
}
