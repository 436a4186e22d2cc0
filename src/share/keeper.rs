use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::book::{Book, Figures, LEASE, Measure};
use crate::store::shares::{Ask, Shared};
use crate::store::{Store, StoreError, Topic};

/// The parts of this replica, and who looks after them.
#[derive(Debug)]
pub struct Shares {
    book: Mutex<Book>,
    store: Arc<dyn Store>,
    owner: String,
    /// There is something to ask.
    nudge: Notify,
    away: AtomicBool,
}

/// What came of waiting for a unit.
#[derive(Debug)]
pub enum Taken {
    /// There was one.
    Unit(Unit),
    /// All are in use, and the store says so.
    None,
    /// The store has not answered: nobody knows.
    Unanswered,
}

/// A unit in use, until dropped.
#[derive(Debug)]
pub struct Unit {
    shares: Arc<Shares>,
    name: Arc<str>,
}

/// Somebody waits for a unit, until dropped.
#[derive(Debug)]
pub struct Wanting {
    shares: Arc<Shares>,
    name: Arc<str>,
    changed: Arc<Notify>,
}

/// How often others are listened to, and what was missed is made good.
const LOOK: Duration = Duration::from_secs(1);
/// The same while somebody waits.
const WAITED_FOR: Duration = Duration::from_millis(250);
/// How often this replica says that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// What comes at once is asked at once.
const TOGETHER: Duration = Duration::from_millis(5);
/// How many limits are asked for at a time.
const BATCH: usize = 64;
/// How long the sessions of a replica that ends may go on before it gives up waiting for them; a little less than a stop leaves
/// them after their messages.
const REST: Duration = Duration::from_millis(4500);
/// How soon to look whether they are over.
const OVER: Duration = Duration::from_millis(50);
/// How long the store may take; without an answer it is as if it were away.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is known between two rounds.
struct Rounds {
    beaten: Option<Instant>,
    looked: Option<Instant>,
    /// The count of news at the last look.
    heard: u64,
    /// Since when the store has been there without a break.
    since: Instant,
}

