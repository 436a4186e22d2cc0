use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::step::Step;
use super::tracer::Way;
use crate::model::Protocol;

/// Who watches what is said, of a process.
#[derive(Debug, Default)]
pub struct Traces {
    /// How many watch.
    on: AtomicUsize,
    /// How often somebody began to watch when nobody did.
    epoch: AtomicU64,
    watchers: Mutex<Vec<Arc<Watcher>>>,
}

/// Of whom it is wanted to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An account by its name, or whoever tries to log in by it; case does not matter.
    Account(String),
    /// A client's address.
    Address(IpAddr),
}

/// Something that was said in a session.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// As its log lines call the session.
    pub session: Arc<str>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Who said it to whom.
    pub way: Way,
    /// What was said.
    pub step: Step,
}

/// How many may watch at a time.
const WATCHERS: usize = 4;

/// Lines that wait for a slow watcher, and lines in a second; what is more is counted and left out.
const WAITING: usize = 1024;
const A_SECOND: u32 = 500;

#[derive(Debug)]
pub(super) struct Watcher {
    wanted: Wanted,
    lines: mpsc::Sender<Arc<Line>>,
    /// What was left out.
    missed: AtomicU64,
    /// How many lines there were in this second.
    pace: Mutex<(Instant, u32)>,
}

/// Somebody who watches, until this is dropped.
#[derive(Debug)]
pub struct Watching {
    traces: Arc<Traces>,
    watcher: Arc<Watcher>,
    lines: mpsc::Receiver<Arc<Line>>,
}

/// What a watcher gets.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What was said.
    pub line: Arc<Line>,
    /// So many lines before it were left out.
    pub missed: u64,
}

impl Traces {
    /// Whether anybody watches: all that a session asks while nobody does.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed) > 0
    }

    /// Begins to watch. None: too many do.
    #[must_use]
    pub fn watch(self: &Arc<Self>, wanted: Wanted) -> Option<Watching> {
        let mut watchers = self.lock();
        if watchers.len() >= WATCHERS {
            return None;
        }
        let (sender, lines) = mpsc::channel(WAITING);
        let pace = Mutex::new((Instant::now(), 0));
        let watcher = Arc::new(Watcher { wanted, lines: sender, missed: AtomicU64::new(0), pace });
        if watchers.is_empty() {
            self.epoch.fetch_add(1, Ordering::Relaxed);
        }
        watchers.push(Arc::clone(&watcher));
        self.on.store(watchers.len(), Ordering::Relaxed);
        Some(Watching { traces: Arc::clone(self), watcher, lines })
    }

    /// A number that changes whenever nobody has watched for a while.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(super) fn watchers(&self) -> Vec<Arc<Watcher>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Watcher>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Whether it wants sessions from this address.
    pub(super) fn wants_address(&self, address: Option<IpAddr>) -> bool {
        matches!(self.wanted, Wanted::Address(wanted) if Some(wanted) == address)
    }

    /// Whether it wants sessions of an account.
    pub(super) const fn wants_an_account(&self) -> bool {
        matches!(self.wanted, Wanted::Account(_))
    }

    /// Whether it wants sessions of whoever is called so.
    pub(super) fn wants_user(&self, names: &[String]) -> bool {
        let Wanted::Account(wanted) = &self.wanted else { return false };
        names.iter().any(|name| name.to_lowercase() == wanted.to_lowercase())
    }

    /// Waits for nobody.
    pub(super) fn offer(&self, line: &Arc<Line>) {
        if !self.is_in_time() || self.lines.try_send(Arc::clone(line)).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_in_time(&self) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.0.elapsed() >= Duration::from_secs(1) {
            *pace = (Instant::now(), 0);
        }
        pace.1 += 1;
        pace.1 <= A_SECOND
    }
}

impl Watching {
    /// The next line.
    pub async fn next(&mut self) -> Option<Heard> {
        let line = self.lines.recv().await?;
        Some(Heard { line, missed: self.missed() })
    }

    /// How many lines were left out since this was asked last.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.watcher.missed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watchers = self.traces.lock();
        watchers.retain(|watcher| !Arc::ptr_eq(watcher, &self.watcher));
        self.traces.on.store(watchers.len(), Ordering::Relaxed);
    }
}
