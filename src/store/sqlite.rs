mod alone;
mod contents;
mod follow;
mod leases;
mod notices;
mod records;
mod rekey;
mod schema;
mod tokens;
mod trail;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use self::alone::Alone;
use self::follow::{Following, WATCH, follow};
#[cfg(test)]
pub(super) use self::schema::MIGRATIONS;
use self::schema::SCHEMA;
use super::changes::Changes;
use super::keys::Keys;
use super::seal::{KeyId, Seal, SealError};
use super::{
    Answer, Beat, Changed, Copied, Deed, Inflow, Kind, Noted, Outflow, Outline, Record, Replica, Saved, Sketch, Store,
    StoreError, Stored, Topic, Use, Version, sql,
};
use crate::model::TokenState;

/// The embedded store: one SQLite file in WAL mode, which the service and the command line open side by side.
///
/// The connection lives on a thread of its own; requests wait in a bounded queue. `synchronous = FULL`: what was saved
/// survives a crash of the machine, for a rotated refresh token exists nowhere else.
#[derive(Debug)]
pub struct SqliteStore {
    requests: SyncSender<Request>,
    foreign: Arc<Changes>,
    alone: Alone,
    keys: Arc<Keys>,
    file: String,
    _following: Following,
}

type Request = Box<dyn FnOnce(&mut Connection, &mut Seen) + Send>;

/// Requests that may wait for the thread.
const QUEUE: usize = 1024;

impl SqliteStore {
    /// Opens the file, or makes it, readable by its owner alone.
    pub fn open(path: &Path, keys: Keys) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        let connection = schema::open(path, &keys).map_err(|fault| fault.of(&file))?;
        let foreign = Arc::new(Changes::default());
        let (requests, queue) = mpsc::sync_channel(QUEUE);
        let seen = Seen::of(&connection, Arc::clone(&foreign));
        let unstarted = |fault: std::io::Error| StoreError::Database { file: file.clone(), fault: fault.to_string() };
        let thread = std::thread::Builder::new().name("store".into());
        thread.spawn(move || serve(connection, seen, &queue)).map_err(unstarted)?;
        let (looks, waits) = (requests.clone(), Arc::default());
        let following = follow(path, move || is_asked_to_look(&looks, &waits)).map_err(unstarted)?;
        Ok(Self { requests, foreign, alone: Alone::default(), keys: Arc::new(keys), file, _following: following })
    }

    /// Runs work on the store's thread.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<'_, T> {
        let (answer, answered) = oneshot::channel();
        let request: Request = Box::new(move |connection, _| drop(answer.send(work(connection))));
        let sent = self.requests.try_send(request);
        let file = self.file.clone();
        Box::pin(async move {
            match sent {
                Ok(()) => answered.await.map_err(|_| StoreError::Closed)?.map_err(|fault| fault.of(&file)),
                Err(mpsc::TrySendError::Full(_)) => {
                    Err(StoreError::Database { file, fault: "too many requests are waiting".into() })
                }
                Err(mpsc::TrySendError::Disconnected(_)) => Err(StoreError::Closed),
            }
        })
    }
}

/// What can go wrong on the thread.
enum Fault {
    Sqlite(rusqlite::Error),
    Key(SealError),
    TooNew(i64),
    Store(StoreError),
}

impl Fault {
    fn of(self, file: &str) -> StoreError {
        let file = file.to_owned();
        match self {
            Self::Sqlite(fault) => StoreError::Database { file, fault: fault.to_string() },
            Self::Key(fault) => StoreError::Key { file, fault },
            Self::TooNew(found) => StoreError::TooNew { file, found, known: SCHEMA },
            Self::Store(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(fault: rusqlite::Error) -> Self {
        Self::Sqlite(fault)
    }
}

impl From<SealError> for Fault {
    fn from(fault: SealError) -> Self {
        Self::Key(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Answers requests until the store is dropped.
fn serve(mut connection: Connection, mut seen: Seen, queue: &mpsc::Receiver<Request>) {
    while let Ok(request) = queue.recv() {
        request(&mut connection, &mut seen);
        if seen.at.elapsed() >= WATCH {
            seen.look(&connection);
        }
    }
}

/// `false` when there is no thread any more. One that has much to do looks in between; no more than one look `waits` for it, or
/// they would take the places of requests.
fn is_asked_to_look(requests: &SyncSender<Request>, waits: &Arc<AtomicBool>) -> bool {
    if waits.swap(true, Ordering::AcqRel) {
        return true;
    }
    let begun = Arc::clone(waits);
    let asked = requests.try_send(Box::new(move |connection, seen| {
        begun.store(false, Ordering::Release);
        seen.look(connection);
    }));
    if asked.is_err() {
        waits.store(false, Ordering::Release);
    }
    !matches!(asked, Err(mpsc::TrySendError::Disconnected(_)))
}

/// What others had written at the last look.
struct Seen {
    version: Option<i64>,
    at: Instant,
    changes: Arc<Changes>,
}

impl Seen {
    fn of(connection: &Connection, changes: Arc<Changes>) -> Self {
        Self { version: data_version(connection), at: Instant::now(), changes }
    }

    fn look(&mut self, connection: &Connection) {
        let version = data_version(connection);
        self.at = Instant::now();
        if std::mem::replace(&mut self.version, version) != version {
            self.changes.add();
        }
    }
}

/// Changes only with the commits of other connections.
fn data_version(connection: &Connection) -> Option<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).ok()
}

impl Store for SqliteStore {
    fn token(&self, name: &str) -> Answer<'_, Stored> {
        let (name, keys) = (name.to_owned(), Arc::clone(&self.keys));
        self.run(move |connection| tokens::one(connection, &name, &keys))
    }

    fn sketches(&self) -> Answer<'_, Vec<(String, Sketch)>> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| tokens::sketches(connection, &keys))
    }

    fn outlines(&self) -> Answer<'_, Vec<(String, Outline)>> {
        self.run(|connection| tokens::outlines(connection))
    }

    fn names(&self) -> Answer<'_, Vec<String>> {
        self.run(|connection| tokens::names(connection))
    }

