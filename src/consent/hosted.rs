//! Consents whose answer comes back to the service's own address (`public_url` + `oauth/callback`). They are kept in the
//! store, so that whoever begins one need not be whoever gets the answer, and several can be under way.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tracing::warn;
use url::Url;

use super::{Accepted, ConsentError, Party};
use crate::oauth::{Authorization, Returned, authorization};
use crate::store::{Kind, Record, Saved, Store};
use crate::token::TokenError;

/// How long a person may take; multi-factor authentication needs its time.
const PATIENCE: Duration = Duration::from_mins(10);

/// A consent that waits for its answer.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where the browser has to go.
    pub url: Url,
    state: SecretString,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Waiting,
    /// The grant is there; who signed in, as far as that is known.
    Accepted(Option<String>),
    /// There is no grant: why, and the next step.
    Failed(String, String),
    /// It has run out.
    Gone,
}

/// What is kept of it, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    verifier: String,
    redirect: Url,
    answer: Option<Answer>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// It came and is being redeemed.
    Taken,
    Accepted(Option<String>),
    Failed(String, String),
}

/// Begins a consent whose answer comes to `redirect`.
pub async fn begin(store: &dyn Store, party: &Party, redirect: Url) -> Result<Begun, ConsentError> {
    let begun = authorization(&party.http, &party.token, redirect).await.map_err(|refusal| party.refused(refusal))?;
    let Authorization { url, state, verifier, redirect } = begun;
    let verifier = verifier.expose_secret().to_owned();
    let kept = Kept { token: party.token.name.clone(), verifier, redirect, answer: None };
    let record = store.record(Kind::Authorization, &name(&state)).await.map_err(TokenError::from)?;
    keep(store, record, &kept).await?;
    Ok(Begun { url, state })
}

/// What became of a consent.
pub async fn outcome(store: &dyn Store, begun: &Begun) -> Result<Outcome, ConsentError> {
    let Some((_, kept)) = kept(store, &begun.state).await? else { return Ok(Outcome::Gone) };
    Ok(match kept.answer {
        None | Some(Answer::Taken) => Outcome::Waiting,
        Some(Answer::Accepted(identity)) => Outcome::Accepted(identity),
        Some(Answer::Failed(why, remedy)) => Outcome::Failed(why, remedy),
    })
}

/// Takes an answer that a browser brought. One that nobody waits for, or that came before, changes nothing.
pub async fn returned(
    store: &dyn Store,
    answer: Returned,
    party: impl Fn(&str) -> Option<Party>,
) -> Result<Accepted, ConsentError> {
    let state = answer.state.as_ref().ok_or(ConsentError::Unknown)?;
    let (record, mut kept) = kept(store, state).await?.ok_or(ConsentError::Unknown)?;
    let party = party(&kept.token).filter(|_| kept.answer.is_none()).ok_or(ConsentError::Unknown)?;
    if answer.is_foreign(&party.token.provider) {
        return Err(ConsentError::Unknown);
    }
    kept.answer = Some(Answer::Taken);
    // Whoever saves first redeems it; a code is good once.
    let record = keep(store, record, &kept).await?;
    let came_to = match answer.outcome {
        Err(declined) => {
            let remedy = declined.remedy(&party.token.name);
            Err(ConsentError::Declined(declined, remedy))
        }
        Ok(code) => party.redeem(store, &code, &kept.verifier.as_str().into(), &kept.redirect).await,
    };
    kept.answer = Some(match &came_to {
        Ok(accepted) => Answer::Accepted(accepted.identity.clone()),
        Err(fault) => Answer::Failed(fault.to_string(), fault.remedy()),
    });
    // What is decided is decided: whoever waits for the outcome hears of none, and the grant is there or not all the same.
    if let Err(fault) = keep(store, record, &kept).await {
        warn!(token = party.token.name, error = %fault, "store.failed");
    }
    came_to
}

/// The state itself is not kept: who reads the store could not forge an answer.
fn name(state: &SecretString) -> String {
    let hash = digest(&SHA256, state.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

async fn kept(store: &dyn Store, state: &SecretString) -> Result<Option<(Record, Kept)>, ConsentError> {
    let record = store.record(Kind::Authorization, &name(state)).await.map_err(TokenError::from)?;
    let content = record.content.clone().map_err(TokenError::from)?;
    Ok(content.and_then(|content| Some((record, serde_json::from_str(&content).ok()?))))
}

async fn keep(store: &dyn Store, record: Record, kept: &Kept) -> Result<Record, ConsentError> {
    let content = serde_json::to_string(kept).ok();
    let next = record.with(content);
    match store.put(next.clone(), Some(PATIENCE)).await.map_err(TokenError::from)? {
        Saved::Done(version) => Ok(Record { version, ..next }),
        Saved::Conflict => Err(ConsentError::Unknown),
    }
}
