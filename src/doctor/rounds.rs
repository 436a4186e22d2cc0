//! Examinations that go on by themselves while others look on: begun by a page or a program, their steps readable as they
//! finish.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Doctor, Recipient, Step, Verdict};
use crate::clock;
use crate::model::Account;

/// The examinations of a service: some at a time, each kept for some minutes after its end. Cheap to clone.
#[derive(Clone)]
pub struct Rounds(Arc<Shared>);

struct Shared {
    doctor: Doctor,
    publish: Option<Publish>,
    stop: CancellationToken,
    tasks: TaskTracker,
    all: Mutex<VecDeque<Arc<Round>>>,
}

struct Round {
    id: String,
    account: String,
    work: Work,
    begun: DateTime<Utc>,
    progress: Mutex<Progress>,
    over: CancellationToken,
}

/// A round goes on until this is dropped, whatever becomes of the work: none holds its place for ever.
struct GoingOn(Arc<Round>);

#[derive(Clone, Default)]
struct Progress {
    steps: Vec<Step>,
    end: Option<(DateTime<Utc>, End)>,
}

/// Lets others see what there is of one, in the order of the calls.
pub type Publish = Arc<dyn Fn(Seen) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What is done with an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Work {
    /// Every protocol is tried, up to a command that changes nothing.
    Examine,
    /// A test message is sent.
    Send(Recipient),
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum End {
    /// To its end.
    Done(Verdict),
    /// The service was stopped, or it took longer than anything may.
    CutOff,
}

/// An examination as far as it has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Seen {
    /// By which it is asked for.
    pub id: String,
    /// Whose.
    pub account: String,
    /// What is done.
    pub work: Work,
    /// When it was begun.
    pub begun: DateTime<Utc>,
    /// The steps so far.
    pub steps: Vec<Step>,
    /// How it ended; none while it goes on.
    pub end: Option<End>,
}

/// Too many go on already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_AT_A_TIME} accounts are being tested already, which is the most; wait until one of them is done")]
pub struct Crowded;

/// Examinations at a time: each holds a connection to a provider.
const MOST_AT_A_TIME: usize = 8;
/// Examinations that are kept.
const MOST_KEPT: usize = 64;
/// How long one is kept after its end.
const KEPT: TimeDelta = TimeDelta::minutes(15);
/// How often others are let see how far one has come, where that has changed.
const PUBLISHED: Duration = Duration::from_millis(500);
/// The longest that one may take: three protocols, each of whose waits has a limit of its own.
const LONGEST: Duration = Duration::from_mins(10);

impl Rounds {
    /// None yet. With the stop they break off; what refreshes meanwhile goes on in the tokens, which are settled then.
    #[must_use]
    pub fn new(doctor: Doctor, publish: Option<Publish>, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared { doctor, publish, stop, tasks: TaskTracker::new(), all: Mutex::default() }))
    }

    /// Begins one and returns its id. The same work on the same account is not begun twice at a time: whoever clicks twice
    /// gets the one that goes on.
    pub fn begin(&self, account: &Account, work: Work) -> Result<String, Crowded> {
        let now = clock::now();
        let mut all = self.all();
        all.retain(|round| round.is_kept(now));
        if let Some(round) =
            all.iter().find(|round| round.account == account.name && round.work == work && round.goes_on())
        {
            return Ok(round.id.clone());
        }
        if all.iter().filter(|round| round.goes_on()).count() >= MOST_AT_A_TIME {
            return Err(Crowded);
        }
        let (id, name) = (identifier(), account.name.clone());
        let (progress, over) = Default::default();
        let round = Arc::new(Round { id: id.clone(), account: name, work, begun: now, progress, over });
        all.push_back(Arc::clone(&round));
        if all.len() > MOST_KEPT
            && let Some(oldest) = all.iter().position(|round| !round.goes_on())
        {
            all.remove(oldest);
        }
        drop(all);
        self.run(round, account.clone());
        Ok(id)
    }

    /// One as far as it has come; none that was never begun, or has been forgotten.
    #[must_use]
    pub fn look(&self, id: &str) -> Option<Seen> {
        self.all().iter().find(|round| round.id == id).map(|round| round.seen())
    }

    /// The same when it has ended; or as far as it has come when nobody waits any longer.
    pub async fn ended_in(&self, id: &str, patience: Duration) -> Option<Seen> {
        let over = self.all().iter().find(|round| round.id == id).map(|round| round.over.clone())?;
        let _ = timeout(patience, over.cancelled()).await;
        self.look(id)
    }

    /// Waits until none goes on any more. Only of use after the stop.
    pub async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn run(&self, round: Arc<Round>, account: Account) {
        let shared = Arc::clone(&self.0);
        if let Some(publish) = shared.publish.clone() {
            self.0.tasks.spawn(published(Arc::clone(&round), publish));
        }
        let going_on = GoingOn(round);
        self.0.tasks.spawn(async move {
            let round = &going_on.0;
            let tell = |step| round.progress().steps.push(step);
            let work = async {
                match &round.work {
                    Work::Examine => shared.doctor.examine_one(&account, tell).await,
                    Work::Send(to) => shared.doctor.send(&account, to, tell).await,
                }
            };
            let end = tokio::select! {
                () = shared.stop.cancelled() => End::CutOff,
                verdict = timeout(LONGEST, work) => verdict.map_or(End::CutOff, End::Done),
            };
            round.progress().end = Some((clock::now(), end));
        });
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Round>>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As soon as it is begun, as it goes on, and when it has ended.
async fn published(round: Arc<Round>, publish: Publish) {
    let mut steps = None;
    while !round.over.is_cancelled() {
        let seen = round.seen();
        if steps.replace(seen.steps.len()) != Some(seen.steps.len()) {
            publish(seen).await;
        }
        let _ = timeout(PUBLISHED, round.over.cancelled()).await;
    }
    publish(round.seen()).await;
}

impl Seen {
    /// The longest that it may still go on, by the clock of whoever begun it, is over.
    #[must_use]
    pub fn is_lost(&self, now: DateTime<Utc>) -> bool {
        let longest = TimeDelta::from_std(LONGEST).unwrap_or_default();
        self.end.is_none() && now - self.begun > longest + TimeDelta::minutes(1)
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.0.progress().end.get_or_insert_with(|| (clock::now(), End::CutOff));
        self.0.over.cancel();
    }
}

impl Round {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        self.progress().end.is_none()
    }

    fn is_kept(&self, now: DateTime<Utc>) -> bool {
        self.progress().end.is_none_or(|(at, _)| now - at < KEPT)
    }

    fn seen(&self) -> Seen {
        let Progress { steps, end } = self.progress().clone();
        let (id, account, work) = (self.id.clone(), self.account.clone(), self.work.clone());
        Seen { id, account, work, begun: self.begun, steps, end: end.map(|(_, end)| end) }
    }
}

/// Unguessable, and fit for an address.
fn identifier() -> String {
    let mut random = [0; 16];
    // Without randomness there is no TLS, and so nothing to examine.
    let _ = aws_lc_rs::rand::fill(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}

/// Whose accounts are examined is no matter of logs.
impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rounds").field("going_on", &self.0.tasks.len()).finish_non_exhaustive()
    }
}
