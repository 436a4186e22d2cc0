//! One refresh of one token, from the store and back into it.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::error::TokenError;
use super::life::{Entry, Shared, Want, suitable};
use crate::clock;
use crate::model::{AccessToken, Grant, Granted, TokenState, Trouble, TroubleClass};
use crate::oauth::{OauthError, exchange};
use crate::store::{Saved, StoreError, Stored};

/// A grant that was received, together with the refresh token it was received for.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    used: Option<secrecy::SecretString>,
    granted: Granted,
    at: DateTime<Utc>,
}

/// How often to look whether the process that holds the lease is done.
const POLL: Duration = Duration::from_millis(100);
/// Attempts to save a grant before the flight gives up and leaves it pending.
const SAVE_ATTEMPTS: u32 = 5;
const SAVE_PAUSE: Duration = Duration::from_millis(200);

/// Brings what is wanted, from the store or from the provider.
pub(super) async fn fly(shared: &Shared, entry: &Entry, want: &Want) -> Result<AccessToken, TokenError> {
    save_pending(shared, entry).await?;
    if let Some(found) = look(shared, entry, want).await?.brought {
        return Ok(found);
    }
    let name = &entry.token.name;
    let deadline = Instant::now() + shared.settings.patience;
    while !leased(shared, entry).await? {
        sleep(POLL).await;
        if let Some(found) = look(shared, entry, want).await?.brought {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(TokenError::Timeout { token: name.clone(), seconds: shared.settings.patience.as_secs() });
        }
    }
    let brought = refresh(shared, entry, want).await;
    if let Err(fault) = shared.store.release(name, &shared.owner).await {
        warn!(token = name, error = %fault, "store.failed");
    }
    brought
}

/// Takes the lease. A store that cannot be written stops the refresh of a grant that might rotate, for its successor could
/// not be kept; a grant without a refresh token has nothing to lose.
async fn leased(shared: &Shared, entry: &Entry) -> Result<bool, StoreError> {
    let name = &entry.token.name;
    match shared.store.lease(name, &shared.owner, shared.settings.lease).await {
        Err(fault) if entry.token.grant == Grant::ClientCredentials => {
            warn!(token = name, error = %fault, "store.failed");
            Ok(true)
        }
        answer => answer,
    }
}

/// What the store has.
struct Look {
    stored: Stored,
    brought: Option<AccessToken>,
}

/// Reads the store, and caches what it says.
async fn look(shared: &Shared, entry: &Entry, want: &Want) -> Result<Look, TokenError> {
    // Counted before the read: a change that comes in between is noticed, at the worst twice.
    let changes = shared.store.foreign_changes();
    let stored = shared.store.token(&entry.token.name).await?;
    entry.cache(&stored.state, changes);
    let brought = suitable(&stored.state, want, clock::now());
    Ok(Look { stored, brought })
}

/// Under the lease: looks once more, for someone else may have been faster, then asks the provider.
async fn refresh(shared: &Shared, entry: &Entry, want: &Want) -> Result<AccessToken, TokenError> {
    let Look { stored, brought } = look(shared, entry, want).await?;
    if let Some(found) = brought {
        return Ok(found);
    }
    let name = &entry.token.name;
    let state = &stored.state;
    let now = clock::now();
    if let Some(trouble) = state.trouble.as_ref().filter(|trouble| trouble.retry_at > now) {
        return Err(TokenError::of(name, trouble));
    }
    let used = match (entry.token.grant, &state.refresh, &state.trouble) {
        (Grant::ClientCredentials, ..) => None,
        (Grant::RefreshToken, Some(refresh), _) => Some(refresh.clone()),
        (Grant::RefreshToken, None, Some(trouble)) => return Err(TokenError::of(name, trouble)),
        (Grant::RefreshToken, None, None) => return Err(TokenError::Empty(name.clone())),
    };
    let asked = Instant::now();
    match exchange(&entry.http, &entry.token, used.as_ref()).await {
        Ok(granted) => {
            let access = granted.access.clone();
            let rotated = granted.refresh.is_some();
            if !rotated {
                // Nothing of it has to be kept, so it serves even while the store cannot be written.
                entry.cache(&state.clone().renewed(granted.clone(), now), shared.store.foreign_changes());
            }
            *entry.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pending { used, granted, at: now });
            let saved = save_pending(shared, entry).await;
            let expires_in = (access.expires_at() - now).num_seconds();
            let ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            info!(token = name, expires_in, rotated, ms, "token.refreshed");
            // A rotated refresh token is durable before its access token is used; without one nothing can be lost.
            if rotated { saved.map(|()| access) } else { Ok(access) }
        }
        Err(refusal) => {
            let trouble = note_failure(shared, entry, stored, &refusal).await;
            Err(trouble)
        }
    }
}

