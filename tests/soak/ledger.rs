//! What the programs saw.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::talk::Trouble;

/// Written by all programs.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Numbers messages.
    pub(crate) next: AtomicU64,
    /// Those that were accepted.
    pub(crate) accepted: Mutex<Vec<u64>>,
    /// What went well, and what went wrong in a way that faults explain.
    pub(crate) counts: Mutex<BTreeMap<&'static str, u64>>,
    /// What must not happen.
    pub(crate) wrong: Mutex<Vec<String>>,
    /// How long logins took, alone and in the crowd.
    pub(crate) alone: Mutex<Vec<Duration>>,
    pub(crate) crowded: Mutex<Vec<Duration>>,
    /// Whether the crowd is there; nothing is measured while something else is the matter.
    pub(crate) crowd: AtomicBool,
    pub(crate) measuring: AtomicBool,
}

impl Ledger {
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(crate) fn login_took(&self, time: Duration) {
        self.count("logins");
        if self.measuring.load(Ordering::Relaxed) {
            let times = if self.crowd.load(Ordering::Relaxed) { &self.crowded } else { &self.alone };
            times.lock().unwrap().push(time);
        }
    }

    /// Of a program with the right password.
    pub(crate) fn trouble(&self, who: &'static str, trouble: &Trouble) {
        match trouble.counted() {
            Ok(what) => self.count(what),
            Err(wrong) => self.wrong(format!("{who}: {wrong}")),
        }
    }

    pub(crate) fn wrong(&self, what: String) {
        println!("WRONG: {what}");
        self.wrong.lock().unwrap().push(what);
    }

    pub(crate) fn line(&self) -> String {
        let counts = self.counts.lock().unwrap();
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{} messages accepted, {}", self.accepted.lock().unwrap().len(), counts.join(", "))
    }
}
