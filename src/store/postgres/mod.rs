//! The store that several replicas share: a PostgreSQL database.
//!
//! Whatever happens to the database, no request waits longer than [`pool`] allows, and what was saved is durable there: a
//! rotated refresh token exists nowhere else. A write whose answer was lost with its connection is looked for before anything
//! is said of it.

mod addresses;
mod connect;
mod contents;
mod counts;
mod fault;
mod leases;
mod link;
mod news;
mod notices;
mod outage;
mod pool;
mod records;
mod rekey;
mod replicas;
mod schema;
mod shares;
#[cfg(test)]
mod tests;
mod time;
mod tokens;
mod told;
mod trail;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::connect::Servers;
use self::news::News;
use self::pool::{EVERYTHING, LONG, ONCE, Pool, REPEATABLE};
#[cfg(test)]
pub(super) use self::schema::MIGRATIONS;
use self::time::Ahead;
use super::keys::Keys;
use super::shares::{self as shared, Ask, Shared, Standing, Wanted};
use super::{
    Answer, Beat, Changed, Copied, Deed, Hearer, Inflow, Kind, Noted, Outflow, Outline, Overhearer, Record, Replica,
    Saved, Sketch, Store, StoreError, Stored, Topic, Use, Version,
};
use crate::clock;
use crate::model::TokenState;

const SAY: &str = "SELECT pg_notify('gatepost_' || current_schema(), word) FROM unnest($1::TEXT[]) AS word";

/// A PostgreSQL database, which any number of processes on any number of machines have open.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    keys: Arc<Keys>,
    news: Arc<News>,
    ahead: Arc<Ahead>,
}

impl PostgresStore {
    /// Connects, brings the schema up to date, and finds the key that the store is sealed with.
    pub async fn open(servers: Servers, keys: Keys) -> Result<Self, StoreError> {
        let news = Arc::new(News::new(mark()?));
        let (pool, keys) = (Arc::new(Pool::new(servers, &news.writer)?), Arc::new(keys));
        let ring = Arc::clone(&keys);
        pool.run(LONG, ring, |mut link, ring| async move { schema::prepare(&mut link, &ring).await }).await?;
        let ahead = Arc::<Ahead>::default();
        pool.run(REPEATABLE, Arc::clone(&ahead), |mut link, ahead| async move {
            ahead.ask(&mut link, "SELECT now_ms()", &[]).await
        })
        .await?;
        Ok(Self { pool, keys, news, ahead })
    }
}