/// Saves what was received. While the store fails it stays in memory, and is tried again by every later flight.
async fn save_pending(shared: &Shared, entry: &Entry) -> Result<(), TokenError> {
    let take = || entry.pending.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(pending) = take() else { return Ok(()) };
    let mut attempt = 1;
    loop {
        match save_grant(shared, entry, &pending).await {
            Ok(()) => {
                *entry.pending.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return Ok(());
            }
            Err(fault) if attempt < SAVE_ATTEMPTS => {
                attempt += 1;
                warn!(token = entry.token.name, error = %fault, attempt, "store.failed");
                sleep(SAVE_PAUSE * attempt).await;
            }
            Err(fault) => {
                error!(token = entry.token.name, error = %fault, "store.failed");
                return Err(fault.into());
            }
        }
    }
}

/// Compare-and-swap until it holds. An import that came meanwhile is the administrator's word and stays; the refresh
/// token that we received then goes to quarantine beside it instead of being dropped.
async fn save_grant(shared: &Shared, entry: &Entry, pending: &Pending) -> Result<(), StoreError> {
    loop {
        let changes = shared.store.foreign_changes();
        let Stored { state, version } = shared.store.token(&entry.token.name).await?;
        let next = succeed(state, pending);
        if let Saved::Done(_) = shared.store.save(&entry.token.name, version, &next).await? {
            entry.cache(&next, changes);
            return Ok(());
        }
    }
}

fn succeed(state: TokenState, pending: &Pending) -> TokenState {
    let exposed = |secret: &secrecy::SecretString| secret.expose_secret().to_owned();
    let used = pending.used.as_ref().map(exposed);
    let replaced = used.is_some() && state.refresh.as_ref().map(exposed) != used;
    if replaced && state.refresh.is_some() {
        let quarantined = pending.granted.refresh.clone().or_else(|| state.quarantined.clone());
        return TokenState { quarantined, ..state };
    }
    state.renewed(pending.granted.clone(), pending.at)
}

/// Remembers a failure, so that the next attempt waits its turn and an operator can read why.
async fn note_failure(shared: &Shared, entry: &Entry, stored: Stored, refusal: &OauthError) -> TokenError {
    let (name, now) = (&entry.token.name, clock::now());
    let failures = stored.state.trouble.as_ref().map_or(0, |trouble| trouble.failures);
    let class = match (refusal.class, entry.token.grant) {
        // There is no grant to end: the registration is at fault.
        (TroubleClass::Ended, Grant::ClientCredentials) => TroubleClass::Configuration,
        (class, _) => class,
    };
    let wait = back_off(class, failures, refusal.retry_after);
    let trouble = Trouble { class, summary: refusal.to_string(), since: now, failures: 1, retry_at: now + wait };
    let first = stored.state.trouble.as_ref().is_none_or(|before| before.class != class);
    let answer = TokenError::of(name, &trouble);
    let next = stored.state.failed(trouble);
    let changes = shared.store.foreign_changes();
    match shared.store.save(name, stored.version, &next).await {
        Ok(Saved::Done(_)) => entry.cache(&next, changes),
        // Someone has saved meanwhile, and knows better.
        Ok(Saved::Conflict) => {}
        Err(fault) => warn!(token = name, error = %fault, "store.failed"),
    }
    let retry_in = wait.num_seconds();
    if class == TroubleClass::Ended {
        if first {
            error!(token = name, error = %refusal, "token.needs_authorization");
        }
    } else {
        warn!(token = name, class = class.name(), error = %refusal, retry_in, "token.refresh_failed");
    }
    answer
}

/// Doubles from a second to five minutes; what only people can mend is tried seldom. The endpoint's own wish comes first.
fn back_off(class: TroubleClass, failures: u32, wish: Option<Duration>) -> TimeDelta {
    const LONGEST: i64 = 300;
    let own = match class {
        TroubleClass::Transient => (1_i64 << failures.min(10)).min(LONGEST),
        TroubleClass::Configuration => (30_i64 << failures.min(5)).min(LONGEST),
        TroubleClass::Ended => LONGEST,
    };
    let wish = wish.and_then(|wish| i64::try_from(wish.as_secs()).ok()).unwrap_or(0);
    TimeDelta::seconds(own.max(wish.min(24 * 3600)))
}
