use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::entries::Entries;
use super::entry::{Entry, Flight, Landing};
use super::error::TokenError;
use super::flight::fly;
use super::heard::Heard;
use super::notice::Notices;
use super::want::Want;
use crate::clock;
use crate::lifecycle::Busy;
use crate::model::{AccessToken, Token, TokenState};
use crate::oauth::Http;
use crate::store::Store;

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
    settings: ArcSwap<TokenSettings>,
    /// Names this process in leases.
    pub(super) owner: String,
    pub(super) notices: Notices,
    entries: Entries,
    /// Of tokens that are not declared now, and for which something is under way: they may come again.
    aside: Mutex<Vec<Arc<Entry>>>,
    declared: ArcSwap<HashMap<String, Declared>>,
    /// When something is due may be another time than before.
    pub(super) moved: Notify,
    pub(super) heard: Heard,
    pub(super) flights: Busy,
}

/// A declared token with the HTTP client of its provider.
type Declared = (Arc<Token>, Http);

impl Tokens {
    /// No tokens yet; see [`Tokens::declare`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>, settings: TokenSettings, owner: String, notices: Notices) -> Self {
        let (entries, declared) = (Entries::new(), ArcSwap::default());
        let (settings, moved, heard) = (ArcSwap::from_pointee(settings), Notify::new(), Heard::default());
        let flights = Busy::default();
        let aside = Mutex::default();
        let shared =
            Arc::new(Shared { store, settings, owner, notices, entries, aside, declared, moved, heard, flights });
        shared.listen();
        Self(shared)
    }

    /// These times from now on.
    pub fn set(&self, settings: TokenSettings) {
        self.0.settings.store(Arc::new(settings));
        self.0.moved.notify_one();
    }

    /// The tokens there are from now on, each with the HTTP client of its provider. What is under way goes on, and what was
    /// received is kept: also for a token that is away for a moment, for its record could not be read or its lines were taken out
    /// and put back.
    pub fn declare(&self, tokens: impl IntoIterator<Item = (Arc<Token>, Http)>) {
        let declared: HashMap<_, _> =
            tokens.into_iter().map(|(token, http)| (token.name.clone(), (token, http))).collect();
        let mut entries = HashMap::new();
        let mut aside = self.0.aside();
        let before = self.0.entries().into_iter().chain(take(&mut *aside));
        for entry in before {
            match declared.get(&entry.token.name) {
                Some((token, http)) if token.state_name(&entry.user) == entry.name => {
                    let same = Arc::ptr_eq(token, &entry.token);
                    let entry = if same { entry } else { Arc::new(entry.with(token, http)) };
                    entries.insert(entry.name.clone(), entry);
                }
                _ if entry.under_way.is_anything() => aside.push(entry),
                _ => {}
            }
        }
        drop(aside);
        for (token, http) in declared.values().filter(|(token, _)| !token.mailbox.is_empty() || !token.is_per_mailbox())
        {
            let name = token.state_name(&token.mailbox);
            entries.entry(name).or_insert_with(|| Arc::new(Entry::new(token, http, &token.mailbox)));
        }
        self.0.declared.store(Arc::new(declared));
        self.0.entries.replace(entries.into_values());
        self.0.moved.notify_one();
    }

    /// A token to log in with. At once when one is cached; otherwise after a refresh, or with the reason why not.
    pub async fn access_token(&self, name: &str, user: &str) -> Result<AccessToken, TokenError> {
        let entry = self.enabled(name, user)?;
        if let Some(password) = entry.app_password() {
            return Ok(password);
        }
        let access = match entry.cached_token(&Want::Usable, &self.0, self.0.now()) {
            Some(access) => access,
            None => self.0.obtain(&entry, Want::Usable).await?,
        };
        if !entry.is_distrusted(&access) {
            return Ok(access);
        }
        // A provider that gives no other leaves this one, which may serve after all.
        Ok(self.renewed(name, user, &access).await.unwrap_or(access))
    }

    /// An upstream let the token in and then refused to serve, as Exchange does with one whose rights have changed since: the
    /// next login tries with another, if the provider gives one. Nothing is dropped, and nothing written. `since`: when it
    /// was let in; a token that came later is not meant. False when nothing was done, for example because another was
    /// tried a short time ago.
    #[expect(clippy::must_use_candidate, reason = "a deed; what came of it is for the log")]
    pub fn distrust(&self, name: &str, user: &str, since: DateTime<Utc>) -> bool {
        let since = since + self.0.store.clock_ahead();
        self.entry(name, user).is_ok_and(|entry| entry.app_password().is_none() && entry.distrust(since))
    }

    /// A token to log in with after an upstream refused this one: newer, by one forced refresh that all who were refused
    /// share. The same again means that a refresh has just been tried.
    pub async fn renewed(&self, name: &str, user: &str, refused: &AccessToken) -> Result<AccessToken, TokenError> {
        let entry = self.enabled(name, user)?;
        if let Some(password) = entry.app_password() {
            return Ok(password);
        }
        let want = Want::Another(refused.clone());
        if let Some(access) = entry.cached_token(&want, &self.0, self.0.now()) {
            return Ok(access);
        }
        if !entry.may_force() {
            return Ok(refused.clone());
        }
        self.0.obtain(&entry, want).await
    }

    /// A new token now, at an administrator's wish: no back-off holds it up, and a quarantined refresh token is tried again.
    pub async fn refresh(&self, name: &str, user: &str) -> Result<AccessToken, TokenError> {
        let entry = self.enabled(name, user)?;
        match entry.app_password() {
            Some(password) => Ok(password),
            None => self.0.obtain(&entry, Want::Since(self.0.now())).await,
        }
    }

    /// Whether a token of that name is declared.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.declared.load().contains_key(name)
    }

    /// A declared token and the client of its endpoint.
    #[must_use]
    pub fn declared(&self, name: &str) -> Option<(Arc<Token>, Http)> {
        self.0.declared.load().get(name).cloned()
    }

    /// What the store has of a token for a user, now.
    pub async fn state(&self, name: &str, user: &str) -> Result<TokenState, TokenError> {
        let entry = self.entry(name, user)?;
        Ok(self.0.store.token(&entry.name).await?.state)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// The same of a token that may be used.
    fn enabled(&self, name: &str, user: &str) -> Result<Arc<Entry>, TokenError> {
        let entry = self.entry(name, user)?;
        if entry.token.disabled { Err(TokenError::Disabled(name.to_owned())) } else { Ok(entry) }
    }

    /// The state of a token for a user; a service account gets one for each mailbox that an account names.
    fn entry(&self, name: &str, user: &str) -> Result<Arc<Entry>, TokenError> {
        let declared = self.0.declared.load();
        let (token, http) = declared.get(name).ok_or_else(|| TokenError::Unknown(name.to_owned()))?;
        let state_name = token.state_name(user);
        if let Some(entry) = self.0.entries.get(&state_name) {
            return Ok(entry);
        }
        let entry = self.0.entries.enter(Arc::new(Entry::new(token, http, user)));
        self.0.moved.notify_one();
        Ok(entry)
    }
}