impl Shares {
    /// This replica's, under a mark that no other start has.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, owner: &str) -> Arc<Self> {
        let (book, owner) = (Mutex::new(Book::new(owner.to_owned(), Instant::now())), owner.to_owned());
        Arc::new(Self { book, store, owner, nudge: Notify::new(), away: AtomicBool::new(false) })
    }

    /// Whether one more unit may be used, and how many other replicas wait for.
    #[must_use]
    pub fn look(&self, name: &Arc<str>, measure: Measure) -> (bool, u32) {
        let mut book = self.book();
        let has_room = book.has_room(name, measure, Instant::now());
        (has_room, book.wanted(name).map_or(0, |(wanted, _)| wanted))
    }

    /// Uses a unit; of a lasting one nobody has to say when it is over.
    pub fn enter(&self, name: &Arc<str>, measure: Measure) {
        self.book().enter(name, measure, Instant::now());
    }

    /// A unit is used no more.
    pub fn leave(&self, name: &Arc<str>) {
        let wanted = self.book().leave(name);
        if wanted {
            self.nudge.notify_one();
        }
    }

    /// Somebody waits for a unit from now on.
    pub fn want(self: &Arc<Self>, name: &Arc<str>, measure: Measure) -> Wanting {
        let changed = self.book().wait(name, measure, Instant::now());
        self.nudge.notify_one();
        Wanting { shares: Arc::clone(self), name: Arc::clone(name), changed }
    }

    /// What is called when others begin to wait for units of a limit that is in use here.
    #[must_use]
    pub fn changed(&self, name: &str) -> Option<Arc<Notify>> {
        self.book().wanted(name).map(|(_, changed)| Arc::clone(changed))
    }

    /// A unit, waited for at most so long.
    pub async fn take(self: &Arc<Self>, name: &Arc<str>, measure: Measure, wait: Duration) -> Taken {
        let deadline = Instant::now() + wait;
        let mut wanting: Option<(Wanting, u64)> = None;
        loop {
            let changed = wanting.as_ref().map(|(wanting, _)| wanting.changed());
            let heard = changed.as_ref().map(|changed| changed.notified());
            if let Some(unit) = self.try_take(name, measure) {
                return Taken::Unit(unit);
            }
            let answers = self.book().answers(name);
            let (Some(heard), Some((_, before))) = (heard, &wanting) else {
                wanting = Some((self.want(name, measure), answers));
                continue;
            };
            if timeout_at(deadline, heard).await.is_err() {
                let is_silent = self.book().answers(name) == *before;
                return if is_silent { Taken::Unanswered } else { Taken::None };
            }
        }
    }

    fn try_take(self: &Arc<Self>, name: &Arc<str>, measure: Measure) -> Option<Unit> {
        let (mut book, now) = (self.book(), Instant::now());
        let has_room = book.has_room(name, measure, now);
        has_room.then(|| {
            book.enter(name, measure, now);
            Unit { shares: Arc::clone(self), name: Arc::clone(name) }
        })
    }

    /// Metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.book().figures(Instant::now())
    }

    /// When this replica keeps to its part if the store says nothing until then.
    #[cfg(test)]
    pub(crate) fn lease_ends(&self) -> Instant {
        self.book().lease_ends()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks after what is held, until the end; then all of it is given back.
    pub async fn keep(self: Arc<Self>, end: CancellationToken) {
        let mut rounds = Rounds { beaten: None, looked: None, heard: 0, since: Instant::now() };
        while end.run_until_cancelled(self.round(&mut rounds)).await.is_some() {}
        drop(timeout(PATIENCE, self.part()).await);
    }

    /// Whoever comes next need not wait until what was not used here counts no more. Where sessions go on, their units are
    /// nobody else's: without a last beat all that is held comes free when the lease ends.
    async fn part(&self) {
        let rest = Instant::now() + REST;
        let asks = self.book().last_asks(Instant::now());
        for some in asks.chunks(BATCH) {
            if !matches!(self.ask_for(some).await, Ok(true)) {
                break;
            }
        }
        while Instant::now() < rest {
            let beat = self.book().last_beat();
            if let Some(beat) = beat {
                drop(self.store.hold(beat).await);
                return;
            }
            sleep(OVER).await;
        }
    }

    async fn round(&self, rounds: &mut Rounds) {
        if let Err(error) = self.all_that_is_due(rounds).await {
            self.gone(&error);
            // What the store can no longer say, the time decides: a lease that is over, a minute that has passed.
            self.book().look_again(Instant::now());
            rounds.since = Instant::now();
            sleep(LOOK).await;
        }
        let seen = rounds.heard;
        let pause = if self.book().is_waited_for() { WAITED_FOR } else { LOOK };
        tokio::select! {
            () = sleep(pause) => rounds.looked = None,
            () = self.store.changed(Topic::Shares, seen) => rounds.looked = None,
            () = self.nudge.notified() => sleep(TOGETHER).await,
        }
    }

    async fn all_that_is_due(&self, rounds: &mut Rounds) -> Result<(), StoreError> {
        let now = Instant::now();
        if rounds.beaten.is_none_or(|at| now.duration_since(at) >= BEAT) {
            self.beat(rounds).await?;
        }
        if rounds.looked.is_none_or(|at| now.duration_since(at) >= LOOK) {
            self.listen(rounds).await?;
        }
        // Once: what is denied is due again at once.
        self.ask(rounds).await
    }

    /// Says that it lives, and hears how many others do.
    async fn beat(&self, rounds: &mut Rounds) -> Result<(), StoreError> {
        let sent = Instant::now();
        let buries = sent.duration_since(rounds.since) >= LEASE;
        let beat = self.book().beat(buries, false);
        let standing = self.within(self.store.hold(beat)).await?;
        self.book().beaten(&standing, sent);
        rounds.beaten = Some(sent);
        self.back();
        if standing.lapsed {
            debug!(holders = standing.holders, "shares.joined");
        }
        Ok(())
    }

    async fn listen(&self, rounds: &mut Rounds) -> Result<(), StoreError> {
        rounds.heard = self.store.changes(Topic::Shares);
        let wanted = self.within(self.store.wanted(&self.owner)).await?;
        let again = {
            let mut book = self.book();
            book.heard(&wanted.wants, Instant::now());
            book.is_bowing() || book.holders() != wanted.holders
        };
        rounds.looked = Some(Instant::now());
        if again { self.beat(rounds).await } else { Ok(()) }
    }

    async fn ask(&self, rounds: &mut Rounds) -> Result<(), StoreError> {
        let asks = self.book().asks(Instant::now());
        for some in asks.chunks(BATCH) {
            if rounds.beaten.is_none_or(|at| at.elapsed() >= 2 * BEAT) {
                // What is left comes right after a beat: many questions must not take longer than the lease.
                self.book().failed(&asks);
                self.nudge.notify_one();
                return Ok(());
            }
            match self.ask_for(some).await {
                Ok(true) => {}
                // Of those that have their answer this changes nothing.
                Ok(false) => {
                    self.book().failed(&asks);
                    return self.beat(rounds).await;
                }
                Err(error) => {
                    self.book().failed(&asks);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// `false`: it was believed dead.
    async fn ask_for(&self, asks: &[Ask]) -> Result<bool, StoreError> {
        let number = self.book().next_number();
        match self.within(self.store.share(&self.owner, number, asks.to_vec())).await? {
            Shared::Given(given) => self.book().given(&given, Instant::now()),
            Shared::Lapsed => return Ok(false),
        }
        Ok(true)
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let late = StoreError::Late { seconds: PATIENCE.as_secs() };
        timeout(PATIENCE, answer).await.unwrap_or(Err(late))
    }

    fn gone(&self, error: &StoreError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            warn!(%error, "shares.alone");
        }
    }

    fn back(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            info!("shares.together");
        }
    }
}

impl Wanting {
    /// Called when it is worth another look.
    #[must_use]
    pub fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        self.shares.book().wait_no_more(&self.name);
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.shares.leave(&self.name);
    }
}
