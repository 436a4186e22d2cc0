use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::directory::{Checks, Directory};
use super::matched::Matched;
use super::password;
use super::proof::{Proof, Proofs};
use super::throttle::{Held, Leave};
use super::under_way::UnderWay;
use crate::model::Account;

/// Checks passwords: off the async threads, so many at a time, and seldom twice.
///
/// Verified passwords are remembered for a short time, by a keyed hash that dies with the process, so that a polling
/// program does not cost an Argon2 hash each time. Only successes are, each with the passwords of the account that it was,
/// so that their limits hold again; a changed hash list forgets them.
#[derive(Debug)]
pub struct Verifier {
    settings: VerifierSettings,
    proofs: Proofs,
    verified: Cache<Proof, (Instant, Matched)>,
    /// Checks under way: logins with the same password at the same time share one.
    under_way: UnderWay<Proof, Matched>,
    pub(super) slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    hashes: Arc<AtomicU64>,
}

/// Bounds of a [`Verifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifierSettings {
    /// Hashes computed at a time; each takes a core and 19 MiB.
    pub parallel: usize,
    /// Logins that may wait for one; beyond, the answer is [`Verdict::Overloaded`] at once. Those that present the same
    /// name and password at the same time wait for a single hash and count as one.
    pub waiting: usize,
    /// Verified passwords remembered; 0 remembers none.
    pub remembered: usize,
    /// For how long.
    pub lifetime: Duration,
}

/// What came of a verification.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The password opens this account, which may be disabled all the same, and is these of its passwords, which may be for
    /// other protocols or networks.
    Granted(Arc<Account>, Matched),
    /// Unknown user or wrong password.
    Denied,
    /// Too many logins wait, or there was no memory to hash with; try again later.
    Overloaded,
    /// Too many were wrong before; the password was not checked.
    Held(Held),
}

/// How many hashes there are to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Being computed.
    pub running: usize,
    /// So many at a time.
    pub most: usize,
    /// Logins that wait for one.
    pub waiting: usize,
}

/// The password was not checked; that says nothing about it (law 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unchecked {
    Overloaded,
    Held(Held),
}

impl Verifier {
    /// An empty memory and a fresh key. `None` where the system gives no randomness.
    #[must_use]
    pub fn new(settings: VerifierSettings) -> Option<Self> {
        Some(Self {
            settings,
            proofs: Proofs::new()?,
            verified: Cache::new(settings.remembered),
            under_way: UnderWay::new(),
            slots: Arc::new(Semaphore::new(settings.parallel.max(1))),
            waiting: AtomicUsize::new(0),
            hashes: Arc::default(),
        })
    }

    /// Its bounds.
    #[must_use]
    pub const fn settings(&self) -> VerifierSettings {
        self.settings
    }

    /// Checks what a client presented. An empty password opens nothing, whatever the hashes say.
    pub async fn verify(&self, directory: &Directory, user: &str, password: &SecretString) -> Verdict {
        self.verify_if(directory, user, password, || Leave::Given).await
    }

    /// The same with somebody's leave, which is asked for before the password costs a hash, and again when its turn has come:
    /// many may have been wrong meanwhile. Verified passwords need none.
    pub async fn verify_if(
        &self,
        directory: &Directory,
        user: &str,
        password: &SecretString,
        leave: impl Fn() -> Leave,
    ) -> Verdict {
        if password.expose_secret().is_empty() {
            return Verdict::Denied;
        }
        let account = directory.find(user);
        let proof = self.proofs.of(user, account.map(AsRef::as_ref), password);
        if let (Some(account), Some(matched)) = (account, self.remembered(&proof)) {
            return Verdict::Granted(Arc::clone(account), matched);
        }
        match leave() {
            Leave::Given => {}
            Leave::Wrong => return Verdict::Denied,
            Leave::Held(held) => return Verdict::Held(held),
        }
        let checks = directory.checks(account.map(AsRef::as_ref));
        let seat = self.under_way.join(proof);
        match (seat.result(self.check(checks, password, leave)).await, account) {
            (Ok(matched), Some(account)) if !matched.is_none() => {
                self.verified.insert(proof, (Instant::now(), matched));
                Verdict::Granted(Arc::clone(account), matched)
            }
            (Ok(_), _) => Verdict::Denied,
            (Err(Unchecked::Overloaded), _) => Verdict::Overloaded,
            (Err(Unchecked::Held(held)), _) => Verdict::Held(held),
        }
    }

    /// How many hashes were computed since the start.
    #[must_use]
    pub fn hashes_computed(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// How much there is to do.
    #[must_use]
    pub fn load(&self) -> Load {
        let most = self.settings.parallel.max(1);
        let running = most.saturating_sub(self.slots.available_permits());
        Load { running, most, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    fn remembered(&self, proof: &Proof) -> Option<Matched> {
        let (since, matched) = self.verified.get(proof)?;
        (since.elapsed() < self.settings.lifetime).then_some(matched)
    }

    async fn check(
        &self,
        checks: Checks,
        password: &SecretString,
        leave: impl Fn() -> Leave,
    ) -> Result<Matched, Unchecked> {
        let slot = self.slot().await?;
        if let Leave::Held(held) = leave() {
            return Err(Unchecked::Held(held));
        }
        let (password, computed) = (password.clone(), Arc::clone(&self.hashes));
        let check = tokio::task::spawn_blocking(move || {
            // Held here, not by the session: a client that hangs up does not stop a hash.
            let _slot = slot;
            compare(&checks, &password, &computed)
        });
        check.await.unwrap_or(Err(Unchecked::Overloaded))
    }

    /// Leave to compute hashes, at once or after a wait in the bounded queue.
    async fn slot(&self) -> Result<OwnedSemaphorePermit, Unchecked> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = Waiting::join(&self.waiting, self.settings.waiting).ok_or(Unchecked::Overloaded)?;
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Unchecked::Overloaded)
    }
}

/// Computes all of them, whatever the first says: how long it takes must not tell how many there are. A decoy's answer is
/// heard only when it could not be computed, for then an unknown name must look as a known one does.
fn compare(checks: &Checks, password: &SecretString, computed: &AtomicU64) -> Result<Matched, Unchecked> {
    let (mut right, mut failed) = (Matched::default(), None);
    let own = checks.own.iter().enumerate().map(|(index, hash)| (hash, Some(index)));
    for (hash, opens) in own.chain(checks.decoys.iter().map(|hash| (hash, None))) {
        match password::matches(password, hash) {
            Ok(matched) => right.note(opens.filter(|_| matched)),
            Err(error) => failed = Some(error),
        }
        computed.fetch_add(1, Ordering::Relaxed);
    }
    match failed {
        Some(error) if right.is_none() => {
            tracing::error!(%error, "account.password_unchecked");
            Err(Unchecked::Overloaded)
        }
        _ => Ok(right),
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
