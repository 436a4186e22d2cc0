use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::{digest, hmac, rand};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::directory::{Directory, key};
use super::password;
use crate::model::{Account, PasswordHash};

/// Checks passwords: off the async threads, so many at a time, and seldom twice.
///
/// Verified passwords are remembered for a short time, by a keyed hash that dies with the process, so that a polling
/// program does not cost an Argon2 hash each time. Only successes are; a changed hash list forgets them.
#[derive(Debug)]
pub struct Verifier {
    settings: VerifierSettings,
    secret: hmac::Key,
    verified: Cache<Proof, Instant>,
    /// Checks under way: logins with the same password at the same time share one.
    under_way: Mutex<HashMap<Proof, Arc<OnceCell<Outcome>>>>,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    hashes: Arc<AtomicU64>,
}

/// Bounds of a [`Verifier`].
#[derive(Clone, Copy, Debug)]
pub struct VerifierSettings {
    /// Hashes computed at a time; each takes a core and 19 MiB.
    pub parallel: usize,
    /// Logins that may wait for one; beyond, the answer is [`Verdict::Overloaded`] at once.
    pub waiting: usize,
    /// Verified passwords remembered.
    pub remembered: usize,
    /// For how long.
    pub lifetime: Duration,
}

/// What came of a verification.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The password opens this account, which may be disabled all the same.
    Granted(Arc<Account>),
    /// Unknown user or wrong password.
    Denied,
    /// Too many logins wait; try again later.
    Overloaded,
}

/// Keyed hash of an account, its hash list and a password.
type Proof = [u8; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Wrong,
    Overloaded,
}

impl Verifier {
    /// An empty memory and a fresh key. `None` where the system gives no randomness.
    #[must_use]
    pub fn new(settings: VerifierSettings) -> Option<Self> {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok()?;
        Some(Self {
            settings,
            secret,
            verified: Cache::new(settings.remembered.max(1)),
            under_way: Mutex::default(),
            slots: Arc::new(Semaphore::new(settings.parallel.max(1))),
            waiting: AtomicUsize::new(0),
            hashes: Arc::default(),
        })
    }

    /// Checks what a client presented.
    pub async fn verify(&self, directory: &Directory, user: &str, password: &SecretString) -> Verdict {
        let account = directory.find(user);
        let proof = self.proof(user, account.map(AsRef::as_ref), password);
        if let (Some(account), true) = (account, self.remembers(&proof)) {
            return Verdict::Granted(Arc::clone(account));
        }
        let hashes = directory.hashes(account.map(AsRef::as_ref));
        match (self.shared(proof, hashes, password).await, account) {
            (Outcome::Right, Some(account)) => {
                self.verified.insert(proof, Instant::now());
                Verdict::Granted(Arc::clone(account))
            }
            (Outcome::Overloaded, _) => Verdict::Overloaded,
            _ => Verdict::Denied,
        }
    }

    /// How many hashes were computed since the start.
    #[must_use]
    pub fn hashes_computed(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    fn remembers(&self, proof: &Proof) -> bool {
        self.verified.get(proof).is_some_and(|since| since.elapsed() < self.settings.lifetime)
    }

    fn proof(&self, user: &str, account: Option<&Account>, password: &SecretString) -> Proof {
        let name = account.map_or_else(|| key(user), |account| key(&account.name));
        let mut list = digest::Context::new(&digest::SHA256);
        for hash in account.iter().flat_map(|account| &account.passwords) {
            list.update(hash.as_str().as_bytes());
            list.update(b"\0");
        }
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(list.finish().as_ref());
        context.update(password.expose_secret().as_bytes());
        let mut proof = Proof::default();
        proof.copy_from_slice(context.sign().as_ref());
        proof
    }

    /// Joins a check of the same password that is under way, or begins one.
    async fn shared(&self, proof: Proof, hashes: Vec<PasswordHash>, password: &SecretString) -> Outcome {
        let cell = Arc::clone(self.lock().entry(proof).or_default());
        let outcome = *cell.get_or_init(|| self.check(hashes, password)).await;
        self.lock().remove(&proof);
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Proof, Arc<OnceCell<Outcome>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn check(&self, hashes: Vec<PasswordHash>, password: &SecretString) -> Outcome {
        let Some(_place) = Waiting::join(&self.waiting, self.settings.waiting) else { return Outcome::Overloaded };
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Outcome::Overloaded };
        let (password, computed) = (password.clone(), Arc::clone(&self.hashes));
        let check = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let mut matched = false;
            // All of them, whatever the first says: how long it takes must not tell how many there are.
            for hash in &hashes {
                matched |= password::matches(&password, hash);
                computed.fetch_add(1, Ordering::Relaxed);
            }
            matched
        });
        match check.await {
            Ok(true) => Outcome::Right,
            Ok(false) => Outcome::Wrong,
            Err(_) => Outcome::Overloaded,
        }
    }
}

/// A place in the bounded queue, left when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, bound: usize) -> Option<Self> {
        let place = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < bound).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
