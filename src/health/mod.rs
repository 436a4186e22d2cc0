//! Whether mail is flowing: one look at everything that it takes, for a monitor (`/readyz`, `/metrics`) and for people
//! (`gatepost status`).
//!
//! A look asks the store once, and knows the rest from memory; those who look within a second see the same. Nothing in it is
//! secret, and nothing is opened for it.

mod checks;
mod facts;
mod picture;
mod said;
mod sheet;
mod tally;
mod tokens;

pub use checks::{Check, OF_THE_STORE, Reason};
pub use facts::{Blocked, Facts, Listening, Sources, Upstream};
pub use picture::{Account, Accounts, Hashes, Leased, Picture, Queue, Sessions, Shares};
pub use tokens::{Ends, TokenLine};

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;
use crate::metrics::{Format, Process, Sheet};
use crate::replicas;
use tally::Kept;

/// Looks at everything.
pub struct Health {
    sources: Sources,
    facts: OnceLock<Ask>,
    last: Mutex<Option<(Instant, Arc<Picture>)>>,
    /// One at a time: however many look, the store is asked once.
    asking: tokio::sync::Mutex<Kept>,
}

/// Asks for what changes with the configuration.
type Ask = Box<dyn Fn() -> Facts + Send + Sync>;

/// For so long a look serves those who look after it: whoever asks often does not make the store busy.
const FRESH: Duration = Duration::from_secs(1);

impl Health {
    /// Of a service that has these parts.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self { sources, facts: OnceLock::new(), last: Mutex::default(), asking: tokio::sync::Mutex::default() }
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
        let mut kept = self.asking.lock().await;
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let (store, declared) = (self.sources.store.as_ref(), self.sources.registry.declared());
        let tally = kept.tally(store, &declared, clock::now()).await;
        let picture = Arc::new(Picture::of(&self.sources, self.known(), tally, clock::now()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&picture)));
        picture
    }

    /// The checks that need no store: an answer at once, also where the database does not answer.
    #[must_use]
    pub fn own_checks(&self) -> Vec<Check> {
        checks::own(&self.known(), &picture::sessions(&self.sources)).into()
    }

    /// Who else serves.
    #[must_use]
    pub fn replicas(&self) -> &replicas::Replicas {
        &self.sources.replicas
    }

    /// How it is now, for other replicas: what they cannot see themselves. The store is not asked.
    #[must_use]
    pub fn said(&self) -> replicas::Facts {
        said::said(self.known(), picture::sessions(&self.sources), self.sources.busy.count() as u64)
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

    /// What changes with the configuration, now.
    fn known(&self) -> Facts {
        self.facts.get().map(|ask| ask()).unwrap_or_default()
    }

    fn fresh(&self) -> Option<Arc<Picture>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, picture)| Arc::clone(picture))
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}
