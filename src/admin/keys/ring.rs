//! The keys of the API. The store has their hashes; who reads it cannot use them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::sign_in::{hashed, random, same};
use super::scope::Scope;
use crate::clock;
use crate::registry::Actor;
use crate::store::{Deed, Kind, Record, Saved, Store, StoreError, Topic};

/// All keys. Which there are is remembered until the store changes, so that a call costs no read of it.
pub struct Ring {
    store: Arc<dyn Store>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Grows with each change of ours: what was read before one is not remembered after it, or a key that was removed meanwhile
    /// would be good for ever.
    own_changes: u64,
    /// The store's count of changes then, and what there was.
    keys: Option<(u64, Keys)>,
    /// When the store was last asked for one that is not among them.
    asked_again: Option<Instant>,
}

/// Each with the hash of its secret.
type Keys = Arc<Vec<(ApiKey, String)>>;

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, for people, logs and the trail.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub made: DateTime<Utc>,
    /// Until when it is good; none is without end.
    pub expires: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub used: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    hash: String,
    scopes: Vec<Scope>,
    made: DateTime<Utc>,
    expires: Option<DateTime<Utc>>,
    used: Option<DateTime<Utc>>,
}

/// Why a key was not made or removed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name.
    #[error("a key has a name of 1 to 64 characters, none of them a control character")]
    Name,
    /// Nothing it would be good for.
    #[error("a key needs at least one scope: read, authorize, test, manage")]
    NoScope,
    /// The end.
    #[error("{0:?} is no date such as 2027-01-31, or it is past")]
    Expires(String),
    /// There is one.
    #[error("there is a key {0:?} already; remove it first, or take another name")]
    Exists(String),
    /// There is none.
    #[error("there is no key {0:?}")]
    Unknown(String),
    /// More than anyone can oversee.
    #[error("there are {MOST} keys, which is the most; remove one that nobody uses")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a key begins with, so that one is recognised where it should not be.
const PREFIX: &str = "gpk_";
/// Longest name, in characters.
const LONGEST: usize = 64;
/// Keys in all.
const MOST: usize = 100;
/// How often the store is asked for a key that is not known, where another replica may have made it.
const AGAIN: Duration = Duration::from_millis(250);
/// How often it is noted that a key is used.
const NOTED: TimeDelta = TimeDelta::seconds(60);

