//! Passwords that were made up and wait to be shown: once, to who had them made.
//!
//! They are in memory alone, and not for long: neither store, address, log nor a page that is loaded again has them. Where
//! several replicas share a store, any of them may have to show it: there it is sealed.

mod shared;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tracing::warn;

use crate::admin::Desk;
use crate::clock;
use crate::store::StoreError;

/// What waits. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Fresh(Arc<Mutex<Vec<Kept>>>);

/// A password that was made up.
pub(super) struct Kept {
    /// The session of who had it made.
    pub(super) visitor: String,
    pub(super) account: String,
    pub(super) label: Option<String>,
    pub(super) password: SecretString,
    pub(super) at: DateTime<Utc>,
}

/// How long one waits: a redirect takes no longer.
const LIFE: TimeDelta = TimeDelta::minutes(5);
/// How many wait. The oldest goes first.
const MOST: usize = 64;

/// Keeps one until it is shown. `false`: it cannot be.
pub(super) async fn keep(desk: &Desk, fresh: &Fresh, kept: Kept) -> bool {
    if desk.store.is_shared() {
        return told(shared::keep(desk.store.as_ref(), &kept).await);
    }
    fresh.keep(kept);
    true
}

/// Whether one waits.
pub(super) async fn has(desk: &Desk, fresh: &Fresh, visitor: &str, account: &str) -> bool {
    if desk.store.is_shared() {
        return told(shared::has(desk.store.as_ref(), visitor, account).await);
    }
    fresh.has(visitor, account, clock::now())
}

/// Takes it: it is shown now, and never again.
pub(super) async fn take(desk: &Desk, fresh: &Fresh, visitor: &str, account: &str) -> Option<Kept> {
    if desk.store.is_shared() {
        return told(shared::take(desk.store.as_ref(), visitor, account).await);
    }
    fresh.take(visitor, account, clock::now())
}

/// What cannot be kept is not shown; the password works all the same.
fn told<T: Default>(outcome: Result<T, StoreError>) -> T {
    outcome.unwrap_or_else(|fault| {
        warn!(error = %fault, "store.failed");
        T::default()
    })
}

impl Fresh {
    /// Keeps one in the place of an older one of the same account.
    fn keep(&self, kept: Kept) {
        let mut all = self.lock(kept.at);
        all.retain(|other| !other.is_of(&kept.visitor, &kept.account));
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(kept);
    }

    /// Whether one waits.
    fn has(&self, visitor: &str, account: &str, now: DateTime<Utc>) -> bool {
        self.lock(now).iter().any(|kept| kept.is_of(visitor, account))
    }

    /// Takes it: it is shown now, and never again.
    fn take(&self, visitor: &str, account: &str, now: DateTime<Utc>) -> Option<Kept> {
        let mut all = self.lock(now);
        let at = all.iter().position(|kept| kept.is_of(visitor, account))?;
        Some(all.remove(at))
    }

    fn lock(&self, now: DateTime<Utc>) -> MutexGuard<'_, Vec<Kept>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| now - kept.at < LIFE);
        all
    }
}

impl Kept {
    fn is_of(&self, visitor: &str, account: &str) -> bool {
        self.visitor == visitor && self.account == account
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn kept(visitor: &str, password: &str, at: DateTime<Utc>) -> Kept {
        Kept { visitor: visitor.into(), account: "evmail".into(), label: None, password: password.into(), at }
    }

    #[test]
    fn a_password_is_for_one_look_of_one_person_and_not_for_long() {
        let (fresh, now) = (Fresh::default(), DateTime::UNIX_EPOCH);
        fresh.keep(kept("anna", "one", now));
        fresh.keep(kept("anna", "two", now));
        assert!(fresh.take("bert", "evmail", now).is_none() && fresh.take("anna", "other", now).is_none());
        assert!(fresh.has("anna", "evmail", now));
        assert_eq!(fresh.take("anna", "evmail", now).unwrap().password.expose_secret(), "two");
        assert!(fresh.take("anna", "evmail", now).is_none());
        fresh.keep(kept("anna", "three", now));
        assert!(fresh.take("anna", "evmail", now + LIFE).is_none());
    }

    #[test]
    fn there_are_never_more_than_a_few() {
        let (fresh, now) = (Fresh::default(), DateTime::UNIX_EPOCH);
        (0..=MOST).for_each(|number| fresh.keep(kept(&number.to_string(), "x", now)));
        assert!(!fresh.has("0", "evmail", now) && fresh.has("1", "evmail", now));
        assert_eq!(fresh.lock(now).len(), MOST);
    }
}
