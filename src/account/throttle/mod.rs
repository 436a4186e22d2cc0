//! How often a login may be wrong.
//!
//! Failures are counted for each address, for each account at each address, and for each account in all; each count forgets one
//! after another. Invariant: whoever knows the password is not locked out by others. A verified password needs no leave
//! ([`Verifier`](super::Verifier)); an account is free of what others did, in all and at its address, where it was logged in
//! rightly lately. The same wrong password again is no new failure: it is a program with old settings, not somebody who guesses.
//!
//! Unknown names are counted as known ones are: nothing here tells them apart.

mod attempt;
mod bounded;
mod bucket;
mod gossip;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use attempt::{Attempt, Failed, Held, Leave};
use bounded::Bounded;
use bucket::{Bucket, Size};
use gossip::Unsaid;

use super::proof::{Proof, Proofs};
use crate::model::{Account, origin};

/// Remembers who was wrong, and who was right.
#[derive(Debug)]
pub struct Throttle {
    proofs: Proofs,
    book: Mutex<Book>,
    /// There may be something unsaid.
    said: Notify,
}

/// Bounds of a [`Throttle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Failures from one address; 0 is no bound, here and below.
    pub per_address: u32,
    /// Failures of one account from one address.
    pub per_login: u32,
    /// Failures of one account from all addresses.
    pub per_account: u32,
    /// How long one of them is remembered.
    pub decay: Duration,
    /// The longest that the answer to a failure is delayed.
    pub delay: Duration,
    /// Addresses remembered, and accounts, and accounts at addresses.
    pub remembered: usize,
    /// Who is never throttled.
    pub trusted: Vec<IpNet>,
}

/// What has too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// An address.
    Address,
    /// An account at an address.
    Login,
    /// An account, for those who have not been right yet.
    Account,
}

/// Somebody who has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// What has too many failures.
    pub limit: Limit,
    /// The account, or the user name that was typed where there is none; as it came.
    pub account: Option<String>,
    /// The address; of IPv6 that of the network.
    pub address: Option<IpAddr>,
    /// Until one more may be wrong.
    pub wait: Duration,
}

/// An account, or a user name that is nobody's.
type Name = Arc<str>;
type Login = (Name, IpAddr);

/// Wrong passwords of one login that are known again. A program has one, or one old and one older.
const KNOWN_AGAIN: usize = 4;
/// How long an address counts as one where an account was logged in rightly.
const LATELY: Duration = Duration::from_hours(7 * 24);
/// Longer names are told apart by a hash.
const LONGEST_NAME: usize = 128;

#[derive(Debug)]
struct Book {
    settings: ThrottleSettings,
    addresses: Bounded<IpAddr, Failures>,
    logins: Bounded<Login, Failures>,
    accounts: Bounded<Name, Failures>,
    /// When each was right there.
    right: Bounded<Login, Instant>,
    began: Instant,
    /// For other replicas, where there may be any.
    unsaid: Option<Unsaid>,
}

#[derive(Debug)]
struct Failures {
    bucket: Bucket,
    /// Of a login: what was wrong, the latest last.
    wrong: Vec<Proof>,
    /// When somebody was told last that he has to wait.
    told: Option<Instant>,
}

impl Throttle {
    /// Nobody was wrong yet. `None` where the system gives no randomness.
    #[must_use]
    pub fn new(settings: ThrottleSettings) -> Option<Self> {
        let most = settings.remembered;
        let (addresses, logins) = (Bounded::new(most), Bounded::new(most));
        let (accounts, right, began) = (Bounded::new(most), Bounded::new(most), Instant::now());
        let book = Mutex::new(Book { settings, addresses, logins, accounts, right, began, unsaid: None });
        Some(Self { proofs: Proofs::new()?, book, said: Notify::new() })
    }

    /// Other bounds from now on; what was wrong stays so.
    pub fn set(&self, settings: ThrottleSettings) {
        let mut book = self.book();
        let most = settings.remembered;
        book.addresses.allow(most);
        book.logins.allow(most);
        book.accounts.allow(most);
        book.right.allow(most);
        book.settings = settings;
    }