impl Ring {
    /// Of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// All keys, by name.
    pub async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.keys().await?.iter().map(|(key, _)| key.clone()).collect())
    }

    /// Makes one, and returns it: this once.
    pub async fn add(
        &self,
        by: &Actor,
        name: &str,
        scopes: &[Scope],
        expires: Option<&str>,
    ) -> Result<SecretString, KeyError> {
        let now = clock::now();
        let (name, scopes) = (named(name)?, sorted(scopes)?);
        let expires = expires.map(|text| end(text, now)).transpose()?;
        let record = self.store.record(Kind::ApiKey, &name).await?;
        if !matches!(record.content, Ok(None)) {
            return Err(KeyError::Exists(name));
        }
        if self.store.records(Kind::ApiKey).await?.len() >= MOST {
            return Err(KeyError::TooMany);
        }
        let secret = SecretString::from(format!("{PREFIX}{}", random()?.expose_secret()));
        let hash = hash(secret.expose_secret());
        let words: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        let detail = words.join(", ");
        let kept = Kept { hash, scopes, made: now, expires, used: None };
        if !self.save(record, Some(&kept)).await? {
            return Err(KeyError::Exists(name));
        }
        self.note(by, "key.added", &name, &detail).await;
        Ok(secret)
    }

    /// Removes one: it is good for nothing from now on.
    pub async fn remove(&self, by: &Actor, name: &str) -> Result<(), KeyError> {
        // Whoever changes it at the same time only notes that it was used.
        loop {
            let record = self.store.record(Kind::ApiKey, name).await?;
            if matches!(record.content, Ok(None)) {
                return Err(KeyError::Unknown(name.to_owned()));
            }
            if self.save(record, None).await? {
                self.note(by, "key.removed", name, "").await;
                return Ok(());
            }
        }
    }

    /// The key of this secret, while it is good. That it is used is noted.
    pub async fn find(&self, secret: &str, now: DateTime<Utc>) -> Result<Option<ApiKey>, StoreError> {
        if !secret.starts_with(PREFIX) || secret.len() > 2 * LONGEST {
            return Ok(None);
        }
        let (keys, hash) = (self.keys().await?, hash(secret));
        let of = |keys: &Keys| keys.iter().find(|(_, kept)| same(kept, &hash)).map(|(key, _)| key.clone());
        let found = match of(&keys) {
            None if self.may_ask_again() => of(&self.asked().await?),
            found => found,
        };
        let good = found.filter(|key| key.is_good(now));
        if let Some(key) = good.as_ref().filter(|key| key.used.is_none_or(|used| now - used >= NOTED)) {
            self.used(&key.name, &hash, now).await;
        }
        Ok(good)
    }

    /// Where it cannot be noted, the key works all the same.
    async fn used(&self, name: &str, hash: &str, now: DateTime<Utc>) {
        let noted = async {
            let record = self.store.record(Kind::ApiKey, name).await?;
            match read(&record).filter(|kept| kept.hash == hash) {
                Some(kept) => self.save(record, Some(&Kept { used: Some(now), ..kept })).await.map(drop),
                None => Ok(()),
            }
        };
        if let Err(fault) = noted.await {
            tracing::warn!(key = name, error = %fault, "store.failed");
        }
    }

    /// Another replica may have made it just now, and news of it are under way. Whoever guesses makes nobody ask often.
    fn may_ask_again(&self) -> bool {
        let mut known = self.known();
        let due = self.store.is_shared() && known.asked_again.is_none_or(|at| at.elapsed() >= AGAIN);
        if due {
            known.asked_again = Some(Instant::now());
        }
        due
    }

    /// All keys as the store has them now.
    async fn asked(&self) -> Result<Keys, StoreError> {
        self.known().keys = None;
        self.keys().await
    }

    async fn keys(&self) -> Result<Keys, StoreError> {
        let changes = self.store.changes(Topic::Records(Kind::ApiKey));
        let own_changes = {
            let known = self.known();
            if let Some((_, keys)) = known.keys.as_ref().filter(|(then, _)| *then == changes) {
                return Ok(Arc::clone(keys));
            }
            known.own_changes
        };
        let records = self.store.records(Kind::ApiKey).await?;
        let keys = records.iter().filter_map(|record| Some(ApiKey::of(&record.name, read(record)?)));
        let keys = Arc::new(keys.collect::<Vec<_>>());
        let mut known = self.known();
        if known.own_changes == own_changes {
            known.keys = Some((changes, Arc::clone(&keys)));
        }
        Ok(keys)
    }

    async fn save(&self, record: Record, kept: Option<&Kept>) -> Result<bool, StoreError> {
        let content = kept.and_then(|kept| serde_json::to_string(kept).ok());
        let saved = self.store.put(record.with(content), None).await;
        let mut known = self.known();
        known.own_changes += 1;
        known.keys = None;
        drop(known);
        Ok(matches!(saved?, Saved::Done(_)))
    }

    /// A trail that cannot be written is told; the key was made or removed all the same.
    async fn note(&self, by: &Actor, what: &str, subject: &str, detail: &str) {
        let Actor { who, from } = by.clone();
        tracing::info!(who, from, key = subject, "admin.{what}");
        let (what, subject, detail) = (what.to_owned(), subject.to_owned(), detail.to_owned());
        if let Err(fault) = self.store.note(Deed { at: clock::now(), who, from, what, subject, detail }).await {
            tracing::warn!(error = %fault, "store.failed");
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

impl ApiKey {
    fn of(name: &str, kept: Kept) -> (Self, String) {
        let Kept { hash, scopes, made, expires, used } = kept;
        (Self { name: name.to_owned(), scopes, made, expires, used }, hash)
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether it may be used for this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// One that cannot be read opens nothing.
fn read(record: &Record) -> Option<Kept> {
    serde_json::from_str(record.content.as_ref().ok()?.as_deref()?).ok()
}

fn hash(secret: &str) -> String {
    hashed("api key", secret)
}

fn named(name: &str) -> Result<String, KeyError> {
    let name = name.trim();
    let fits = (1..=LONGEST).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(KeyError::Name) }
}

fn sorted(scopes: &[Scope]) -> Result<Vec<Scope>, KeyError> {
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() { Err(KeyError::NoScope) } else { Ok(scopes) }
}

/// A day, of which all is good, or a time.
fn end(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, KeyError> {
    let day = || {
        let after = text.trim().parse::<NaiveDate>().ok()?.succ_opt()?;
        Some(after.and_time(NaiveTime::MIN).and_utc())
    };
    let time = DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.with_timezone(&Utc));
    let end = time.or_else(day).filter(|end| *end > now);
    end.ok_or_else(|| KeyError::Expires(text.chars().take(40).collect()))
}
