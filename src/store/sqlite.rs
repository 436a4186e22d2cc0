mod rekey;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::keys::Keys;
use super::row::{COLUMNS, Row};
use super::seal::{KeyId, Seal, SealError, sealed_by};
use super::{Answer, Kind, Place, Record, Saved, Store, StoreError, Stored, Version};
use crate::model::TokenState;

/// The embedded store: one SQLite file in WAL mode, which the service and the command line open side by side.
///
/// The connection lives on a thread of its own; requests wait in a bounded queue. `synchronous = FULL`: what was saved
/// survives a crash of the machine, for a rotated refresh token exists nowhere else.
#[derive(Debug)]
pub struct SqliteStore {
    requests: SyncSender<Request>,
    foreign: Arc<AtomicU64>,
    keys: Arc<Keys>,
    file: String,
}

type Request = Box<dyn FnOnce(&mut Connection) + Send>;

/// Schema steps; the number of a step is the schema it leads to.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/1.sql"), include_str!("migrations/2.sql")];
/// The newest schema.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);
/// How often to look whether another process has written.
const WATCH: Duration = Duration::from_millis(250);
/// Requests that may wait for the thread.
const QUEUE: usize = 1024;

impl SqliteStore {
    /// Opens the file, or makes it, readable by its owner alone.
    pub fn open(path: &Path, keys: Keys) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        let connection = open(path, &keys).map_err(|fault| fault.of(&file))?;
        let foreign = Arc::new(AtomicU64::new(0));
        let (requests, queue) = mpsc::sync_channel(QUEUE);
        let watched = Arc::clone(&foreign);
        let thread = std::thread::Builder::new().name("store".into());
        let spawned = thread.spawn(move || serve(connection, &queue, &watched));
        spawned.map_err(|fault| StoreError::Database { file: file.clone(), fault: fault.to_string() })?;
        Ok(Self { requests, foreign, keys: Arc::new(keys), file })
    }

    /// Runs work on the store's thread.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<'_, T> {
        let (answer, answered) = oneshot::channel();
        let request: Request = Box::new(move |connection| drop(answer.send(work(connection))));
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

fn open(path: &Path, keys: &Keys) -> Result<Connection, Fault> {
    create_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection)?;
    agree(&mut connection, keys)?;
    Ok(connection)
}

/// Finds the key that seals this store; a new store takes the first. A ring without it is another store's, and nothing is
/// changed.
fn agree(connection: &mut Connection, keys: &Keys) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(id) = sealing(&transaction)? {
        keys.get(id)?;
        return Ok(());
    }
    let query = "SELECT coalesce(access_token, refresh_token, quarantined_token) FROM tokens
        WHERE coalesce(access_token, refresh_token, quarantined_token) IS NOT NULL LIMIT 1";
    let sealed: Option<Vec<u8>> = transaction.query_row(query, [], |row| row.get(0)).optional()?;
    let id = match sealed {
        Some(envelope) => keys.get(sealed_by(&envelope)?)?.id(),
        None => keys.first().ok_or(SealError::OtherKey)?,
    };
    transaction.execute("INSERT INTO sealing (one, key) VALUES (1, ?1)", [id])?;
    Ok(transaction.commit()?)
}

/// The key that seals now.
fn sealing(connection: &Connection) -> Result<Option<KeyId>, Fault> {
    let found: Option<Vec<u8>> = connection.query_row("SELECT key FROM sealing", [], |row| row.get(0)).optional()?;
    found.map(|id| KeyId::try_from(id).map_err(|_| Fault::Key(SealError::Malformed))).transpose()
}

/// The same, for a write: another process may have changed it since the last.
fn sealer(connection: &Connection, keys: &Keys) -> Result<Arc<Seal>, Fault> {
    let id = sealing(connection)?.ok_or(SealError::Malformed)?;
    Ok(keys.get(id)?)
}

/// Makes an empty file with mode 0600 before SQLite would make one that others can read. Where that fails, SQLite says
/// why.
fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    drop(std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let schema: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if schema == SCHEMA {
        // Writes nothing: the service has to start while the disk is full.
        return Ok(());
    }
    let done = usize::try_from(schema).ok().filter(|&done| done <= MIGRATIONS.len()).ok_or(Fault::TooNew(schema))?;
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    Ok(transaction.commit()?)
}

