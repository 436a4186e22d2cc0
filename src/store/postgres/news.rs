//! What other replicas write, as the database tells it: each write comes with a notice of its own (see the migration), over a
//! connection that does nothing else. The safety net: every few seconds the database is asked how many notices there were, and
//! when one of them was not heard, or the connection was another one meanwhile, everything counts as changed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::fault::Fault;
use super::pool::Pool;
use super::told::{Told, What};
use crate::store::topics::Topics;
use crate::store::{Hearer, Overhearer, Topic};

/// Between two questions whether all was heard. A notice of a write has as long to come, once more, before it counts as missed.
const ASK: Duration = Duration::from_secs(5);
/// How long the database may take for the answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Before it is connected again.
const AGAIN: Duration = Duration::from_millis(500);
/// Numbers that are kept for want of those before them.
const MOST: usize = 100_000;

/// What was heard, and who wants to hear it.
pub(super) struct News {
    pub(super) topics: Topics,
    /// Marks what this process writes itself.
    pub(super) writer: String,
    hearers: Mutex<Vec<Hearer>>,
    overhearers: Mutex<Vec<Overhearer>>,
    heard: Mutex<Heard>,
    listens: AtomicBool,
    /// The database answers, and its notices cannot be heard.
    deaf: AtomicBool,
}

/// The numbers of notices.
#[derive(Debug, Default)]
struct Heard {
    /// All up to this one were heard, or count as heard.
    up_to: i64,
    beyond: BTreeSet<i64>,
    /// How many there were when it was last asked, and before.
    asked: [i64; 2],
}

impl News {
    pub(super) fn new(writer: String) -> Self {
        let (hearers, overhearers, heard) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (listens, deaf) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { topics: Topics::default(), writer, hearers, overhearers, heard, listens, deaf }
    }

    pub(super) fn tell(&self, hearer: Hearer) {
        self.hearers.lock().unwrap_or_else(PoisonError::into_inner).push(hearer);
    }

    pub(super) fn overhear(&self, hearer: Overhearer) {
        self.overhearers.lock().unwrap_or_else(PoisonError::into_inner).push(hearer);
    }

    /// A notice of a word, which has no number: nobody misses it.
    pub(super) fn notice(&self, word: &str) -> String {
        format!("0 {} word {word}", self.writer)
    }

    /// Listens from now on, as long as the store is there. A command that waits for nothing needs no second connection.
    pub(super) fn listen(self: &Arc<Self>, pool: &Arc<Pool>) {
        if !self.listens.swap(true, Ordering::AcqRel) {
            tokio::spawn(listen(Arc::downgrade(self), Arc::downgrade(pool)));
        }
    }

    /// Of one token: whoever looks at them all looks again.
    pub(super) fn touch(&self, of: Topic<'_>) {
        if let Topic::Token(_) = of {
            self.topics.count_up(Topic::Tokens);
        }
        self.topics.add(of);
    }

    fn hear(&self, payload: &str) {
        let Some(told) = Told::read(payload) else { return self.topics.add(Topic::Any) };
        self.heard().note(told.number);
        // Of records also its own: whoever saved one may have gone, or given up waiting, before it was in force.
        if told.writer == self.writer && !matches!(told.what, What::Records(_)) {
            return;
        }
        match told.what {
            What::Token(name, outline) => {
                self.topics.count_up(Topic::Token(name));
                let count = self.topics.count(Topic::Token(name));
                let hearers = self.hearers.lock().unwrap_or_else(PoisonError::into_inner);
                hearers.iter().for_each(|hearer| hearer(name, outline, count));
            }
            What::Records(kind) => self.topics.count_up(Topic::Records(kind)),
            What::Shares => self.topics.count_up(Topic::Shares),
            What::Word(word) => {
                let hearers = self.overhearers.lock().unwrap_or_else(PoisonError::into_inner);
                return hearers.iter().for_each(|hearer| hearer(word));
            }
            What::Everything => self.topics.count_up(Topic::Any),
            // Of a later version; whoever knows it waits for anything.
            What::Unknown => {}
        }
        self.topics.wake();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There are so many now.
    fn there_are(&self, count: i64) {
        if self.heard().there_are(count) {
            debug!(notices = count, "store.news_missed");
            self.topics.add(Topic::Any);
        }
    }
}

impl Heard {
    fn begin(&mut self, count: i64) {
        *self = Self { up_to: count, beyond: BTreeSet::new(), asked: [count; 2] };
    }

