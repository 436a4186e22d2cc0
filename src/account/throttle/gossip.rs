//! What replicas tell one another of logins: who was wrong, who was right, who was forgiven. It is said about once a second, all
//! together, and kept nowhere: whoever does not hear it counts less.
//!
//! Bound: with n replicas, a guesser who tries all of them at once is let n times through what is tried within about a second, and
//! afterwards no more than at one.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Book, Login, Throttle};

/// What was not said yet.
#[derive(Debug, Default)]
pub(super) struct Unsaid {
    wrong: HashMap<Login, u32>,
    right: HashSet<Login>,
    forgiven: Vec<Said>,
}

/// One thing that is said. The letters are short because many go into one notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Said {
    /// So many failures of an account (or a name that is nobody's) at an address.
    #[serde(rename = "w")]
    Wrong(String, IpAddr, u32),
    /// A login that was right.
    #[serde(rename = "r")]
    Right(String, IpAddr),
    /// An administrator forgave an address.
    #[serde(rename = "a")]
    Address(IpAddr),
    /// An administrator forgave an account.
    #[serde(rename = "n")]
    Account(String),
}

/// Logins of which anything waits to be said. More are not told of: under such a flood each replica has enough of its own.
const MOST: usize = 4096;
/// Octets of a word: PostgreSQL refuses notices of 8000.
const WORD: usize = 6000;
/// How often one login tells of itself at most.
const TIMES: u32 = 1000;

impl Throttle {
    /// Notes what others are to hear, from now on.
    pub fn gossip(&self) {
        self.book().unsaid.get_or_insert_default();
    }

    /// Ends when there is something that others are to hear.
    pub async fn has_unsaid(&self) {
        loop {
            let news = self.said.notified();
            if self.book().unsaid.as_ref().is_some_and(|unsaid| !unsaid.is_empty()) {
                return;
            }
            news.await;
        }
    }

    /// What others are to hear since this was last asked.
    #[must_use]
    pub fn unsaid(&self) -> Vec<String> {
        let Some(unsaid) = self.book().unsaid.as_mut().map(mem::take) else { return Vec::new() };
        words(unsaid.all())
    }

    /// What another replica said; what it cannot have said is left out.
    pub fn heard(&self, word: &str) {
        let Ok(all) = serde_json::from_str::<Vec<Said>>(word) else { return };
        let mut book = self.book();
        let now = Instant::now();
        for said in all {
            book.hear(said, now);
        }
    }
}

impl Unsaid {
    pub(super) fn wrong(&mut self, login: &Login) {
        if self.wrong.len() < MOST || self.wrong.contains_key(login) {
            let times = self.wrong.entry(login.clone()).or_default();
            *times = (*times + 1).min(TIMES);
        }
    }

    pub(super) fn right(&mut self, login: &Login) {
        // What was wrong before counts no more.
        self.wrong.remove(login);
        if self.right.len() < MOST {
            self.right.insert(login.clone());
        }
    }

    fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.right.is_empty() && self.forgiven.is_empty()
    }

    pub(super) fn forgiven_address(&mut self, address: IpAddr) {
        self.forgiven.push(Said::Address(address));
    }

    pub(super) fn forgiven_account(&mut self, name: &str) {
        self.forgiven.push(Said::Account(name.to_owned()));
    }

    /// What is right or forgiven comes before what was wrong after it.
    fn all(self) -> impl Iterator<Item = Said> {
        let right = self.right.into_iter().map(|(name, at)| Said::Right(name.to_string(), at));
        let wrong = self.wrong.into_iter().map(|((name, at), times)| Said::Wrong(name.to_string(), at, times));
        self.forgiven.into_iter().chain(right).chain(wrong)
    }
}

impl Book {
    /// What is forgiven must not be counted where it was not told of yet.
    pub(super) fn unsay(&mut self, is_forgiven: impl Fn(&Login) -> bool) {
        if let Some(unsaid) = &mut self.unsaid {
            unsaid.wrong.retain(|login, _| !is_forgiven(login));
        }
    }

    fn hear(&mut self, said: Said, now: Instant) {
        match said {
            Said::Wrong(name, at, times) => {
                for (_, size, failures) in self.failures(&(name.into(), at), now) {
                    failures.bucket.add(times, size, now);
                }
            }
            Said::Right(name, at) => self.was_right(&(name.into(), at), now),
            Said::Address(address) => drop(self.forget_address(address)),
            Said::Account(name) => drop(self.forget_account(&name.into())),
        }
    }
}

/// As few as may be, none longer than a notice.
fn words(all: impl Iterator<Item = Said>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for said in all {
        let Ok(said) = serde_json::to_string(&said) else { continue };
        match words.last_mut().filter(|word| word.len() + said.len() < WORD) {
            Some(word) => {
                word.push(',');
                word.push_str(&said);
            }
            None => words.push(format!("[{said}")),
        }
    }
    for word in &mut words {
        word.push(']');
    }
    words
}
