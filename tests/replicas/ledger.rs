//! What the programs saw.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::talk::Trouble;

/// What a program knows of a message that it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    /// It was told no, or left before the end of the message.
    Refused,
    /// It had said all and was not answered: nobody can know (RFC 5321, 4.5.3.2.6, of its own accord sends it once more).
    Unanswered,
}

/// Written by all programs.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Numbers messages.
    pub(crate) next: AtomicU64,
    pub(crate) fates: Mutex<BTreeMap<u64, Fate>>,
    /// What went well, and what went wrong in a way that faults explain.
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// What must not happen.
    pub(crate) wrong: Mutex<Vec<String>>,
    /// Nothing may go wrong now for tokens that live long.
    pub(crate) strict: AtomicBool,
    /// A replica stands still for longer than programs wait: those that it has are stuck.
    still: AtomicBool,
}

impl Ledger {
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    pub(crate) fn accepted(&self) -> usize {
        self.fates.lock().unwrap().values().filter(|fate| **fate == Fate::Accepted).count()
    }

    /// From now on, or no more, every login with a token that lives long has to succeed.
    pub(crate) fn strict(&self, strict: bool) {
        self.strict.store(strict, Ordering::SeqCst);
    }

    /// From now on a program may wait in vain.
    pub(crate) fn stands_still(&self) {
        self.still.store(true, Ordering::SeqCst);
    }

    /// Of a program with the right password. `certain`: its token is in every replica's memory.
    pub(crate) fn trouble(&self, who: &str, certain: bool, trouble: &Trouble) {
        let goodbye = matches!(trouble, Trouble::No(line) if line.starts_with("421") || line.starts_with("* BYE"));
        if certain && !goodbye && self.strict.load(Ordering::SeqCst) {
            self.wrong(format!("{who}: a token that was there was not served: {trouble:?}"));
        }
        match trouble.counted() {
            Err(_) if matches!(trouble, Trouble::Stuck(_)) && self.still.load(Ordering::SeqCst) => self.count("stuck"),
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
        format!("{} messages accepted, {}", self.accepted(), counts.join(", "))
    }
}