/// Answers requests until the store is dropped, and looks once in a while whether another process has written.
fn serve(mut connection: Connection, queue: &mpsc::Receiver<Request>, foreign: &AtomicU64) {
    let mut seen = data_version(&connection);
    let mut looked = Instant::now();
    loop {
        match queue.recv_timeout(WATCH.saturating_sub(looked.elapsed())) {
            Ok(request) => request(&mut connection),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if looked.elapsed() >= WATCH {
            looked = Instant::now();
            let version = data_version(&connection);
            if version != seen {
                seen = version;
                foreign.fetch_add(1, Ordering::Relaxed);
            }
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
        self.run(move |connection| {
            let query = format!("SELECT version, {COLUMNS} FROM tokens WHERE name = ?1");
            let found = connection.prepare_cached(&query)?.query_row([&name], read).optional()?;
            let Some((version, row)) = found else { return Ok(Stored::default()) };
            Ok(Stored { state: row.open(&name, &keys)?, version: Version(version) })
        })
    }

    fn names(&self) -> Answer<'_, Vec<String>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT name FROM tokens ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(names)
        })
    }

    fn save(&self, name: &str, read: Version, state: &TokenState) -> Answer<'_, Saved> {
        let (name, keys, state) = (name.to_owned(), Arc::clone(&self.keys), state.clone());
        self.run(move |connection| swap(connection, &name, read, &state, &keys))
    }

    fn forget(&self, name: &str) -> Answer<'_, ()> {
        let name = name.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM tokens WHERE name = ?1", [&name])?;
            transaction.execute("DELETE FROM notices WHERE token = ?1", [&name])?;
            Ok(transaction.commit()?)
        })
    }

    fn records(&self, kind: Kind) -> Answer<'_, Vec<Record>> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| {
            let query = "SELECT name, version, content FROM records
                WHERE kind = ?1 AND (ends_at IS NULL OR ends_at > unixepoch('subsec')) ORDER BY name";
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let read = |row: rusqlite::Result<(String, i64, Vec<u8>)>| {
                let (name, version, content) = row?;
                Ok(opened(kind, name, version, &content, &keys))
            };
            rows.map(read).collect()
        })
    }

    fn record(&self, kind: Kind, name: &str) -> Answer<'_, Record> {
        let (name, keys) = (name.to_owned(), Arc::clone(&self.keys));
        self.run(move |connection| {
            let query = "SELECT version, content FROM records
                WHERE kind = ?1 AND name = ?2 AND (ends_at IS NULL OR ends_at > unixepoch('subsec'))";
            let found = connection
                .prepare_cached(query)?
                .query_row([kind.name(), &name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            Ok(match found {
                Some((version, content)) => opened(kind, name, version, &content, &keys),
                None => Record { kind, name, version: Version::default(), content: Ok(None) },
            })
        })
    }

    fn put(&self, record: Record, life: Option<Duration>) -> Answer<'_, Saved> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| put(connection, record, life, &keys))
    }

    fn announce(&self, token: &str, notice: &str) -> Answer<'_, bool> {
        let row = [token.to_owned(), notice.to_owned()];
        self.run(move |connection| {
            Ok(connection.execute("INSERT OR IGNORE INTO notices (token, notice) VALUES (?1, ?2)", row)? == 1)
        })
    }

    fn withdraw(&self, token: &str, beginning: &str) -> Answer<'_, bool> {
        let row = [token.to_owned(), beginning.to_owned()];
        self.run(move |connection| {
            let query = "DELETE FROM notices WHERE token = ?1 AND substr(notice, 1, length(?2)) = ?2";
            Ok(connection.execute(query, row)? > 0)
        })
    }

    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool> {
        let (token, owner, seconds) = (token.to_owned(), owner.to_owned(), length.as_secs_f64());
        self.run(move |connection| {
            // The store's clock decides, in one statement: processes need not agree on the time. A lease that ends
            // further ahead than any was taken while that clock was wrong.
            let changed = connection.execute(
                "INSERT INTO leases (token, owner, ends_at) VALUES (?1, ?2, unixepoch('subsec') + ?3)
                 ON CONFLICT (token) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at
                 WHERE leases.owner = excluded.owner OR leases.ends_at <= unixepoch('subsec')
                 OR leases.ends_at > unixepoch('subsec') + 2 * ?3 + 60",
                params![token, owner, seconds],
            )?;
            Ok(changed == 1)
        })
    }

    fn release(&self, token: &str, owner: &str) -> Answer<'_, ()> {
        let (token, owner) = (token.to_owned(), owner.to_owned());
        self.run(move |connection| {
            connection.execute("DELETE FROM leases WHERE token = ?1 AND owner = ?2", [token, owner])?;
            Ok(())
        })
    }

    fn foreign_changes(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Row)> {
    let columns = Row {
        access_token: row.get(1)?,
        expires_at: row.get(2)?,
        refresh_token: row.get(3)?,
        quarantined_token: row.get(4)?,
        scopes: row.get(5)?,
        bound_to: row.get(6)?,
        identity: row.get(7)?,
        authorized_at: row.get(8)?,
        refresh_ends_at: row.get(9)?,
        refreshed_at: row.get(10)?,
        trouble_class: row.get(11)?,
        trouble_summary: row.get(12)?,
        trouble_remedy: row.get(13)?,
        trouble_since: row.get(14)?,
        trouble_failures: row.get(15)?,
        retry_at: row.get(16)?,
    };
    Ok((row.get(0)?, columns))
}

