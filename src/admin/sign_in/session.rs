//! Who is signed in. What stands in the store is good across restarts and for every replica; what is remembered here only
//! spares the store a question for each picture of a page.
//!
//! Invariants: a session begins with a secret that nobody knew before, whatever cookie came along (so that none can be foisted
//! on someone). The store has the secret's hash alone. A session is bound to the password that it began with: another password
//! ends all that began before.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::page::Notice;
use super::super::visitor::Visitor;
use super::password::{AdminPassword, fingerprint};
use super::secret::{hashed, random};
use crate::store::{Kind, Record, Saved, Store, StoreError, Topic};

/// All sessions.
pub(super) struct Sessions {
    store: Arc<dyn Store>,
    password: AdminPassword,
    idle: TimeDelta,
    total: TimeDelta,
    known: Mutex<Lately>,
}

/// What was found lately.
#[derive(Default)]
struct Lately {
    /// Grows whenever something is forgotten: what was read before is not remembered after it.
    forgotten: u64,
    by_id: HashMap<String, Known>,
}

/// A session as it was found.
#[derive(Clone)]
struct Known {
    kept: Kept,
    looked: DateTime<Utc>,
    /// The store's count of changes then.
    changes: u64,
}

/// What the store keeps of one.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    began: DateTime<Utc>,
    seen: DateTime<Utc>,
    password: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

/// For how long what was found is believed. What this process changes is forgotten at once, what others change when the store
/// says that they have.
const BELIEVED: TimeDelta = TimeDelta::seconds(10);
/// How often it is noted that someone is still there.
const NOTED: TimeDelta = TimeDelta::seconds(60);
/// Sessions that are remembered.
const MOST: usize = 1000;
/// Longest secret of a cookie that is looked at.
const LONGEST: usize = 128;

impl Sessions {
    pub(super) fn new(store: Arc<dyn Store>, password: AdminPassword, idle: Duration, total: Duration) -> Self {
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self { store, password, idle: delta(idle), total: delta(total), known: Mutex::default() }
    }

    /// Begins one, under the password of this fingerprint; returns its secret.
    pub(super) async fn begin(&self, password: String, now: DateTime<Utc>) -> Result<SecretString, StoreError> {
        let secret = random()?;
        let record = self.store.record(Kind::AdminSession, &id(secret.expose_secret())).await?;
        let kept = Kept { began: now, seen: now, password, notice: None };
        self.save(record, &kept, now).await?;
        Ok(secret)
    }