    /// Those who have to wait now, those who wait longest first.
    #[must_use]
    pub fn held_back(&self) -> Vec<HeldBack> {
        let (now, book) = (Instant::now(), self.book());
        let held = |limit, account: Option<&Name>, address, failures: &Failures| {
            let wait = failures.bucket.wait(book.settings.size(limit), now);
            let account = account.map(ToString::to_string);
            (!wait.is_zero()).then_some(HeldBack { limit, account, address, wait })
        };
        let addresses = book.addresses.iter().map(|(&of, failures)| held(Limit::Address, None, Some(of), failures));
        let login = |((name, of), failures): (&Login, &_)| held(Limit::Login, Some(name), Some(*of), failures);
        let accounts = book.accounts.iter().map(|(name, failures)| held(Limit::Account, Some(name), None, failures));
        let mut all: Vec<_> = addresses.chain(book.logins.iter().map(login)).chain(accounts).flatten().collect();
        drop(book);
        all.sort_by(|a, b| (b.wait, &a.limit, &a.address, &a.account).cmp(&(a.wait, &b.limit, &b.address, &b.account)));
        all
    }

    /// Forgets what was wrong from an address (of IPv6: from its network). Returns of how many.
    pub fn forgive_address(&self, address: IpAddr) -> usize {
        let (origin, mut book) = (origin(address), self.book());
        if let Some(unsaid) = &mut book.unsaid {
            unsaid.forgiven_address(origin);
            self.said.notify_one();
        }
        book.forget_address(origin)
    }

    /// Forgets what was wrong with an account, or with a user name that is nobody's. Returns of how many.
    pub fn forgive_account(&self, account: &str) -> usize {
        let (name, mut book) = (self.name(None, account), self.book());
        if let Some(unsaid) = &mut book.unsaid {
            unsaid.forgiven_account(&name);
            self.said.notify_one();
        }
        book.forget_account(&name)
    }

    fn name(&self, account: Option<&Account>, user: &str) -> Name {
        let folded = Account::folded(account.map_or(user, |account| &account.name));
        if folded.len() <= LONGEST_NAME {
            return folded.into();
        }
        let proof = self.proofs.of(&folded, None, &"".into());
        let start: String = folded.chars().take(LONGEST_NAME / 4).collect();
        let [a, b, c, d, ..] = proof;
        format!("{start}…{:08x}", u32::from_be_bytes([a, b, c, d])).into()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each that a failure counts for.
const ALL: [Limit; 3] = [Limit::Address, Limit::Login, Limit::Account];

impl Book {
    /// What a failure there counts for, in the order of [`ALL`].
    fn failures(&mut self, login: &Login, now: Instant) -> [(Limit, Size, &mut Failures); 3] {
        let [(a, of_address), (l, of_login), (n, of_account)] = ALL.map(|limit| (limit, self.settings.size(limit)));
        let weigh = |size| move |failures: &Failures| failures.bucket.level(size, now);
        let fresh = || Failures::new(now);
        let (name, origin) = login.clone();
        [
            (a, of_address, self.addresses.entry(origin, fresh, weigh(of_address))),
            (l, of_login, self.logins.entry(login.clone(), fresh, weigh(of_login))),
            (n, of_account, self.accounts.entry(name, fresh, weigh(of_account))),
        ]
    }

    fn forget_address(&mut self, origin: IpAddr) -> usize {
        self.unsay(|(_, of)| *of == origin);
        self.addresses.retain(|of| *of != origin) + self.logins.retain(|(_, of)| *of != origin)
    }

    fn forget_account(&mut self, name: &Name) -> usize {
        self.unsay(|(of, _)| of == name);
        self.accounts.retain(|of| of != name) + self.logins.retain(|(of, _)| of != name)
    }

    /// What was wrong before was a slip.
    fn was_right(&mut self, login: &Login, now: Instant) {
        if let Some(failures) = self.logins.get_mut(login) {
            failures.bucket.clear();
        }
        let began = self.began;
        let lately = |at: &Instant| at.saturating_duration_since(began).as_secs_f64();
        *self.right.entry(login.clone(), || now, lately) = now;
    }
}

impl ThrottleSettings {
    fn size(&self, limit: Limit) -> Size {
        let most = match limit {
            Limit::Address => self.per_address,
            Limit::Login => self.per_login,
            Limit::Account => self.per_account,
        };
        Size { most: f64::from(most), decay: self.decay }
    }
}

impl Limit {
    /// The key of its bound in `[limits]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Address => "login_failures_per_address",
            Self::Login => "login_failures_per_login",
            Self::Account => "login_failures_per_account",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Failures {
    const fn new(now: Instant) -> Self {
        Self { bucket: Bucket::new(now), wrong: Vec::new(), told: None }
    }

    const fn any(&self) -> bool {
        self.bucket.any()
    }
}
