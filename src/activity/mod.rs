//! What is going on: who is logged in, what was told lately, how much of it there was, and when passwords were last used.
//!
//! All of it is fed by what happens anyway: sessions enter the [`Roll`] when they are let in, and everything else comes from
//! the events that are logged, through the layer of [`Activity::recorder`]. Nothing here may wait, or log: it is called from
//! within both.

mod arrivals;
mod counts;
mod events;
mod fields;
mod label;
mod recorder;
mod roll;
mod uses;

pub use arrivals::{Arrivals, Arrived};
pub use counts::{Counts, Minute, Tally};
pub use events::{Event, Events, Filter, KEPT, WATCHERS, Watch};
pub use fields::{Fields, json, plain, readable};
pub use label::SessionId;
pub use roll::{Entered, Figures, Line, Login, Roll, Seen, Why};
pub use uses::{LastUse, Uses};

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::trace::Traces;

/// What a process knows about its own doings.
#[derive(Debug)]
pub struct Activity {
    /// Sessions that are logged in.
    pub roll: Roll,
    /// What was told lately.
    pub events: Events,
    /// How much there was of it, by the minute.
    pub counts: Counts,
    /// When passwords were last used.
    pub uses: Uses,
    /// Who watches what is said.
    pub traces: Arc<Traces>,
    /// Who is at the door.
    pub arrivals: Arrivals,
    /// All of it for a monitor.
    pub metrics: Metrics,
}

impl Default for Activity {
    fn default() -> Self {
        let counts = Counts::default();
        let roll = Roll::counted(counts.clone());
        Self {
            roll,
            events: Events::default(),
            counts,
            uses: Uses::default(),
            arrivals: Arrivals::default(),
            metrics: Metrics::default(),
            traces: Arc::default(),
        }
    }
}

/// How soon the store learns when passwords were used.
const FLUSH: Duration = Duration::from_mins(1);
/// How soon a replica learns what others have seen, for its lists.
const OTHERS: TimeDelta = TimeDelta::minutes(15);
/// Other machines' clocks may differ, and they tell some time later.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);

impl Activity {
    /// Lets the store know when passwords are used, until told to stop, and then once more.
    pub async fn keep(self: Arc<Self>, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut learned = self.learn(store.as_ref(), None).await;
        let due = || async {
            let noted = async {
                self.uses.noted().await;
                sleep(FLUSH).await;
            };
            tokio::select! {
                () = noted => {}
                () = sleep(OTHERS.to_std().unwrap_or_default()), if store.is_shared() => {}
            }
        };
        while stop.run_until_cancelled(due()).await.is_some() {
            self.flush(store.as_ref()).await;
            if learned.is_none_or(|at| store.is_shared() && clock::now() - at >= OTHERS) {
                learned = self.learn(store.as_ref(), learned).await;
            }
        }
        self.flush(store.as_ref()).await;
    }

    /// Learns what others have seen since. Returns since when nothing need be asked again.
    async fn learn(&self, store: &dyn Store, learned: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let now = clock::now();
        match self.uses.load(store, learned.map_or(DateTime::UNIX_EPOCH, |at| at - OVERLAP)).await {
            Ok(()) => Some(now),
            Err(fault) => {
                warn!(error = %fault, "store.failed");
                learned
            }
        }
    }

    async fn flush(&self, store: &dyn Store) {
        if let Err(fault) = self.uses.flush(store).await {
            warn!(error = %fault, "store.failed");
        }
    }
}

#[cfg(test)]
mod tests;