fn swap(
    connection: &mut Connection,
    name: &str,
    read: Version,
    state: &TokenState,
    keys: &Keys,
) -> Result<Saved, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let query = "SELECT version FROM tokens WHERE name = ?1";
    let current: Option<i64> = transaction.query_row(query, [name], |row| row.get(0)).optional()?;
    if current.unwrap_or_default() != read.0 {
        return Ok(Saved::Conflict);
    }
    let row = Row::seal(name, state, sealer(&transaction, keys)?.as_ref())?;
    let next = successor(&transaction, current)?;
    write(&transaction, name, next, &row)?;
    transaction.commit()?;
    Ok(Saved::Done(Version(next)))
}

/// The version after this one. The first is a random one: what was removed and made again is not taken for what it was.
fn successor(connection: &Connection, current: Option<i64>) -> rusqlite::Result<i64> {
    match current {
        Some(version) => Ok(version + 1),
        None => connection.query_row("SELECT 1 + (random() & 0x3fffffffffffffff)", [], |row| row.get(0)),
    }
}

fn write(connection: &Connection, name: &str, version: i64, row: &Row) -> rusqlite::Result<usize> {
    let places = (1..=18).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
    connection.execute(
        &format!("INSERT OR REPLACE INTO tokens (name, version, {COLUMNS}) VALUES ({places})"),
        params![
            name,
            version,
            row.access_token,
            row.expires_at,
            row.refresh_token,
            row.quarantined_token,
            row.scopes,
            row.bound_to,
            row.identity,
            row.authorized_at,
            row.refresh_ends_at,
            row.refreshed_at,
            row.trouble_class,
            row.trouble_summary,
            row.trouble_remedy,
            row.trouble_since,
            row.trouble_failures,
            row.retry_at,
        ],
    )
}

/// Where a record's content belongs. The kind is part of the row's name: a name may occur in several.
fn with_place<T>(kind: Kind, name: &str, work: impl FnOnce(Place<'_>) -> T) -> T {
    let row = format!("{}\u{1f}{name}", kind.name());
    work(Place { table: "records", row: &row, column: "content" })
}

fn opened(kind: Kind, name: String, version: i64, content: &[u8], keys: &Keys) -> Record {
    let opened = with_place(kind, &name, |place| {
        let content = keys.open(place, content)?;
        String::from_utf8(content.to_vec()).map(Some).map_err(|_| SealError::Malformed)
    });
    let content = opened.map_err(|fault| StoreError::Sealed { what: format!("{} {name:?}", kind.name()), fault });
    Record { kind, name, version: Version(version), content }
}

fn put(connection: &mut Connection, record: Record, life: Option<Duration>, keys: &Keys) -> Result<Saved, Fault> {
    let Record { kind, name, version, content } = record;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM records WHERE ends_at <= unixepoch('subsec')", [])?;
    let query = "SELECT version FROM records WHERE kind = ?1 AND name = ?2";
    let current: Option<i64> = transaction.query_row(query, [kind.name(), &name], |row| row.get(0)).optional()?;
    if current.unwrap_or_default() != version.0 {
        return Ok(Saved::Conflict);
    }
    let next = successor(&transaction, current)?;
    match content? {
        None => drop(transaction.execute("DELETE FROM records WHERE kind = ?1 AND name = ?2", [kind.name(), &name])?),
        Some(content) => {
            let seal = sealer(&transaction, keys)?;
            let sealed = with_place(kind, &name, |place| seal.seal(place, content.as_bytes()))?;
            transaction.execute(
                "INSERT OR REPLACE INTO records (kind, name, version, ends_at, content)
                 VALUES (?1, ?2, ?3, unixepoch('subsec') + ?4, ?5)",
                params![kind.name(), name, next, life.map(|life| life.as_secs_f64()), sealed],
            )?;
        }
    }
    transaction.commit()?;
    Ok(Saved::Done(Version(next)))
}
