//! One refresh of one token, from the store and back into it.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::entry::Entry;
use super::error::TokenError;
use super::lease::{self, Lease, news};
use super::life::Shared;
use super::want::{Want, suitable};
use crate::model::{AccessToken, Grant, Granted, LONGEST_BACK_OFF, TokenState, Trouble, TroubleClass};
use crate::oauth::{Ask, OauthError, exchange};
use crate::store::{Answer, Saved, StoreError, Stored, Version};

/// A grant that was received, together with the refresh token it was received for, and whose it is: the settings may
/// change before it can be saved.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    used: Option<SecretString>,
    bound_to: String,
    granted: Granted,
    at: DateTime<Utc>,
}

impl Pending {
    /// The refresh token that was spent has a successor.
    pub(super) const fn rotates(&self) -> bool {
        self.granted.refresh.is_some()
    }
}

/// Attempts to save a grant before the flight gives up and leaves it pending.
const SAVE_ATTEMPTS: u32 = 5;
const SAVE_PAUSE: Duration = Duration::from_millis(200);

/// How long the store may take: longer than another process may keep it busy. What was asked may still be done.
const STORE: Duration = Duration::from_secs(30);

/// A disk that hangs must not leave a flight without end, for every login of its token would join it.
pub(super) async fn in_time<T>(answer: Answer<'_, T>) -> Result<T, StoreError> {
    timeout(STORE, answer).await.unwrap_or(Err(StoreError::Late { seconds: STORE.as_secs() }))
}

/// Brings what is wanted, from the store or from the provider.
pub(super) async fn fly(shared: &Shared, entry: &Entry, want: &Want) -> Result<AccessToken, TokenError> {
    match found(shared, entry, want).await {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => {}
        // What is known serves until there is a store to ask whether somebody has changed it.
        Err(TokenError::Store(fault)) if fault.is_absence() => {
            return entry.known(want, shared.now()).ok_or(fault.into());
        }
        Err(fault) => return Err(fault),
    }
    let deadline = Instant::now() + shared.settings().patience;
    loop {
        let seen = entry.changes(shared.store.as_ref());
        if let Some(lease) = Lease::take(shared, entry).await? {
            let brought = lease.during(refresh(shared, entry, want, &lease)).await;
            // The store still has the refresh token that was spent: it stays ours until its successor is there.
            if !entry.holds_successor() {
                lease.release().await;
            }
            if let Some(brought) = brought.transpose() {
                return brought;
            }
        }
        if Instant::now() >= deadline {
            let (token, seconds) = (entry.token.name.clone(), shared.settings().patience.as_secs());
            return Err(TokenError::Timeout { token, seconds });
        }
        news(shared, entry, seen).await;
        if let Some(found) = look(shared, entry, want).await?.brought {
            return Ok(found);
        }
    }
}

/// What is there already, once what pends is saved.
async fn found(shared: &Shared, entry: &Entry, want: &Want) -> Result<Option<AccessToken>, TokenError> {
    let ours = entry.holds_successor();
    let saved = save_pending(shared, entry).await;
    if ours {
        lease::after(shared, entry, saved.is_ok()).await;
    }
    saved?;
    Ok(look(shared, entry, want).await?.brought)
}

/// What the store has.
struct Look {
    stored: Stored,
    brought: Option<AccessToken>,
}

/// Reads the store, and caches what it says.
async fn look(shared: &Shared, entry: &Entry, want: &Want) -> Result<Look, TokenError> {
    // Counted before the read: a change that comes in between is noticed, at the worst twice.
    let changes = entry.changes(shared.store.as_ref());
    let stored = in_time(shared.store.token(&entry.name)).await?;
    entry.cache(&stored.state, Some(stored.version), changes);
    let brought = suitable(&stored.state, &entry.token, want, shared.now());
    Ok(Look { stored, brought })
}

/// Under the lease: looks once more, for someone else may have been faster, then asks the provider. None: the lease was lost
/// before anything was sent.
async fn refresh(
    shared: &Shared,
    entry: &Entry,
    want: &Want,
    lease: &Lease<'_>,
) -> Result<Option<AccessToken>, TokenError> {
    let Look { stored, brought } = look(shared, entry, want).await?;
    if brought.is_some() {
        return Ok(brought);
    }
    let state = &stored.state;
    let now = shared.now();
    let urged = matches!(want, Want::Since(_));
    held(entry, state, urged, now)?;
    let material = material(entry, state, urged)?;
    if !lease.is_held().await? {
        return Ok(None);
    }
    let asked = Instant::now();
    match ask(entry, &material).await {
        Ok((used, granted)) => {
            // Some providers say the same one again, which is no rotation.
            let is_new =
                |new: &SecretString| used.as_ref().is_none_or(|used| used.expose_secret() != new.expose_secret());
            let granted = granted.later(shared.store.clock_ahead());
            let granted = Granted { refresh: granted.refresh.filter(is_new), ..granted };
            let ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            let expires_in = (granted.access.expires_at() - now).num_seconds();
            let rotated = granted.refresh.is_some();
            info!(token = entry.token.name, user = subject(entry), expires_in, rotated, ms, "token.refreshed");
            keep(shared, entry, state, Pending { used, bound_to: entry.token.binding(), granted, at: now })
                .await
                .map(Some)
        }
        Err(refusal) => Err(note_failure(shared, entry, stored, &refusal).await),
    }
}

