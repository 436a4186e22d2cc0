//! The file, its schema, and the key that it is sealed with.
//!
//! A service goes on with a file whose schema a newer command has just changed, until it is restarted. So a migration only adds:
//! `store/tests` refuses one that does more.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::super::keys::Keys;
use super::super::seal::{SealError, sealed_by};
use super::super::sql;
use super::{Fault, sealing};
use crate::clock;

/// Schema steps; the number of a step is the schema it leads to.
pub(in crate::store) const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/1.sql"),
    include_str!("../migrations/2.sql"),
    include_str!("../migrations/3.sql"),
    include_str!("../migrations/4.sql"),
    include_str!("../migrations/5.sql"),
];
/// The newest schema.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);

pub(super) fn open(path: &Path, keys: &Keys) -> Result<Connection, Fault> {
    create_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    define_clock(&connection)?;
    prepare(&mut connection, keys)?;
    Ok(connection)
}

/// What PostgreSQL has in its schema.
fn define_clock(connection: &Connection) -> rusqlite::Result<()> {
    let own = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("now_ms", 0, own, |_| Ok(clock::now().timestamp_millis()))?;
    let seconds = |now: DateTime<Utc>| Duration::from_micros(u64::try_from(now.timestamp_micros()).unwrap_or_default());
    connection.create_scalar_function("now_s", 0, own, move |_| Ok(seconds(clock::now()).as_secs_f64()))
}

/// Brings the schema up to date and finds the key, in one: keys that do not open the store leave it as it was. A store that is
/// up to date is not written, for the service has to start while the disk is full.
fn prepare(connection: &mut Connection, keys: &Keys) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migrate(&transaction)?;
    agree(&transaction, keys)?;
    Ok(transaction.commit()?)
}

/// Finds the key that seals this store; a new store takes the first. A ring without it is another store's, and nothing is
/// changed.
fn agree(connection: &Connection, keys: &Keys) -> Result<(), Fault> {
    if let Some(id) = sealing(connection)? {
        keys.get(id)?;
        return Ok(());
    }
    let sealed: Option<Vec<u8>> = connection.query_row(sql::ANY_SEALED, [], |row| row.get(0)).optional()?;
    let id = match sealed {
        Some(envelope) => keys.get(sealed_by(&envelope)?)?.id(),
        None => keys.first().ok_or(SealError::OtherKey)?,
    };
    connection.execute(sql::TAKE_KEY, [id])?;
    Ok(())
}

/// Makes an empty file with mode 0600 before SQLite would make one that others can read. Where that fails, SQLite says
/// why.
fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    drop(std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
}

fn migrate(connection: &Connection) -> Result<(), Fault> {
    let schema: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(schema).ok().filter(|&done| done <= MIGRATIONS.len()).ok_or(Fault::TooNew(schema))?;
    for step in &MIGRATIONS[done..] {
        connection.execute_batch(step)?;
    }
    if schema != SCHEMA {
        connection.pragma_update(None, "user_version", SCHEMA)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred thousand accounts are not read for each that is put beside them.
    #[test]
    fn what_has_ended_is_found_without_reading_the_rest() {
        let connection = Connection::open_in_memory().unwrap();
        define_clock(&connection).unwrap();
        assert!(migrate(&connection).is_ok());
        let query = "EXPLAIN QUERY PLAN DELETE FROM records WHERE ends_at <= now_s()";
        let plan: String = connection.query_row(query, [], |row| row.get(3)).unwrap();
        assert!(plan.contains("INDEX records_ending"), "{plan}");
    }
}