    fn save(&self, name: &str, read: Version, state: &TokenState) -> Answer<'_, Saved> {
        let (name, keys, state) = (name.to_owned(), Arc::clone(&self.keys), state.clone());
        self.run(move |connection| tokens::swap(connection, &name, read, &state, &keys))
    }

    fn forget(&self, name: &str) -> Answer<'_, ()> {
        let (name, foreign) = (name.to_owned(), Arc::clone(&self.foreign));
        self.run(move |connection| {
            tokens::forget(connection, &name)?;
            foreign.add();
            Ok(())
        })
    }

    fn records(&self, kind: Kind) -> Answer<'_, Vec<Record>> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| records::all(connection, kind, &keys))
    }

    fn versions(&self, kind: Kind) -> Answer<'_, Vec<(String, Version)>> {
        self.run(move |connection| records::versions(connection, kind))
    }

    fn some_records(&self, kind: Kind, names: Vec<String>) -> Answer<'_, Vec<Record>> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| records::some(connection, kind, names, &keys))
    }

    fn record(&self, kind: Kind, name: &str) -> Answer<'_, Record> {
        let (name, keys) = (name.to_owned(), Arc::clone(&self.keys));
        self.run(move |connection| records::one(connection, kind, name, &keys))
    }

    fn put(&self, record: Record, life: Option<Duration>) -> Answer<'_, Saved> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| records::put(connection, record, life, &keys))
    }

    fn announce(&self, token: &str, notice: &str) -> Answer<'_, bool> {
        let row = [token.to_owned(), notice.to_owned()];
        self.run(move |connection| notices::announce(connection, row))
    }

    fn withdraw(&self, token: &str, beginning: &str) -> Answer<'_, bool> {
        let row = [token.to_owned(), beginning.to_owned()];
        self.run(move |connection| notices::withdraw(connection, row))
    }

    fn announced(&self) -> Answer<'_, Vec<(String, String)>> {
        self.run(|connection| notices::all(connection))
    }

    fn note(&self, deed: Deed) -> Answer<'_, ()> {
        self.run(move |connection| trail::note(connection, &deed))
    }

    fn deeds(&self, before: Option<i64>, most: usize) -> Answer<'_, Vec<Noted>> {
        self.run(move |connection| trail::deeds(connection, before, i64::try_from(most).unwrap_or(i64::MAX)))
    }

    fn uses(&self, since: DateTime<Utc>) -> Answer<'_, Vec<Use>> {
        self.run(move |connection| trail::uses(connection, since))
    }

    fn uses_of(&self, account: &str) -> Answer<'_, Vec<Use>> {
        let account = account.to_owned();
        self.run(move |connection| trail::uses_of(connection, &account))
    }

    fn used(&self, uses: Vec<Use>) -> Answer<'_, ()> {
        self.run(move |connection| trail::used(connection, &uses))
    }

    fn unused(&self, account: &str) -> Answer<'_, ()> {
        let account = account.to_owned();
        self.run(move |connection| trail::unused(connection, &account))
    }

    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool> {
        let (token, owner) = (token.to_owned(), owner.to_owned());
        self.run(move |connection| leases::take(connection, &token, &owner, length))
    }

    fn release(&self, token: &str, owner: &str) -> Answer<'_, ()> {
        let (token, owner) = (token.to_owned(), owner.to_owned());
        self.run(move |connection| leases::release(connection, &token, &owner))
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn beat(&self, beat: Beat) -> Answer<'_, ()> {
        self.alone.beat(beat);
        Box::pin(std::future::ready(Ok(())))
    }

    fn replicas(&self) -> Answer<'_, Vec<Replica>> {
        Box::pin(std::future::ready(Ok(self.alone.replicas())))
    }

    fn gone(&self, instance: &str) -> Answer<'_, ()> {
        self.alone.gone(instance);
        Box::pin(std::future::ready(Ok(())))
    }

    fn pour(&self, into: Outflow) -> Answer<'_, ()> {
        self.run(move |connection| contents::pour(connection, &into))
    }

    fn fill(&self, mut from: Inflow) -> Answer<'_, Copied> {
        let file = self.file.clone();
        self.run(move |connection| contents::fill(connection, &mut from, &file))
    }

    fn rekey(&self) -> Answer<'_, usize> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| rekey::rekey(connection, &keys))
    }

    // The file says that somebody has written, and not what.
    fn changes(&self, _: Topic<'_>) -> u64 {
        self.foreign.count()
    }

    fn changed(&self, _: Topic<'_>, seen: u64) -> Changed<'_> {
        Box::pin(self.foreign.other_than(seen))
    }

    fn touch(&self, _: Topic<'_>) {
        self.foreign.add();
    }
}

/// The key that seals now.
fn sealing(connection: &Connection) -> Result<Option<KeyId>, Fault> {
    let found: Option<Vec<u8>> = connection.query_row(sql::SEALING, [], |row| row.get(0)).optional()?;
    found.map(|id| KeyId::try_from(id).map_err(|_| Fault::Key(SealError::Malformed))).transpose()
}

/// The same, for a write: another process may have changed it since the last.
fn sealer(connection: &Connection, keys: &Keys) -> Result<Arc<Seal>, Fault> {
    let id = sealing(connection)?.ok_or(SealError::Malformed)?;
    Ok(keys.get(id)?)
}
