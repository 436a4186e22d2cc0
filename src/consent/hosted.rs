//! Consents whose answer a browser brings to the service, by itself (`public_url` + `oauth/callback`) or in somebody's
//! clipboard. They are kept in the store, so that whoever begins one need not be whoever gets the answer, and several can be
//! under way.

use secrecy::{ExposeSecret as _, SecretString};
use tracing::warn;
use url::Url;

use super::kept::{Answer, Kept, PATIENCE, Way, hash, keep, kept, put};
use super::{Accepted, By, ConsentError, Party};
use crate::oauth::{Authorization, Returned, authorization};
use crate::store::{Record, Store};

/// A consent that waits for its answer.
#[derive(Clone, Debug)]
pub struct Begun {
    /// By which its outcome is asked for. Nobody can guess it, and who knows it cannot forge an answer.
    pub id: String,
    /// Where the browser has to go.
    pub url: Url,
}

/// Begins a consent whose answer comes to `redirect`. Where whoever begins it has a binding, only who has the same can bring
/// the answer: nobody can be made to bring another's.
pub async fn begin(store: &dyn Store, party: &Party, redirect: Url, by: &By) -> Result<Begun, ConsentError> {
    party.asks_a_person()?;
    let begun = authorization(&party.http, &party.token, redirect).await.map_err(|refusal| party.refused(refusal))?;
    let Authorization { url, state, verifier, redirect } = begun;
    let way = Way::Browser { url: url.clone(), verifier: verifier.expose_secret().to_owned(), redirect };
    // The state itself is no name of anything: who knows the id could not forge an answer.
    let id = hash(state.expose_secret());
    put(store, &id, &Kept::new(party, by, way), PATIENCE).await?;
    Ok(Begun { id, url })
}

/// The id of the consent that an answer says it is for.
#[must_use]
pub fn id_of(answer: &Returned) -> Option<String> {
    answer.state.as_ref().map(|state| hash(state.expose_secret()))
}

/// Takes an answer that a browser brought. One that nobody waits for, or that came before, changes nothing; nor does one that
/// comes in another session than the one that began it: the right one may still bring it.
pub async fn returned(
    store: &dyn Store,
    answer: Returned,
    binding: Option<&str>,
    party: impl Fn(&str) -> Option<Party>,
) -> Result<Accepted, ConsentError> {
    let id = id_of(&answer).ok_or(ConsentError::Unknown)?;
    take(store, &id, answer, binding, party).await
}

/// Takes what somebody pasted for the consent of that id: the address that the browser could not load, its query, or the bare
/// code.
pub async fn pasted(
    store: &dyn Store,
    id: &str,
    text: &str,
    binding: Option<&str>,
    party: impl Fn(&str) -> Option<Party>,
) -> Result<Accepted, ConsentError> {
    let answer = Returned::pasted(text).ok_or(ConsentError::NoAnswer)?;
    if id_of(&answer).is_some_and(|other| other != id) {
        return Err(ConsentError::Another);
    }
    take(store, id, answer, binding, party).await
}

async fn take(
    store: &dyn Store,
    id: &str,
    answer: Returned,
    binding: Option<&str>,
    party: impl Fn(&str) -> Option<Party>,
) -> Result<Accepted, ConsentError> {
    let (record, kept) = kept(store, id).await?.ok_or(ConsentError::Unknown)?;
    let Way::Browser { verifier, redirect, .. } = &kept.way else { return Err(ConsentError::Unknown) };
    let (verifier, redirect) = (SecretString::from(verifier.as_str()), redirect.clone());
    let party = party(&kept.token).filter(|_| kept.answer.is_none()).ok_or(ConsentError::Unknown)?;
    if !kept.is_of(binding) {
        return Err(ConsentError::Elsewhere(kept.token));
    }
    if answer.is_foreign(&party.token.provider) {
        return Err(ConsentError::Unknown);
    }
    // Whoever saves first redeems it; a code is good once.
    let taken = Kept { answer: Some(Answer::Taken), ..kept };
    let record = keep(store, record, &taken, PATIENCE).await?;
    let came_to = match answer.outcome {
        Err(declined) => Err(ConsentError::declined(declined, &party.token)),
        Ok(code) => party.redeem(store, &code, &verifier, &redirect).await,
    };
    tell(store, record, taken, &came_to).await;
    came_to
}

/// What is decided is decided: whoever waits for the outcome may hear of none, and the grant is there or not all the same.
pub(super) async fn tell(store: &dyn Store, record: Record, kept: Kept, came_to: &Result<Accepted, ConsentError>) {
    match came_to {
        Ok(accepted) => kept.by.note(store, accepted).await,
        Err(fault) => kept.by.note_failure(store, &kept.token, fault).await,
    }
    let told = Kept { answer: Some(Answer::of(came_to)), ..kept };
    if let Err(fault) = keep(store, record, &told, PATIENCE).await {
        warn!(token = told.token, error = %fault, "store.failed");
    }
}