impl Store for PostgresStore {
    fn token(&self, name: &str) -> Answer<'_, Stored> {
        self.pool.run(REPEATABLE, (name.to_owned(), Arc::clone(&self.keys)), |mut link, with| async move {
            tokens::one(&mut link, &with.0, &with.1).await
        })
    }

    fn sketches(&self) -> Answer<'_, Vec<(String, Sketch)>> {
        let keys = Arc::clone(&self.keys);
        self.pool.run(LONG, keys, |mut link, with| async move { tokens::sketches(&mut link, &with).await })
    }

    fn outlines(&self) -> Answer<'_, Vec<(String, Outline)>> {
        self.pool.run(LONG, (), |mut link, _| async move { tokens::outlines(&mut link).await })
    }

    fn names(&self) -> Answer<'_, Vec<String>> {
        self.pool.run(LONG, (), |mut link, _| async move { tokens::names(&mut link).await })
    }

    fn save(&self, name: &str, read: Version, state: &TokenState) -> Answer<'_, Saved> {
        self.pool.run(
            REPEATABLE,
            tokens::Save::new(name, read, state, Arc::clone(&self.keys)),
            |mut link, with| async move { with.perform(&mut link).await },
        )
    }

    fn forget(&self, name: &str) -> Answer<'_, ()> {
        let with = (name.to_owned(), Arc::clone(&self.news));
        self.pool.run(REPEATABLE, with, |mut link, with| async move {
            tokens::forget(&mut link, &with.0).await?;
            with.1.touch(Topic::Token(&with.0));
            Ok(())
        })
    }

    fn records(&self, kind: Kind) -> Answer<'_, Vec<Record>> {
        self.pool.run(LONG, (kind, Arc::clone(&self.keys)), |mut link, with| async move {
            records::all(&mut link, with.0, &with.1).await
        })
    }

    fn versions(&self, kind: Kind) -> Answer<'_, Vec<(String, Version)>> {
        self.pool.run(LONG, kind, |mut link, kind| async move { records::versions(&mut link, *kind).await })
    }

    fn some_records(&self, kind: Kind, names: Vec<String>) -> Answer<'_, Vec<Record>> {
        self.pool.run(LONG, (kind, names, Arc::clone(&self.keys)), |mut link, with| async move {
            records::some(&mut link, with.0, &with.1, &with.2).await
        })
    }

    fn record(&self, kind: Kind, name: &str) -> Answer<'_, Record> {
        self.pool.run(REPEATABLE, (kind, name.to_owned(), Arc::clone(&self.keys)), |mut link, with| async move {
            records::one(&mut link, with.0, &with.1, &with.2).await
        })
    }

    fn put(&self, record: Record, life: Option<Duration>) -> Answer<'_, Saved> {
        self.pool.run(
            REPEATABLE,
            records::Put::new(record, life, Arc::clone(&self.keys)),
            |mut link, with| async move { with.perform(&mut link).await },
        )
    }

    fn announce(&self, token: &str, notice: &str) -> Answer<'_, bool> {
        let with = ([token.to_owned(), notice.to_owned()], AtomicBool::new(false));
        self.pool.run(REPEATABLE, with, |mut link, with| async move {
            // The row that is there may be that of the first try, whose answer was lost: rather told twice than never.
            let again = with.1.swap(true, Ordering::Relaxed);
            Ok(notices::announce(&mut link, &with.0).await? || again)
        })
    }

    fn withdraw(&self, token: &str, beginning: &str) -> Answer<'_, bool> {
        self.pool.run(ONCE, [token.to_owned(), beginning.to_owned()], |mut link, with| async move {
            notices::withdraw(&mut link, &with).await
        })
    }

    fn announced(&self) -> Answer<'_, Vec<(String, String)>> {
        self.pool.run(LONG, (), |mut link, _| async move { notices::all(&mut link).await })
    }

    fn note(&self, deed: Deed) -> Answer<'_, ()> {
        self.pool.run(ONCE, deed, |mut link, with| async move { trail::note(&mut link, &with).await })
    }

    fn deeds(&self, before: Option<i64>, most: usize) -> Answer<'_, Vec<Noted>> {
        self.pool.run(REPEATABLE, (before, i64::try_from(most).unwrap_or(i64::MAX)), |mut link, with| async move {
            trail::deeds(&mut link, with.0, with.1).await
        })
    }

    fn uses(&self, since: DateTime<Utc>) -> Answer<'_, Vec<Use>> {
        self.pool.run(LONG, since, |mut link, since| async move { trail::uses(&mut link, *since).await })
    }

    fn uses_of(&self, account: &str) -> Answer<'_, Vec<Use>> {
        self.pool.run(REPEATABLE, account.to_owned(), |mut link, account| async move {
            trail::uses_of(&mut link, &account).await
        })
    }

    fn used(&self, uses: Vec<Use>) -> Answer<'_, ()> {
        self.pool.run(REPEATABLE, uses, |mut link, with| async move { trail::used(&mut link, &with).await })
    }

    fn unused(&self, account: &str) -> Answer<'_, ()> {
        self.pool.run(
            REPEATABLE,
            account.to_owned(),
            |mut link, with| async move { trail::unused(&mut link, &with).await },
        )
    }

    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool> {
        self.pool.run(REPEATABLE, (token.to_owned(), owner.to_owned(), length), |mut link, with| async move {
            leases::take(&mut link, &with.0, &with.1, with.2).await
        })
    }

    fn release(&self, token: &str, owner: &str) -> Answer<'_, ()> {
        let by = (clock::now() + self.ahead.get() + leases::RELEASED_WITHIN).timestamp_millis();
        self.pool.run(REPEATABLE, (token.to_owned(), owner.to_owned(), by), |mut link, with| async move {
            leases::release(&mut link, &with.0, &with.1, with.2).await
        })
    }

    fn statements(&self) -> Vec<(&'static str, u64)> {
        self.pool.counts.all()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn beat(&self, beat: Beat) -> Answer<'_, ()> {
        self.pool.run(REPEATABLE, (beat, Arc::clone(&self.ahead)), |mut link, with| async move {
            replicas::beat(&mut link, &with.0, &with.1).await
        })
    }

    fn replicas(&self) -> Answer<'_, Vec<Replica>> {
        self.pool.run(REPEATABLE, (), |mut link, _| async move { replicas::all(&mut link).await })
    }

    fn gone(&self, instance: &str) -> Answer<'_, ()> {
        let with = instance.to_owned();
        self.pool.run(REPEATABLE, with, |mut link, with| async move { replicas::gone(&mut link, &with).await })
    }

    fn share(&self, owner: &str, number: i64, asks: Vec<Ask>) -> Answer<'_, Shared> {
        let with = (owner.to_owned(), number, asks);
        self.pool.run(REPEATABLE, with, |mut link, with| async move { shares::share(&mut link, &with).await })
    }

    fn hold(&self, beat: shared::Beat) -> Answer<'_, Standing> {
        self.pool.run(REPEATABLE, beat, |mut link, with| async move { shares::hold(&mut link, &with).await })
    }

    fn wanted(&self, owner: &str) -> Answer<'_, Wanted> {
        let with = owner.to_owned();
        self.pool.run(REPEATABLE, with, |mut link, with| async move { shares::wanted(&mut link, &with).await })
    }

    fn pour(&self, into: Outflow) -> Answer<'_, ()> {
        self.pool.run(EVERYTHING, into, |mut link, into| async move { contents::pour(&mut link, &into).await })
    }

    fn fill(&self, from: Inflow) -> Answer<'_, Copied> {
        let with = (Mutex::new(Some(from)), self.pool.shown().to_owned());
        self.pool.run(EVERYTHING, with, |mut link, with| async move {
            let from = with.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            contents::fill(&mut link, from.ok_or(StoreError::BrokenOff)?, &with.1).await
        })
    }

    fn rekey(&self) -> Answer<'_, usize> {
        let keys = Arc::clone(&self.keys);
        self.pool.run(EVERYTHING, keys, |mut link, keys| async move { rekey::rekey(&mut link, &keys).await })
    }

    fn clock_ahead(&self) -> TimeDelta {
        self.ahead.get()
    }

    fn changes(&self, of: Topic<'_>) -> u64 {
        self.news.topics.count(of)
    }

    fn changed(&self, of: Topic<'_>, seen: u64) -> Changed<'_> {
        self.news.listen(&self.pool);
        self.news.topics.other_than(of, seen)
    }

    fn say(&self, words: Vec<String>) -> Answer<'_, ()> {
        let notices: Vec<_> = words.iter().map(|word| self.news.notice(word)).collect();
        self.pool.run(ONCE, notices, |mut link, notices| async move { link.execute(SAY, &[&*notices]).await.map(drop) })
    }

    fn overhear(&self, hearer: Overhearer) {
        self.news.overhear(hearer);
    }

    fn tell(&self, hearer: Hearer) {
        self.news.tell(hearer);
    }

    fn touch(&self, of: Topic<'_>) {
        self.news.touch(of);
    }
}

/// What tells this process from all others that write.
fn mark() -> Result<String, StoreError> {
    let (version, _) =
        Version::default().next().map_err(|fault| StoreError::Key { file: "the system".into(), fault })?;
    Ok(format!("{:x}", version.0))
}