impl Shared {
    pub(super) fn settings(&self) -> TokenSettings {
        **self.settings.load()
    }

    /// Now, as all who share the store have it.
    pub(super) fn now(&self) -> DateTime<Utc> {
        clock::now() + self.store.clock_ahead()
    }

    pub(super) fn ahead(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings().ahead).unwrap_or(TimeDelta::zero())
    }

    /// The entry of a state's name.
    pub(super) fn entry_of(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries.get(name)
    }

    pub(super) fn aside(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.all()
    }

    /// Joins the token's flight, or starts one. A flight that someone else started may bring what is not wanted, or what
    /// belongs to the settings before a change; then one more is started.
    pub(super) async fn obtain(self: &Arc<Self>, entry: &Arc<Entry>, want: Want) -> Result<AccessToken, TokenError> {
        let late =
            || TokenError::Timeout { token: entry.token.name.clone(), seconds: self.settings().patience.as_secs() };
        let waiting = async {
            loop {
                let (flight, joined) = self.flight(entry, &want);
                let Flight { bound_for, mut result } = flight;
                let brought = landed(&mut result).await;
                if !joined || bound_for == entry.token.binding() && want.may_be(&brought) {
                    return brought;
                }
            }
        };
        timeout(self.settings().patience, waiting).await.map_err(|_| late())?
    }

    fn flight(self: &Arc<Self>, entry: &Arc<Entry>, want: &Want) -> (Flight, bool) {
        let mut slot = entry.under_way.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = slot.as_ref().filter(|flight| flight.goes_on()) {
            return (flight.clone(), true);
        }
        let (result, landing) = watch::channel(None);
        let flight = Flight { bound_for: entry.token.binding(), result: landing };
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

async fn landed(flight: &mut Landing) -> Result<AccessToken, TokenError> {
    match flight.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Err(TokenError::Store(crate::store::StoreError::Closed))),
        // The task ended without a result: the process is stopping.
        Err(_) => Err(TokenError::Store(crate::store::StoreError::Closed)),
    }
}
