//! Authenticated sessions at SMTP servers, kept between two programs: whoever comes next with the same identity need not wait
//! for connection, TLS and login.
//!
//! Invariants: a session is given to nobody but a login of exactly its [`Key`], the access token included, and to one at a
//! time; only one that is in step, outside a transaction and without any refusal so far is kept; RSET stands between the two
//! programs, and what survives RSET (RFC 5321, 4.1.1.5: all but the transaction) is in the key. Broken, mail of one identity
//! would leave as another's.
//!
//! Each kept session has a task that owns it and ends it, the sooner the better. No lock is held across an await.

mod heirs;
mod key;
mod leg;
mod pool;
mod watch;

pub use heirs::Heir;
pub use key::Key;
pub use leg::{Leg, Origin, Way};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::gate::MailboxGate;
use heirs::Heirs;
use pool::{Most, Pool};

/// The sessions that are kept.
#[derive(Debug)]
pub struct Kept {
    settings: ArcSwap<KeptSettings>,
    pool: Arc<Mutex<Pool<Arc<Key>, Place>>>,
    heirs: Mutex<Heirs>,
    tasks: TaskTracker,
}

/// Bounds of [`Kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptSettings {
    /// How long a session waits for the next program (`limits.smtp_kept_seconds`); zero: none is kept.
    pub idle: Duration,
    /// How old it may be then (`limits.smtp_kept_lifetime_seconds`).
    pub lifetime: Duration,
    /// How many messages it may have taken (`limits.smtp_kept_messages`).
    pub messages: u32,
    /// How many are kept in all (`limits.smtp_kept_sessions`); a mailbox has half of them at most, and half of its places.
    pub sessions: usize,
}

/// A kept session as the pool sees it: who may have it, and how its task is asked for it. Dropped, the task ends it.
#[derive(Debug)]
struct Place {
    account: String,
    ask: oneshot::Sender<Asker>,
}

/// Where a session is awaited.
type Asker = oneshot::Sender<Leg>;

impl Kept {
    /// None is kept yet.
    #[must_use]
    pub fn new(settings: KeptSettings) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            pool: Arc::default(),
            heirs: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// These bounds from now on; what is kept already keeps its time.
    pub fn set(&self, settings: KeptSettings) {
        self.settings.store(Arc::new(settings));
        if settings.idle.is_zero() {
            self.end();
        }
    }

    /// Keeps the session of a program that has left. Given back: it may not be kept.
    pub fn keep(&self, leg: Leg) -> Result<(), Box<Leg>> {
        let settings = **self.settings.load();
        if settings.would_end(&leg) {
            return Err(Box::new(leg));
        }
        if leg.permit.is_wanted() {
            return self.bequeath(leg);
        }
        let places = leg.permit.places().map(|places| usize::try_from(places.get()).unwrap_or(usize::MAX));
        let of_mailbox = half(places.map_or(settings.sessions, |places| places.min(settings.sessions)));
        let most = Most { in_all: settings.sessions.max(1), of_mailbox };
        let (ask, asked) = oneshot::channel();
        let place = Place { account: leg.origin.account.clone(), ask };
        let (mailbox, key) = (Arc::clone(leg.permit.mailbox().key()), Arc::clone(&leg.origin.key));
        let mut pool = self.lock();
        if self.tasks.is_closed() {
            return Err(Box::new(leg));
        }
        let (number, ended) = pool.put(&mailbox, key, place, most);
        drop(pool);
        drop(ended);
        let until = (leg.origin.opened + settings.lifetime).min(tokio::time::Instant::now() + settings.idle);
        let watch = watch::watch(leg, asked, until);
        let pool = Arc::clone(&self.pool);
        self.tasks.spawn(async move {
            let leg = watch.await;
            pool.lock().unwrap_or_else(PoisonError::into_inner).leave(number);
            if let Some(leg) = leg {
                leg.hang_up().await;
            }
        });
        Ok(())
    }

    /// Gives a session to whoever waits for its place, if that one can use it.
    fn bequeath(&self, mut leg: Leg) -> Result<(), Box<Leg>> {
        let heir =
            if leg.takes_groups() { self.heirs().first(leg.permit.mailbox().key(), &leg.origin.key) } else { None };
        let Some(heir) = heir else {
            // Nobody else need give its place up.
            leg.permit.gives_up_its_place();
            return Err(Box::new(leg));
        };
        let (ask, asked) = oneshot::channel();
        drop(ask.send(heir));
        let until = leg.origin.opened + self.settings.load().lifetime;
        self.tasks.spawn(async move {
            if let Some(leg) = watch::watch(leg, asked, until).await {
                leg.hang_up().await;
            }
        });
        Ok(())
    }

    /// The session that was kept last of exactly this key, if there is one that is in step. None where others of the mailbox
    /// wait, or its provider slows it down.
    pub async fn take(&self, mailbox: &MailboxGate, key: &Key) -> Option<Leg> {
        if !mailbox.is_open_to_sessions() {
            return None;
        }
        loop {
            let place = self.lock().take(mailbox.key(), |kept| **kept == *key)?;
            let (asker, leg) = oneshot::channel();
            if place.ask.send(asker).is_ok()
                && let Ok(leg) = leg.await
            {
                return Some(leg);
            }
        }
    }

    /// Ends the sessions that may not be used any more; asked with the key and the account that used it last.
    pub fn review(&self, may_stay: impl Fn(&Key, &str) -> bool) {
        let ended = self.lock().review(|key, place| may_stay(key, &place.account));
        drop(ended);
    }

    /// Ends those of a mailbox that its provider slows down.
    pub fn leave_in_peace(&self, mailbox: &MailboxGate) {
        let ended = self.lock().empty(mailbox.key());
        drop(ended);
    }

    /// How many are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().count()
    }

    /// Ends all, and keeps none any more.
    pub fn close(&self) {
        let mut pool = self.lock();
        self.tasks.close();
        let ended = pool.review(|_, _| false);
        drop(pool);
        drop(ended);
    }

    /// Until all have said goodbye, after [`Kept::close`].
    pub async fn closed(&self) {
        self.tasks.wait().await;
    }

    fn end(&self) {
        let ended = self.lock().review(|_, _| false);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Pool<Arc<Key>, Place>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptSettings {
    fn would_end(&self, leg: &Leg) -> bool {
        let Origin { opened, messages, .. } = &leg.origin;
        self.idle.is_zero() || opened.elapsed() >= self.lifetime || *messages >= self.messages
    }
}

/// Programs that do not come by Gatepost need places of the mailbox, too, and other mailboxes need room here: half, but one.
const fn half(places: usize) -> usize {
    if places < 2 { 1 } else { places / 2 }
}