    fn note(&mut self, number: i64) {
        if number > self.up_to && self.beyond.len() < MOST {
            self.beyond.insert(number);
        }
        while self.beyond.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
    }

    /// Whether one was missed: those of the question before last have had their time.
    fn there_are(&mut self, count: i64) -> bool {
        let [due, last] = self.asked;
        self.asked = [last, count];
        let missed = self.up_to < due;
        if missed {
            self.up_to = due;
            self.beyond = self.beyond.split_off(&(due + 1));
            self.note(due);
        }
        missed
    }
}

/// Until the store is gone.
async fn listen(news: Weak<News>, pool: Weak<Pool>) {
    let mut looked = Instant::now();
    loop {
        let heard = hear(&news, &pool).await;
        let (Some(news), Some(pool)) = (news.upgrade(), pool.upgrade()) else { return };
        if let Err(fault) = heard
            && looked.elapsed() >= ASK
        {
            looked = Instant::now();
            without(&news, &pool, fault).await;
        }
        drop((news, pool));
        sleep(AGAIN).await;
    }
}

/// Nothing is heard. Where the database answers all the same, what was written is looked for instead of waited for; where it
/// does not, what is known goes on serving.
async fn without(news: &News, pool: &Arc<Pool>, fault: Fault) {
    if pool.answers().await {
        if !news.deaf.swap(true, Ordering::AcqRel) {
            warn!(error = %fault.of(pool.shown()), "store.deaf");
        }
        news.topics.add(Topic::Any);
    }
}

const CHANNEL: &str = "SELECT quote_ident('gatepost_' || current_schema())";
const NUMBER: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END, pg_is_in_recovery() FROM news";

async fn answer<T>(question: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
    Ok(timeout(ANSWER, question).await.map_err(|_| Fault::Unreachable("no answer".into()))??)
}

/// Over one connection, as long as it lasts.
async fn hear(news: &Weak<News>, pool: &Weak<Pool>) -> Result<(), Fault> {
    let hearing = Weak::clone(news);
    let hear = move |payload: &str| {
        if let Some(news) = hearing.upgrade() {
            news.hear(payload);
        }
    };
    let Some(connecting) = pool.upgrade() else { return Ok(()) };
    let (client, mut ended) = connecting.listener(Arc::new(hear)).await?;
    drop(connecting);
    let channel: String = answer(client.query_one(CHANNEL, &[])).await?.try_get(0)?;
    answer(client.batch_execute(&format!("LISTEN {channel}"))).await?;
    let mut begun = false;
    loop {
        let row = answer(client.query_one(NUMBER, &[])).await?;
        let (count, standby): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
        let Some(news) = news.upgrade().filter(|_| !standby) else { return Ok(()) };
        if begun {
            news.there_are(count);
        } else {
            news.heard().begin(count);
            // Whatever was written before it listened.
            news.topics.add(Topic::Any);
            begun = true;
            if news.deaf.swap(false, Ordering::AcqRel) {
                info!("store.hears");
            }
        }
        drop(news);
        tokio::select! {
            () = sleep(ASK) => {}
            _ = &mut ended => return Ok(()),
        }
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("heard", &self.heard).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_heard_is_missed_when_its_time_is_over_and_once() {
        let mut heard = Heard::default();
        heard.begin(10);
        heard.note(12);
        heard.note(11);
        heard.note(14);
        assert!(!heard.there_are(14) && !heard.there_are(14), "13 may come still");
        assert!(heard.there_are(15), "13 did not come");
        assert!(!heard.there_are(15), "15 may come");
        heard.note(15);
        assert!(!heard.there_are(15) && !heard.there_are(15));
        assert_eq!((heard.up_to, heard.beyond.len()), (15, 0));
    }
}
