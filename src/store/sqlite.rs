use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::row::{COLUMNS, Row};
use super::{Answer, Saved, Seal, Store, StoreError, Stored, Version};
use crate::model::TokenState;

/// The embedded store: one SQLite file in WAL mode, which the service and the command line open side by side.
///
/// The connection lives on a thread of its own; requests wait in a bounded queue. `synchronous = FULL`: what was saved
/// survives a crash of the machine, for a rotated refresh token exists nowhere else.
#[derive(Debug)]
pub struct SqliteStore {
    requests: SyncSender<Request>,
    foreign: Arc<AtomicU64>,
    seal: Arc<Seal>,
    file: String,
}

type Request = Box<dyn FnOnce(&mut Connection) + Send>;

/// Schema steps; the number of a step is the schema it leads to.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/1.sql")];
/// The newest schema.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);
/// How often to look whether another process has written.
const WATCH: Duration = Duration::from_secs(1);
/// Requests that may wait for the thread.
const QUEUE: usize = 1024;

impl SqliteStore {
    /// Opens the file, or makes it, readable by its owner alone.
    pub fn open(path: &Path, seal: Seal) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        let connection = open(path).map_err(|fault| fault.of(&file))?;
        let foreign = Arc::new(AtomicU64::new(0));
        let (requests, queue) = mpsc::sync_channel(QUEUE);
        let watched = Arc::clone(&foreign);
        let thread = std::thread::Builder::new().name("store".into());
        let spawned = thread.spawn(move || serve(connection, &queue, &watched));
        spawned.map_err(|fault| StoreError::Database { file: file.clone(), fault: fault.to_string() })?;
        Ok(Self { requests, foreign, seal: Arc::new(seal), file })
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
    TooNew(i64),
    Store(StoreError),
}

impl Fault {
    fn of(self, file: &str) -> StoreError {
        let file = file.to_owned();
        match self {
            Self::Sqlite(fault) => StoreError::Database { file, fault: fault.to_string() },
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

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn open(path: &Path) -> Result<Connection, Fault> {
    create_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection)?;
    Ok(connection)
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
        let (name, seal) = (name.to_owned(), Arc::clone(&self.seal));
        self.run(move |connection| {
            let query = format!("SELECT version, {COLUMNS} FROM tokens WHERE name = ?1");
            let found = connection.prepare_cached(&query)?.query_row([&name], read).optional()?;
            let Some((version, row)) = found else { return Ok(Stored::default()) };
            Ok(Stored { state: row.open(&name, &seal)?, version: Version(version) })
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
        let row = match Row::seal(name, state, &self.seal) {
            Ok(row) => row,
            Err(error) => return Box::pin(async { Err(error) }),
        };
        let name = name.to_owned();
        self.run(move |connection| swap(connection, &name, read, &row))
    }

    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool> {
        let (token, owner, seconds) = (token.to_owned(), owner.to_owned(), length.as_secs_f64());
        self.run(move |connection| {
            // The store's clock decides, in one statement: processes need not agree on the time.
            let changed = connection.execute(
                "INSERT INTO leases (token, owner, ends_at) VALUES (?1, ?2, unixepoch('subsec') + ?3)
                 ON CONFLICT (token) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at
                 WHERE leases.owner = excluded.owner OR leases.ends_at <= unixepoch('subsec')",
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
        refreshed_at: row.get(6)?,
        trouble_class: row.get(7)?,
        trouble_summary: row.get(8)?,
        trouble_since: row.get(9)?,
        trouble_failures: row.get(10)?,
        retry_at: row.get(11)?,
    };
    Ok((row.get(0)?, columns))
}

fn swap(connection: &mut Connection, name: &str, read: Version, row: &Row) -> Result<Saved, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let query = "SELECT version FROM tokens WHERE name = ?1";
    let current: Option<i64> = transaction.query_row(query, [name], |row| row.get(0)).optional()?;
    if current.unwrap_or_default() != read.0 {
        return Ok(Saved::Conflict);
    }
    let next = read.0 + 1;
    transaction.execute(
        &format!(
            "INSERT OR REPLACE INTO tokens (name, version, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        ),
        params![
            name,
            next,
            row.access_token,
            row.expires_at,
            row.refresh_token,
            row.quarantined_token,
            row.scopes,
            row.refreshed_at,
            row.trouble_class,
            row.trouble_summary,
            row.trouble_since,
            row.trouble_failures,
            row.retry_at,
        ],
    )?;
    transaction.commit()?;
    Ok(Saved::Done(Version(next)))
}
