use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::password::{hash_password, matches};
use crate::model::PasswordHash;

/// Hashes for people, who are few: off the async threads, a few at a time, and apart from those of mail logins, so that a crowd
/// at one of the two doors does not close the other.
#[derive(Debug)]
pub struct Hashing {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    most: usize,
}

/// The password was neither hashed nor compared, which says nothing about it: too many wait, or there was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is being computed at the moment; try again in a few seconds")]
pub struct Unhashed;

impl Hashing {
    /// So many at a time, and so many that wait.
    #[must_use]
    pub fn new(parallel: usize, waiting: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(parallel.max(1))), waiting: AtomicUsize::new(0), most: waiting }
    }

    /// Whether this is the password that was hashed.
    pub async fn matches(&self, password: &SecretString, hash: &PasswordHash) -> Result<bool, Unhashed> {
        let (password, hash) = (password.clone(), hash.clone());
        self.compute(move || matches(&password, &hash).map_err(|_| Unhashed)).await
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: &SecretString) -> Result<PasswordHash, Unhashed> {
        let password = password.clone();
        self.compute(move || hash_password(&password).map_err(|_| Unhashed)).await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Unhashed> + Send + 'static,
    ) -> Result<T, Unhashed> {
        let slot = self.slot().await?;
        let computed = tokio::task::spawn_blocking(move || {
            // Held here: a client that hangs up does not stop a hash.
            let _slot = slot;
            work()
        });
        computed.await.unwrap_or(Err(Unhashed))
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Unhashed> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = Place::take(&self.waiting, self.most).ok_or(Unhashed)?;
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Unhashed)
    }
}

/// A place among those who wait, left when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_hashed_matches_and_nothing_else() {
        let hashing = Hashing::new(1, 1);
        let hash = hashing.hash(&"correct horse".into()).await.unwrap();
        assert_eq!(hashing.matches(&"correct horse".into(), &hash).await, Ok(true));
        assert_eq!(hashing.matches(&"wrong horse".into(), &hash).await, Ok(false));
        let unknown = PasswordHash::that_cannot_be_computed();
        assert_eq!(hashing.matches(&"correct horse".into(), &unknown).await, Err(Unhashed));
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded() {
        let hashing = Hashing::new(1, 1);
        let taken = hashing.slot().await.unwrap();
        let waiting = tokio::select! {
            biased;
            slot = hashing.slot() => slot,
            refused = hashing.slot() => refused,
        };
        assert_eq!(waiting.unwrap_err(), Unhashed, "the second that waits is one too many");
        drop(taken);
        drop(hashing.slot().await.unwrap());
    }
}