    /// Who brings this secret.
    pub(super) async fn visitor(
        &self,
        secret: &str,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Result<Option<Visitor>, StoreError> {
        if secret.len() > LONGEST {
            return Ok(None);
        }
        let id = id(secret);
        let found = match self.remembered(&id, now) {
            Some(kept) => Some(kept),
            None => self.look(&id, now).await?,
        };
        Ok(found.map(|kept| kept.visitor(id, secret, from)))
    }

    /// The same, without noting that someone is there.
    pub(super) async fn onlooker(
        &self,
        secret: &str,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Result<Option<Visitor>, StoreError> {
        if secret.len() > LONGEST {
            return Ok(None);
        }
        let id = id(secret);
        let found = match self.remembered(&id, now) {
            Some(kept) => Some(kept),
            None => self.good(&id, now).await?.map(|(_, kept)| kept),
        };
        Ok(found.map(|kept| kept.visitor(id, secret, from)))
    }

    /// Whether one goes on.
    pub(super) async fn is_in(&self, id: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.good(id, now).await?.is_some())
    }

    /// Ends one.
    pub(super) async fn end(&self, id: &str) -> Result<(), StoreError> {
        self.forget(id);
        // Whoever changes it at the same time only notes that it was used.
        loop {
            let record = self.store.record(Kind::AdminSession, id).await?;
            if let Saved::Done(_) = self.store.put(record.with(None), None).await? {
                self.forget(id);
                return Ok(());
            }
        }
    }

    /// Keeps a notice for the next page, or takes it away. One that is lost is no harm.
    pub(super) async fn tell(&self, id: &str, notice: Option<Notice>, now: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some((record, kept)) = self.stored(id).await? {
            self.save(record, &Kept { notice, ..kept }, now).await?;
        }
        self.forget(id);
        Ok(())
    }

    /// Grows when others change sessions, or the password that they are bound to.
    fn changes(&self) -> u64 {
        let of = |kind| self.store.changes(Topic::Records(kind));
        of(Kind::AdminSession).wrapping_add(of(Kind::AdminPassword))
    }

    /// Where several replicas share a store, each page may come from another: what one of them has just changed, the next has to
    /// know at once, and news of it may be under way.
    fn remembered(&self, id: &str, now: DateTime<Utc>) -> Option<Kept> {
        if self.store.is_shared() {
            return None;
        }
        let known = self.known().by_id.get(id).cloned()?;
        let fresh = now - known.looked < BELIEVED && known.changes == self.changes();
        (fresh && self.lasts(&known.kept, now)).then_some(known.kept)
    }

    async fn look(&self, id: &str, now: DateTime<Utc>) -> Result<Option<Kept>, StoreError> {
        let (changes, forgotten) = (self.changes(), self.known().forgotten);
        let Some((record, kept)) = self.good(id, now).await? else { return Ok(None) };
        let kept = self.touched(record, kept, now).await;
        self.remember(id, Known { kept: kept.clone(), looked: now, changes }, forgotten);
        Ok(Some(kept))
    }

    fn remember(&self, id: &str, found: Known, forgotten: u64) {
        let mut known = self.known();
        if known.forgotten != forgotten {
            return;
        }
        if known.by_id.len() >= MOST {
            known.by_id.clear();
        }
        known.by_id.insert(id.to_owned(), found);
    }

    /// One of the store that has not ended; one that has is removed.
    async fn good(&self, id: &str, now: DateTime<Utc>) -> Result<Option<(Record, Kept)>, StoreError> {
        let Some((record, kept)) = self.stored(id).await? else { return Ok(None) };
        let password = self.password.hash().await?;
        if !self.lasts(&kept, now) || password.is_none_or(|hash| fingerprint(&hash) != kept.password) {
            self.end(id).await?;
            return Ok(None);
        }
        Ok(Some((record, kept)))
    }

    /// Notes that someone is there. Where it cannot be noted, as on a full disk, the pages work all the same.
    async fn touched(&self, record: Record, kept: Kept, now: DateTime<Utc>) -> Kept {
        if now - kept.seen < NOTED.min(self.idle / 2) {
            return kept;
        }
        let next = Kept { seen: now, ..kept };
        if let Err(fault) = self.save(record, &next, now).await {
            tracing::warn!(error = %fault, "store.failed");
        }
        next
    }

    fn lasts(&self, kept: &Kept, now: DateTime<Utc>) -> bool {
        now - kept.seen < self.idle && now - kept.began < self.total
    }

    async fn stored(&self, id: &str) -> Result<Option<(Record, Kept)>, StoreError> {
        let record = self.store.record(Kind::AdminSession, id).await?;
        let content = record.content.clone()?;
        // One that another version wrote is none: one signs in again.
        Ok(content.and_then(|content| Some((record, serde_json::from_str(&content).ok()?))))
    }

    /// A conflict is somebody who has noted the same at the same time, or has ended it.
    async fn save(&self, record: Record, kept: &Kept, now: DateTime<Utc>) -> Result<(), StoreError> {
        let life = self.idle.min(self.total - (now - kept.began)).to_std().unwrap_or_default();
        let content = serde_json::to_string(kept).ok();
        self.store.put(record.with(content), Some(life)).await.map(drop)
    }

    /// Looks at everybody anew, because the password is another one.
    pub(super) fn review(&self) {
        let mut known = self.known();
        known.forgotten += 1;
        known.by_id.clear();
    }

    fn forget(&self, id: &str) {
        let mut known = self.known();
        known.forgotten += 1;
        known.by_id.remove(id);
    }

    fn known(&self) -> MutexGuard<'_, Lately> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn visitor(self, id: String, secret: &str, from: IpAddr) -> Visitor {
        Visitor { id, from: from.to_string(), csrf: hashed("csrf", secret), notice: self.notice }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("idle", &self.idle).field("total", &self.total).finish_non_exhaustive()
    }
}

fn id(secret: &str) -> String {
    hashed("session", secret)
}
