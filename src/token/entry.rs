use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use super::error::TokenError;
use super::flight::Pending;
use super::heard::Told;
use super::life::Shared;
use super::want::{Want, suitable};
use crate::model::{AccessToken, Grant, Token, TokenState};
use crate::oauth::Http;
use crate::store::{Outline, Store, Topic, Version};

/// One state of a token, and whatever is under way for it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token: Arc<Token>,
    pub(super) http: Http,
    /// Whose mailbox a service account acts for.
    pub(super) user: String,
    /// The name of its state in the store.
    pub(super) name: String,
    cached: ArcSwapOption<Cached>,
    told: ArcSwapOption<Told>,
    /// The settings are new: what people had to mend may be mended, and is tried once without waiting.
    fresh: AtomicBool,
    /// Outlives a change of the settings.
    pub(super) under_way: Arc<UnderWay>,
}

#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pub(super) flight: Mutex<Option<Flight>>,
    /// The last forced refresh: a mailbox that refuses every token must not make one refresh per login.
    forced: Mutex<Option<Instant>>,
    /// The access token that an upstream let in and then refused to serve.
    distrusted: ArcSwapOption<Distrusted>,
    /// What was received and could not be saved yet.
    pub(super) pending: Mutex<Option<Pending>>,
}

#[derive(Debug)]
struct Distrusted {
    access: AccessToken,
    at: Instant,
}

#[derive(Debug)]
struct Cached {
    state: TokenState,
    /// None: the store does not have it.
    version: Option<Version>,
    /// The store's count of changes of it when this was what it had.
    changes: AtomicU64,
}

impl Cached {
    fn is_of(&self, changes: u64) -> bool {
        self.changes.load(Ordering::Relaxed) == changes
    }
}

/// A flight, and what it was started for.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) bound_for: String,
    pub(super) result: Landing,
}

/// The result of a flight, when it has one.
pub(super) type Landing = watch::Receiver<Option<Result<AccessToken, TokenError>>>;

/// Between two forced refreshes of a token.
const BETWEEN_FORCED: Duration = Duration::from_secs(30);

/// Between two access tokens that are distrusted. A mailbox that may not be opened refuses every token: a fresh one is tried
/// now and then, not for each login.
const BETWEEN_DISTRUSTED: Duration = Duration::from_mins(15);

