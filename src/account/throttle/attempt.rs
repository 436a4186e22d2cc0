use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::{ALL, Book, Failures, KNOWN_AGAIN, LATELY, Limit, Login, Throttle};
use crate::account::proof::Proof;
use crate::model::{Account, origin, within};

/// A login that is being tried.
#[derive(Debug)]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    account: Option<&'a Account>,
    user: &'a str,
    password: &'a SecretString,
    login: Login,
    proof: OnceLock<Proof>,
    standing: Standing,
}

/// What is asked of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is never throttled.
    Trusted,
    /// The account is only for networks, and this is from one of them: what strangers do is nothing to it.
    Insider,
    Stranger,
}

/// Whether a password may cost a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Given,
    /// It need not: it was wrong before.
    Wrong,
    /// Not now: too many were wrong.
    Held(Held),
}

/// Not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What has too many failures.
    pub limit: Limit,
    /// Until one more may be wrong.
    pub wait: Duration,
}

/// A login that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// For how long to keep the answer back.
    pub delay: Duration,
    /// It was wrong before: nothing was counted.
    pub again: bool,
    /// Whether it is worth a line of the log; one that is wrong again and again is not each time.
    pub told: bool,
    /// The bounds that were reached by it, and until one more may be wrong.
    pub reached: Vec<Held>,
}

/// How often those who wait are worth a line of the log.
const TOLD: Duration = Duration::from_secs(10);
/// How often other replicas are told again that a login is right.
const SAID: Duration = Duration::from_hours(1);
/// How long the answer to the first failure is kept back; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// One address may have so many times as many failures, with other accounts, until its answers are kept back as long.
const OTHERS: f64 = 4.0;

impl Throttle {
    /// Somebody presents a password for a user name, which leads to this account or to none.
    pub fn attempt<'a>(
        &'a self,
        (account, user): (Option<&'a Account>, &'a str),
        password: &'a SecretString,
        from: IpAddr,
    ) -> Attempt<'a> {
        let login = (self.name(account, user), origin(from));
        let standing = if within(&self.book().settings.trusted, from) {
            Standing::Trusted
        } else if account.is_some_and(|account| within(&account.networks, from)) {
            Standing::Insider
        } else {
            Standing::Stranger
        };
        Attempt { throttle: self, account, user, password, login, proof: OnceLock::new(), standing }
    }
}

impl Attempt<'_> {
    /// Whether the password may be checked.
    pub fn leave(&self) -> Leave {
        if self.standing == Standing::Trusted {
            return Leave::Given;
        }
        let (now, book) = (Instant::now(), self.throttle.book());
        let known = book.logins.get(&self.login);
        if known.is_some_and(|known| known.wrong.contains(self.proof())) {
            return Leave::Wrong;
        }
        let was_right = book.right.get(&self.login).is_some_and(|at| now.duration_since(*at) < LATELY);
        let free = |limit| match limit {
            Limit::Login => false,
            Limit::Address => was_right,
            Limit::Account => was_right || self.standing == Standing::Insider,
        };
        let wait = |limit| {
            let failures = self.failures(&book, limit)?;
            let wait = failures.bucket.wait(book.settings.size(limit), now);
            (!wait.is_zero() && !free(limit)).then_some(Held { limit, wait })
        };
        let held = ALL.into_iter().filter_map(wait).max_by_key(|held| held.wait);
        held.map_or(Leave::Given, Leave::Held)
    }

    /// It was wrong.
    pub fn failed(&self) -> Failed {
        if self.standing == Standing::Trusted {
            // Nobody there is to be banned from outside, either.
            return Failed { delay: Duration::ZERO, again: true, told: true, reached: Vec::new() };
        }
        let (now, proof, mut book) = (Instant::now(), *self.proof(), self.throttle.book());
        let known = book.logins.get_mut(&self.login);
        let (again, told, reached) = match known.filter(|known| known.wrong.contains(&proof)) {
            Some(known) => (true, known.is_told(now), Vec::new()),
            None => (false, true, self.count(&mut book, proof, now)),
        };
        Failed { delay: self.delay(&book, now), again, told, reached }
    }

    /// It was right: what was wrong before was a slip. What was wrong from this address with other accounts stays so; or a
    /// guesser would only need an account of his own.
    pub fn succeeded(&self) {
        let (now, mut book) = (Instant::now(), self.throttle.book());
        let known = book.right.get(&self.login).is_some_and(|at| now.saturating_duration_since(*at) < SAID);
        let slipped = book.logins.get(&self.login).is_some_and(Failures::any);
        if let Some(unsaid) = book.unsaid.as_mut().filter(|_| slipped || !known) {
            unsaid.right(&self.login);
            self.throttle.said.notify_one();
        }
        // Where it was said lately, that time stays: it is said again when it is old.
        let at = book.right.get(&self.login).copied().filter(|_| known && book.unsaid.is_some());
        book.was_right(&self.login, at.unwrap_or(now));
    }

    /// The account, or the user name as it is remembered.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.login.0
    }

    /// How long to keep back the answer to one that may not be checked.
    #[must_use]
    pub fn delay_of_held(&self) -> Duration {
        self.delay(&self.throttle.book(), Instant::now())
    }

    /// Whether it is worth a line of the log that it may not be checked: how many come is anybody's to choose.
    #[must_use]
    pub fn is_told(&self, held: Held) -> bool {
        let (now, mut book) = (Instant::now(), self.throttle.book());
        let failures = match held.limit {
            Limit::Address => book.addresses.get_mut(&self.login.1),
            Limit::Login => book.logins.get_mut(&self.login),
            Limit::Account => book.accounts.get_mut(&self.login.0),
        };
        failures.is_none_or(|failures| failures.is_told(now))
    }

    fn count(&self, book: &mut Book, proof: Proof, now: Instant) -> Vec<Held> {
        if let Some(unsaid) = &mut book.unsaid {
            unsaid.wrong(&self.login);
            self.throttle.said.notify_one();
        }
        let mut all = book.failures(&self.login, now);
        let [_, (.., of_login), _] = &mut all;
        if of_login.wrong.len() >= KNOWN_AGAIN {
            of_login.wrong.remove(0);
        }
        of_login.wrong.push(proof);
        let mut reached = Vec::new();
        for (limit, size, failures) in all {
            let before = failures.bucket.wait(size, now);
            failures.bucket.add(1, size, now);
            let wait = failures.bucket.wait(size, now);
            if before.is_zero() && !wait.is_zero() {
                reached.push(Held { limit, wait });
            }
        }
        reached
    }

    fn delay(&self, book: &Book, now: Instant) -> Duration {
        let level = |limit| {
            let failures = self.failures(book, limit);
            failures.map_or(0.0, |failures| failures.bucket.level(book.settings.size(limit), now))
        };
        let wrong = level(Limit::Login).max(level(Limit::Address) / OTHERS).clamp(1.0, 20.0);
        FIRST_DELAY.mul_f64((wrong - 1.0).exp2()).min(book.settings.delay)
    }

    fn failures<'b>(&self, book: &'b Book, limit: Limit) -> Option<&'b Failures> {
        match limit {
            Limit::Address => book.addresses.get(&self.login.1),
            Limit::Login => book.logins.get(&self.login),
            Limit::Account => book.accounts.get(&self.login.0),
        }
    }

    fn proof(&self) -> &Proof {
        self.proof.get_or_init(|| self.throttle.proofs.of(self.user, self.account, self.password))
    }
}

impl Failures {
    fn is_told(&mut self, now: Instant) -> bool {
        let is_due = self.told.is_none_or(|told| now.duration_since(told) >= TOLD);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}
