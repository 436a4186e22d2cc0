//! Whether the database is there. It is said once when it is not, and once when it is back; and who asks while it is away is told
//! so at once, instead of waiting each for himself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::fault::Fault;

/// Between two attempts to connect at first, and at most.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Outage {
    shown: String,
    state: Mutex<State>,
    looks_out: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    away: Option<Away>,
    /// Connections from before are not to be trusted.
    newest: Option<Instant>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    fault: String,
    pause: Duration,
    again: Instant,
}

impl Outage {
    pub(super) fn new(shown: String) -> Self {
        Self { shown, state: Mutex::default(), looks_out: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No, while the last attempt was a moment ago.
    pub(super) fn may_connect(&self) -> Result<(), Fault> {
        match &self.state().away {
            Some(away) if Instant::now() < away.again => Err(Fault::Unreachable(away.fault.clone())),
            _ => Ok(()),
        }
    }

    pub(super) fn failed(&self, fault: &str) {
        let (mut state, now) = (self.state(), Instant::now());
        let fault = fault.to_owned();
        let pause = state.away.as_ref().map_or(PAUSE, |away| (away.pause * 2).min(LONGEST_PAUSE));
        if state.away.is_none() {
            warn!(store = self.shown, error = fault, "store.unreachable");
        }
        let since = state.away.as_ref().map_or(now, |away| away.since);
        state.away = Some(Away { since, fault, pause, again: now + pause });
    }

    #[cfg(test)]
    pub(super) fn is_announced(&self) -> bool {
        self.state().away.is_some()
    }

    pub(super) fn over(&self) {
        let Some(away) = self.state().away.take() else { return };
        info!(store = self.shown, seconds = away.since.elapsed().as_secs(), "store.back");
    }

    /// What is connected now leads nowhere: to a server that does not answer, or takes no writes any more.
    pub(super) fn distrust(&self) {
        self.state().newest = Some(Instant::now());
    }

    pub(super) fn is_older(&self, created: Instant) -> bool {
        self.state().newest.is_some_and(|newest| created <= newest)
    }

    /// Whether somebody waits for the database to come back; from now on somebody does.
    pub(super) fn looks_out(&self) -> bool {
        self.looks_out.swap(true, Ordering::AcqRel)
    }

    pub(super) fn looked_out(&self) {
        self.looks_out.store(false, Ordering::Release);
    }
}
