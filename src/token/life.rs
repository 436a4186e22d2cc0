use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::error::TokenError;
use super::flight::{Pending, fly};
use crate::clock;
use crate::lifecycle::Busy;
use crate::model::{AccessToken, Grant, Token, TokenState};
use crate::oauth::Http;
use crate::store::{Saved, Store};

/// All tokens of the process.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Shared>);

/// Times of token life.
#[derive(Clone, Copy, Debug)]
pub struct TokenSettings {
    /// How long ahead of expiry a token is refreshed.
    pub ahead: Duration,
    /// How long anyone waits for a refresh.
    pub patience: Duration,
    /// How long one process may refresh before another takes over. Longer than an exchange can take.
    pub lease: Duration,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: TokenSettings,
    /// Names this process in leases.
    pub(super) owner: String,
    entries: HashMap<String, Arc<Entry>>,
    flights: Busy,
}

/// One token.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token: Arc<Token>,
    pub(super) http: Http,
    cached: ArcSwapOption<Cached>,
    flight: Mutex<Option<Flight>>,
    /// The last forced refresh: a mailbox that refuses every token must not make one refresh per login.
    forced: Mutex<Option<Instant>>,
    /// What was received and could not be saved yet.
    pub(super) pending: Mutex<Option<Pending>>,
}

#[derive(Debug)]
struct Cached {
    state: TokenState,
    /// The store's count of foreign changes when this was read.
    changes: u64,
}

/// The result of a flight, when it has one.
type Flight = watch::Receiver<Option<Result<AccessToken, TokenError>>>;

/// What a caller needs.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// Any token with life enough to be used.
    Usable,
    /// Another than this one, which an upstream refused.
    Another(AccessToken),
    /// One that does not expire so soon.
    Fresh(TimeDelta),
}

/// Between two forced refreshes of a token.
const BETWEEN_FORCED: Duration = Duration::from_secs(30);

impl Tokens {
    /// The declared tokens, each with the HTTP client of its provider.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        settings: TokenSettings,
        owner: String,
        tokens: impl IntoIterator<Item = (Arc<Token>, Http)>,
    ) -> Self {
        let entry = |(token, http): (Arc<Token>, Http)| {
            let name = token.name.clone();
            let entry = Entry {
                token,
                http,
                cached: ArcSwapOption::empty(),
                flight: Mutex::default(),
                forced: Mutex::default(),
                pending: Mutex::default(),
            };
            (name, Arc::new(entry))
        };
        let entries = tokens.into_iter().map(entry).collect();
        Self(Arc::new(Shared { store, settings, owner, entries, flights: Busy::default() }))
    }

    /// A token to log in with. At once when one is cached; otherwise after a refresh, or with the reason why not.
    pub async fn access_token(&self, name: &str) -> Result<AccessToken, TokenError> {
        let entry = self.entry(name)?;
        match entry.cached_token(&Want::Usable, &self.0, clock::now()) {
            Some(access) => Ok(access),
            None => self.obtain(entry, Want::Usable).await,
        }
    }

    /// A token to log in with after an upstream refused this one: newer, by one forced refresh that all who were refused
    /// share. The same again means that a refresh has just been tried.
    pub async fn renewed(&self, name: &str, refused: &AccessToken) -> Result<AccessToken, TokenError> {
        let entry = self.entry(name)?;
        let want = Want::Another(refused.clone());
        if let Some(access) = entry.cached_token(&want, &self.0, clock::now()) {
            return Ok(access);
        }
        if !entry.may_force() {
            return Ok(refused.clone());
        }
        self.obtain(entry, want).await
    }

    /// Waits until no refresh is under way, at most `limit`: one that is cut off may lose a rotated refresh token.
    pub async fn settle(&self, limit: Duration) {
        let unfinished = self.0.flights.finished(limit).await;
        if unfinished > 0 {
            warn!(unfinished, "token.refresh_cut_off");
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    fn entry(&self, name: &str) -> Result<&Arc<Entry>, TokenError> {
        self.0.entries.get(name).ok_or_else(|| TokenError::Unknown(name.to_owned()))
    }

    async fn obtain(&self, entry: &Arc<Entry>, want: Want) -> Result<AccessToken, TokenError> {
        self.0.obtain(entry, want).await
    }
}

impl Shared {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// Joins the token's flight, or starts one. A flight that someone else started may bring what is not wanted; then
    /// one more is started.
    pub(super) async fn obtain(self: &Arc<Self>, entry: &Arc<Entry>, want: Want) -> Result<AccessToken, TokenError> {
        let late =
            || TokenError::Timeout { token: entry.token.name.clone(), seconds: self.settings.patience.as_secs() };
        let waiting = async {
            let (mut flight, joined) = self.flight(entry, &want);
            let brought = landed(&mut flight).await;
            match (&brought, &want) {
                (Ok(access), Want::Another(refused)) if joined && access == refused => {
                    landed(&mut self.flight(entry, &want).0).await
                }
                _ => brought,
            }
        };
        timeout(self.settings.patience, waiting).await.map_err(|_| late())?
    }

    fn flight(self: &Arc<Self>, entry: &Arc<Entry>, want: &Want) -> (Flight, bool) {
        let mut slot = entry.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = slot.as_ref().filter(|flight| flight.borrow().is_none() && flight.has_changed().is_ok()) {
            return (flight.clone(), true);
        }
        let (result, flight) = watch::channel(None);
        *slot = Some(flight.clone());
        let (shared, entry, want) = (Arc::clone(self), Arc::clone(entry), want.clone());
        let under_way = self.flights.enter();
        tokio::spawn(async move {
            let _under_way = under_way;
            let brought = fly(&shared, &entry, &want).await;
            result.send_replace(Some(brought));
        });
        (flight, false)
    }
}

async fn landed(flight: &mut Flight) -> Result<AccessToken, TokenError> {
    match flight.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Err(TokenError::Store(crate::store::StoreError::Closed))),
        // The task ended without a result: the process is stopping.
        Err(_) => Err(TokenError::Store(crate::store::StoreError::Closed)),
    }
}

