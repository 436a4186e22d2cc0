//! Whether mail is flowing: one look at everything that it takes, for a monitor (`/readyz`, `/metrics`) and for people
//! (`gatepost status`).
//!
//! A look reads the store once, and the rest from memory; those who look within a second see the same. Nothing in it is secret.

mod checks;
mod facts;
mod picture;
mod said;
mod sheet;
mod tokens;

pub use checks::{Check, Reason};
pub use facts::{Blocked, Facts, Listening, Sources, Upstream};
pub use picture::{Account, Accounts, Hashes, Picture, Queue, Sessions};
pub use tokens::{Ends, TokenLine};

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clock;
use crate::metrics::{Format, Process, Sheet};
use crate::replicas;
use crate::store::{Opened, StoreError};

/// Looks at everything.
pub struct Health {
    sources: Sources,
    facts: OnceLock<Ask>,
    last: Mutex<Option<(Instant, Arc<Picture>)>>,
    /// One at a time: however many look, the store is asked once.
    asking: tokio::sync::Mutex<()>,
}

/// Asks for what changes with the configuration.
type Ask = Box<dyn Fn() -> Facts + Send + Sync>;

/// For so long a look serves those who look after it: whoever asks often does not make the store busy.
const FRESH: Duration = Duration::from_secs(1);
/// The checks that ask the store.
pub const OF_THE_STORE: [&str; 2] = ["store", "tokens"];
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(3);

impl Health {
    /// Of a service that has these parts.
    #[must_use]
    pub const fn new(sources: Sources) -> Self {
        Self { sources, facts: OnceLock::new(), last: Mutex::new(None), asking: tokio::sync::Mutex::const_new(()) }
    }

    /// Who knows what changes with the configuration; the first counts.
    pub fn learn(&self, facts: impl Fn() -> Facts + Send + Sync + 'static) {
        drop(self.facts.set(Box::new(facts)));
    }

    /// How it is now, or was a moment ago.
    pub async fn look(&self) -> Arc<Picture> {
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let _one = self.asking.lock().await;
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let states = self.states().await;
        let facts = self.facts.get().map(|ask| ask()).unwrap_or_default();
        let picture = Arc::new(Picture::of(&self.sources, facts, states, clock::now()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&picture)));
        picture
    }

    /// The checks that need no store: an answer at once, also where the database does not answer.
    #[must_use]
    pub fn own_checks(&self) -> Vec<Check> {
        let facts = self.facts.get().map(|ask| ask()).unwrap_or_default();
        let open = picture::sessions(&self.sources).iter().map(|one| one.before_login + one.logged_in).sum();
        let all = checks::checks(&facts, open, None, &picture::Accounts::default());
        all.into_iter().filter(|check| !OF_THE_STORE.contains(&check.name.as_str())).collect()
    }

    /// Who else serves.
    #[must_use]
    pub fn replicas(&self) -> &replicas::Replicas {
        &self.sources.replicas
    }

    /// How it is now, for other replicas: what they cannot see themselves. The store is not asked.
    #[must_use]
    pub fn said(&self) -> replicas::Facts {
        let facts = self.facts.get().map(|ask| ask()).unwrap_or_default();
        said::said(facts, picture::sessions(&self.sources), self.sources.busy.count() as u64)
    }

    /// All of it for a monitor.
    pub async fn metrics(&self, format: Format) -> String {
        let picture = self.look().await;
        let mut sheet = Sheet::default();
        sheet::tell(&picture, &mut sheet);
        for (about, count) in self.sources.store.statements() {
            sheet.count("gatepost_store_statements_total", &[("about", about)], count);
        }
        Process::now().tell(&mut sheet);
        self.sources.activity.metrics.text(sheet, format)
    }

    fn fresh(&self) -> Option<Arc<Picture>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, picture)| Arc::clone(picture))
    }

    async fn states(&self) -> Result<Vec<(String, Opened)>, String> {
        let read = timeout(PATIENCE, self.sources.store.states()).await;
        let read = read.map_err(|_| format!("the store did not answer within {} s", PATIENCE.as_secs()))?;
        read.map_err(|fault: StoreError| fault.to_string())
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}