/// Asks the provider with each refresh token until one does not turn out dead; once where the grant needs none.
async fn ask(entry: &Entry, material: &[SecretString]) -> Result<(Option<SecretString>, Granted), OauthError> {
    let Some((last, others)) = material.split_last() else {
        let granted = exchange(&entry.http, &entry.token, Ask::Own { user: &entry.user }).await?;
        // Only a grant that lives by it keeps a refresh token.
        return Ok((None, Granted { refresh: None, ..granted }));
    };
    for refresh in others {
        match exchange(&entry.http, &entry.token, Ask::Refresh(refresh)).await {
            Err(refusal) if refusal.class == TroubleClass::Ended => {}
            answer => return answer.map(|granted| (Some(refresh.clone()), granted)),
        }
    }
    let granted = exchange(&entry.http, &entry.token, Ask::Refresh(last)).await?;
    Ok((Some(last.clone()), granted))
}

/// Keeps what was received, and hands out its access token: a rotated refresh token is durable first.
async fn keep(shared: &Shared, entry: &Entry, state: &TokenState, pending: Pending) -> Result<AccessToken, TokenError> {
    let (access, rotated) = (pending.granted.access.clone(), pending.granted.refresh.is_some());
    if !rotated {
        // Nothing of it has to be kept, so it serves even while the store cannot be written.
        entry.cache(&succeed(state.clone(), &pending), None, entry.changes(shared.store.as_ref()));
    }
    *entry.under_way.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
    let saved = save_pending(shared, entry).await;
    if saved.is_ok() {
        shared.notices.recovered(shared.store.as_ref(), entry).await;
    }
    if rotated { saved.map(|()| access) } else { Ok(access) }
}

/// Whether the time of another attempt has come. New settings and an administrator's wish do not wait for what people had to
/// mend.
fn held(entry: &Entry, state: &TokenState, urged: bool, now: DateTime<Utc>) -> Result<(), TokenError> {
    let Some(trouble) = state.trouble.as_ref().filter(|_| state.held_until(now).is_some()) else { return Ok(()) };
    let mended = trouble.class != TroubleClass::Transient && entry.take_fresh();
    if mended || urged { Ok(()) } else { Err(TokenError::of(&entry.name, trouble)) }
}

/// The refresh tokens to try; none where the grant needs none. They never go to another than the one that issued them.
fn material(entry: &Entry, state: &TokenState, urged: bool) -> Result<Vec<SecretString>, TokenError> {
    let token = &entry.token;
    if !token.grant.lives_by_refresh() {
        return Ok(Vec::new());
    }
    let now = token.binding();
    match (&state.refresh, &state.bound_to, &state.trouble) {
        (Some(_), Some(issued), _) if *issued != now => {
            return Err(TokenError::Moved { token: token.name.clone(), issued: issued.clone(), now });
        }
        (Some(refresh), ..) => return Ok(vec![refresh.clone()]),
        _ => {}
    }
    let quarantined = state.quarantined.iter().filter(|_| urged).flat_map(|kept| kept.of_client(&now));
    let material: Vec<_> = quarantined.cloned().collect();
    match &state.trouble {
        _ if !material.is_empty() => Ok(material),
        // What another endpoint or client was told is no reason here.
        Some(_) if !token.owns(state) => Err(TokenError::empty(token)),
        Some(trouble) => Err(TokenError::of(&entry.name, trouble)),
        None => Err(TokenError::empty(token)),
    }
}

/// For the log: whose token a service account's is.
fn subject(entry: &Entry) -> Option<&str> {
    entry.token.is_per_mailbox().then_some(entry.user.as_str())
}

/// Saves what was received. While the store fails it stays in memory, and is tried again by every later flight.
pub(super) async fn save_pending(shared: &Shared, entry: &Entry) -> Result<(), TokenError> {
    let take = || entry.under_way.pending.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(pending) = take() else { return Ok(()) };
    let again = |fault: &StoreError, attempt| {
        warn!(token = entry.token.name, error = %fault, attempt, "store.failed");
        true
    };
    if let Err(fault) = in_attempts(again, || save_grant(shared, entry, &pending)).await {
        error!(token = entry.token.name, error = %fault, "store.failed");
        return Err(fault.into());
    }
    *entry.under_way.pending.lock().unwrap_or_else(PoisonError::into_inner) = None;
    Ok(())
}

