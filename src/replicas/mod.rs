//! The replicas that share a store: each says every few seconds that it is there, and how it is; all see that of all others.
//!
//! Nothing is elected and nobody waits for anybody here. What is seen is some seconds old; whoever needs something for himself
//! takes a lease.

mod facts;
mod line;
mod watch;

pub use facts::Facts;
pub use line::{Line, State};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{BEAT, Beat, Replica, Store};
use watch::Watch;

/// This replica among the others.
pub struct Replicas {
    store: Arc<dyn Store>,
    name: String,
    instance: String,
    last: Mutex<Look>,
    /// Where there can be no others nobody is told anything, and who looks sees it as it is then.
    alone: OnceLock<Own>,
}

/// How this one is.
type Own = Box<dyn Fn() -> Facts + Send + Sync>;

/// What was seen of all.
#[derive(Clone, Debug, Default)]
struct Look {
    /// None: nothing was seen yet.
    at: Option<Instant>,
    all: Vec<Replica>,
    /// The store could not be asked since.
    stale: bool,
}

/// How long a beat may take: the next one is due then.
const PATIENCE: Duration = BEAT;
/// How long the end of the process waits for the store.
const FAREWELL: Duration = Duration::from_secs(1);

impl Replicas {
    /// Of a process that calls itself so.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, name: String) -> Self {
        Self { store, name, instance: instance(), last: Mutex::default(), alone: OnceLock::new() }
    }

    /// What this one is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This run of it, unlike any other.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Whether there may be others.
    #[must_use]
    pub fn are_several(&self) -> bool {
        self.store.is_shared()
    }

    /// All that were there lately, as they look from here.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let Look { at, mut all, stale } = self.last().clone();
        let mut since = at.map(|at| at.elapsed()).unwrap_or_default();
        if let Some(own) = self.alone.get() {
            let beat = self.beat(&own());
            for one in &mut all {
                (one.beat, one.age) = (beat.clone(), one.age + since);
            }
            since = Duration::ZERO;
        }
        line::lines(&self.instance, &all, since, stale)
    }

    /// Says that this one is there, and looks at the others, until told to stop. One that can have no others sleeps.
    pub async fn keep(&self, facts: impl Fn() -> Facts + Send + Sync + 'static, stop: CancellationToken) {
        if !self.are_several() {
            self.round(&facts()).await;
            drop(self.alone.set(Box::new(facts)));
            return stop.cancelled().await;
        }
        let mut watch = Watch::new(&self.instance);
        loop {
            let own = facts();
            if self.round(&own).await {
                let all = self.last().all.clone();
                for told in watch.see(&own, &all, Instant::now()) {
                    told.tell();
                }
            }
            if stop.run_until_cancelled(sleep(BEAT)).await.is_none() {
                break;
            }
        }
        // Where the store is not there, the others see that it is silent.
        drop(timeout(FAREWELL, self.store.gone(&self.instance)).await);
    }

    /// `false`: the store could not be asked, which it tells itself.
    async fn round(&self, own: &Facts) -> bool {
        let asked = async {
            self.store.beat(self.beat(own)).await?;
            self.store.replicas().await
        };
        let outcome = match timeout(PATIENCE, asked).await {
            Ok(Ok(mut all)) => {
                let seen = all.clone();
                all.retain(|one| !one.is_replaced(&seen));
                *self.last() = Look { at: Some(Instant::now()), all, stale: false };
                return true;
            }
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => "the store did not answer".to_owned(),
        };
        debug!(error = outcome, "replica.unheard");
        self.last().stale = true;
        false
    }

    fn beat(&self, own: &Facts) -> Beat {
        Beat {
            name: self.name.clone(),
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            facts: serde_json::to_string(own).unwrap_or_else(|_| "{}".to_owned()),
        }
    }

    fn last(&self) -> MutexGuard<'_, Look> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a run of something that shares the store, unlike any other: two services in one process are two.
#[must_use]
pub fn instance() -> String {
    let mut random = [0; 8];
    // Without randomness it is merely less unlike others.
    let _ = aws_lc_rs::rand::fill(&mut random);
    format!("{:016x}-{}", u64::from_le_bytes(random), std::process::id())
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicas").field("name", &self.name).field("instance", &self.instance).finish_non_exhaustive()
    }
}