impl UnderWay {
    /// A flight that has not landed, or what could not be saved yet.
    pub(super) fn is_anything(&self) -> bool {
        let flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        flight.as_ref().is_some_and(Flight::goes_on)
            || self.pending.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Flight {
    /// It may yet bring something.
    pub(super) fn goes_on(&self) -> bool {
        self.result.borrow().is_none() && self.result.has_changed().is_ok()
    }
}

impl Entry {
    pub(super) fn new(token: &Arc<Token>, http: &Http, user: &str) -> Self {
        Self {
            name: token.state_name(user),
            token: Arc::clone(token),
            http: http.clone(),
            user: user.to_owned(),
            cached: ArcSwapOption::empty(),
            told: ArcSwapOption::empty(),
            fresh: AtomicBool::new(true),
            under_way: Arc::default(),
        }
    }

    /// The same with other settings.
    pub(super) fn with(&self, token: &Arc<Token>, http: &Http) -> Self {
        Self { under_way: Arc::clone(&self.under_way), ..Self::new(token, http, &self.user) }
    }

    /// A password needs no flight; it never expires here.
    pub(super) fn app_password(&self) -> Option<AccessToken> {
        match &self.token.grant {
            Grant::AppPassword(password) => Some(AccessToken::new(password.clone(), DateTime::<Utc>::MAX_UTC)),
            _ => None,
        }
    }

    /// Whether the settings are new, once.
    pub(super) fn take_fresh(&self) -> bool {
        self.fresh.swap(false, Ordering::Relaxed)
    }

    /// The cached token, if it is what is wanted. Reads no store and waits for no lock.
    pub(super) fn cached_token(&self, want: &Want, shared: &Shared, now: DateTime<Utc>) -> Option<AccessToken> {
        let cached = self.cached.load();
        let cached = cached.as_ref().filter(|cached| cached.is_of(self.changes(shared.store.as_ref())))?;
        suitable(&cached.state, &self.token, want, now)
    }

    /// The same, whether or not others have changed it since.
    pub(super) fn known(&self, want: &Want, now: DateTime<Utc>) -> Option<AccessToken> {
        suitable(&self.cached.load().as_ref()?.state, &self.token, want, now)
    }

    pub(super) fn cache(&self, state: &TokenState, version: Option<Version>, changes: u64) {
        self.cached.store(Some(Arc::new(Cached { state: state.clone(), version, changes: changes.into() })));
    }

    /// What the store said of it at this count of its changes. Whether people may have to be told something.
    pub(super) fn hear(&self, outline: Outline, changes: u64) -> bool {
        let cached = self.cached.load();
        if let Some(same) = cached.as_ref().filter(|cached| cached.version == Some(outline.version)) {
            same.changes.fetch_max(changes, Ordering::Relaxed);
        }
        let told = self.told.swap(Some(Arc::new(Told { outline, changes })));
        Told::concerns(told.map(|told| told.outline), &outline)
    }

    /// Whether the successor of a refresh token was received and could not be saved yet.
    pub(super) fn holds_successor(&self) -> bool {
        let pending = self.under_way.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.as_ref().is_some_and(Pending::rotates)
    }

    /// Grows when others change its state.
    pub(super) fn changes(&self, store: &dyn Store) -> u64 {
        store.changes(Topic::Token(&self.name))
    }

    /// When the token has to be looked at, so far ahead of its expiry. `None`: not before someone gives a grant.
    pub(super) fn due(&self, ahead: TimeDelta, store: &dyn Store, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.token.disabled || matches!(self.token.grant, Grant::AppPassword(_)) {
            return None;
        }
        let (cached, told, changes) = (self.cached.load(), self.told.load(), self.changes(store));
        match (cached.as_ref().filter(|cached| cached.is_of(changes)), told.as_ref()) {
            (Some(cached), _) => self.due_by(&cached.state, ahead, now),
            (None, Some(told)) if told.changes == changes => self.due_by(&told.outline.blank(), ahead, now),
            _ => Some(now),
        }
    }

    fn due_by(&self, state: &TokenState, ahead: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let moved = !self.token.owns(state);
        if self.token.grant.lives_by_refresh() && (state.refresh.is_none() || moved) {
            return None;
        }
        let due = if moved || state.usable(now).is_none() { now } else { state.due(ahead).unwrap_or(now) };
        Some(state.held_until(now).map_or(due, |held| due.max(held)))
    }

    pub(super) fn may_force(&self) -> bool {
        let mut forced = self.under_way.forced.lock().unwrap_or_else(PoisonError::into_inner);
        let may = forced.is_none_or(|last| last.elapsed() >= BETWEEN_FORCED);
        if may {
            *forced = Some(Instant::now());
        }
        may
    }

    /// Distrusts the access token in use, if it was there at `since`. Whether it is done, and not too soon again.
    pub(super) fn distrust(&self, since: DateTime<Utc>) -> bool {
        let cached = self.cached.load();
        let in_use = cached.as_ref().map(|cached| &cached.state);
        let Some(state) = in_use.filter(|state| state.refreshed_at.is_some_and(|at| at <= since)) else { return false };
        let Some(access) = state.access.clone() else { return false };
        let last = self.under_way.distrusted.load();
        let may = last.as_ref().is_none_or(|last| last.at.elapsed() >= BETWEEN_DISTRUSTED);
        if may {
            self.under_way.distrusted.store(Some(Arc::new(Distrusted { access, at: Instant::now() })));
        }
        may
    }

    pub(super) fn is_distrusted(&self, access: &AccessToken) -> bool {
        self.under_way.distrusted.load().as_ref().is_some_and(|distrusted| distrusted.access == *access)
    }
}