/// Saves by some attempts, as long as another one is worth it: `again` hears why, and which one that is.
pub(super) async fn in_attempts<F: Future<Output = Result<(), StoreError>>>(
    again: impl Fn(&StoreError, u32) -> bool,
    save: impl Fn() -> F,
) -> Result<(), StoreError> {
    for attempt in 2..=SAVE_ATTEMPTS {
        match save().await {
            Err(fault) if again(&fault, attempt) => sleep(SAVE_PAUSE * attempt).await,
            done => return done,
        }
    }
    save().await
}

/// Compare-and-swap until it holds.
async fn save_grant(shared: &Shared, entry: &Entry, pending: &Pending) -> Result<(), StoreError> {
    loop {
        let changes = entry.changes(shared.store.as_ref());
        let Stored { state, version } = in_time(shared.store.token(&entry.name)).await?;
        if pending.used.is_some() && version == Version::default() {
            // It was forgotten meanwhile: the administrator's word.
            entry.cache(&state, Some(version), changes);
            return Ok(());
        }
        let next = succeed(state, pending);
        if let Saved::Done(saved) = in_time(shared.store.save(&entry.name, version, &next)).await? {
            entry.cache(&next, Some(saved), changes);
            return Ok(());
        }
    }
}

/// The state after a grant. An import that came meanwhile is the administrator's word and stays; the refresh token that we
/// received then goes to quarantine beside it instead of being dropped.
fn succeed(state: TokenState, pending: &Pending) -> TokenState {
    let Pending { used, bound_to, granted, at } = pending;
    let in_use = |refresh: &SecretString| {
        state.refresh.as_ref().is_some_and(|held| held.expose_secret() == refresh.expose_secret())
    };
    // The second: an earlier attempt to save has succeeded although it said otherwise.
    let ours = used.as_ref().is_none_or(in_use) || granted.refresh.as_ref().is_some_and(in_use);
    let aside = |refresh: &&SecretString| state.quarantined.as_ref().is_some_and(|kept| kept.holds(refresh));
    let state = match used.as_ref().filter(aside).filter(|_| state.refresh.is_none()) {
        // Another process took it for dead, or an administrator had it tried again.
        Some(proved_good) => state.reinstated(proved_good),
        None if ours => state,
        None => {
            return match granted.refresh.clone() {
                Some(refresh) => state.kept(refresh, Some(bound_to.clone())),
                None => state,
            };
        }
    };
    TokenState { bound_to: Some(bound_to.clone()), ..state.renewed(granted.clone(), *at) }
}

/// Remembers a failure, so that the next attempt waits its turn and an operator can read why.
async fn note_failure(shared: &Shared, entry: &Entry, stored: Stored, refusal: &OauthError) -> TokenError {
    let (name, now) = (&entry.name, shared.now());
    entry.take_fresh();
    let failures = stored.state.trouble.as_ref().map_or(0, |trouble| trouble.failures);
    let class = match (refusal.class, &entry.token.grant) {
        // There is no grant to end: the registration is at fault.
        (TroubleClass::Ended, Grant::ClientCredentials | Grant::ServiceAccount(_)) => TroubleClass::Configuration,
        (class, _) => class,
    };
    let wait = back_off(class, failures, refusal.retry_after);
    let (summary, remedy) = (refusal.to_string(), refusal.remedy(&entry.token.name));
    let trouble = Trouble { class, summary, remedy: remedy.clone(), since: now, failures: 1, retry_at: now + wait };
    let answer = TokenError::of(name, &trouble);
    let next = stored.state.failed(trouble);
    let changes = entry.changes(shared.store.as_ref());
    match in_time(shared.store.save(name, stored.version, &next)).await {
        Ok(Saved::Done(saved)) => entry.cache(&next, Some(saved), changes),
        // Someone has saved meanwhile, and knows better: nobody is called for what is over.
        Ok(Saved::Conflict) => return answer,
        Err(fault) => warn!(token = name, error = %fault, "store.failed"),
    }
    let retry_in = wait.num_seconds();
    if class == TroubleClass::Ended {
        shared.notices.needs_authorization(shared.store.as_ref(), entry, &refusal.to_string(), &remedy).await;
    } else {
        warn!(token = entry.token.name, user = subject(entry), class = class.name(), error = %refusal, remedy, retry_in, "token.refresh_failed");
    }
    answer
}

/// Doubles from a second to five minutes; what only people can mend is tried seldom. The endpoint's own wish comes first.
fn back_off(class: TroubleClass, failures: u32, wish: Option<Duration>) -> TimeDelta {
    const LONGEST: i64 = 300;
    let own = match class {
        TroubleClass::Transient => (1_i64 << failures.min(10)).min(LONGEST),
        TroubleClass::Configuration => (30_i64 << failures.min(5)).min(LONGEST),
        // A password that is wrong must not be tried until the account is locked.
        TroubleClass::Ended => (LONGEST << failures.min(9)).min(LONGEST_BACK_OFF.num_seconds()),
    };
    let wish = wish.and_then(|wish| i64::try_from(wish.as_secs()).ok()).unwrap_or(0);
    TimeDelta::seconds(own.max(wish).min(LONGEST_BACK_OFF.num_seconds()))
}