impl Entry {
    /// The cached token, if it is what is wanted. Reads no store and waits for no lock.
    pub(super) fn cached_token(&self, want: &Want, shared: &Shared, now: DateTime<Utc>) -> Option<AccessToken> {
        let cached = self.cached.load();
        let cached = cached.as_ref().filter(|cached| cached.changes == shared.store.foreign_changes())?;
        suitable(&cached.state, want, now)
    }

    pub(super) fn cache(&self, state: &TokenState, changes: u64) {
        self.cached.store(Some(Arc::new(Cached { state: state.clone(), changes })));
    }

    /// When the token has to be looked at, so far ahead of its expiry. `None`: not before someone imports a refresh token.
    pub(super) fn due(&self, ahead: TimeDelta, changes: u64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let cached = self.cached.load();
        let Some(cached) = cached.as_ref().filter(|cached| cached.changes == changes) else { return Some(now) };
        let state = &cached.state;
        if self.token.grant == Grant::RefreshToken && state.refresh.is_none() {
            return None;
        }
        let due = state.due(ahead).unwrap_or(now);
        Some(state.trouble.as_ref().map_or(due, |trouble| due.max(trouble.retry_at)))
    }

    fn may_force(&self) -> bool {
        let mut forced = self.forced.lock().unwrap_or_else(PoisonError::into_inner);
        let may = forced.is_none_or(|last| last.elapsed() >= BETWEEN_FORCED);
        if may {
            *forced = Some(Instant::now());
        }
        may
    }
}

/// The token of a state, if it is what is wanted.
pub(super) fn suitable(state: &TokenState, want: &Want, now: DateTime<Utc>) -> Option<AccessToken> {
    let usable = state.usable(now)?;
    let wanted = match want {
        Want::Usable => true,
        Want::Another(refused) => usable != refused,
        Want::Fresh(ahead) => state.due(*ahead).is_some_and(|due| due > now),
    };
    wanted.then(|| usable.clone())
}

impl Shared {
    pub(super) fn ahead(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.ahead).unwrap_or(TimeDelta::zero())
    }
}

/// Imports a refresh token into the store. Beside a running service, which sees it at the next login.
pub async fn import(store: &dyn Store, name: &str, refresh: SecretString) -> Result<(), TokenError> {
    loop {
        let stored = store.token(name).await?;
        let state = stored.state.imported(refresh.clone());
        if let Saved::Done(_) = store.save(name, stored.version, &state).await? {
            return Ok(());
        }
    }
}
