//! The file, its schema, and the key that it is sealed with.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::super::keys::Keys;
use super::super::seal::{SealError, sealed_by};
use super::{Fault, sealing};

/// Schema steps; the number of a step is the schema it leads to.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/1.sql"),
    include_str!("../migrations/2.sql"),
    include_str!("../migrations/3.sql"),
    include_str!("../migrations/4.sql"),
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
    prepare(&mut connection, keys)?;
    Ok(connection)
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
    let query = "SELECT coalesce(access_token, refresh_token, quarantined_token) FROM tokens
        WHERE coalesce(access_token, refresh_token, quarantined_token) IS NOT NULL LIMIT 1";
    let sealed: Option<Vec<u8>> = connection.query_row(query, [], |row| row.get(0)).optional()?;
    let id = match sealed {
        Some(envelope) => keys.get(sealed_by(&envelope)?)?.id(),
        None => keys.first().ok_or(SealError::OtherKey)?,
    };
    connection.execute("INSERT INTO sealing (one, key) VALUES (1, ?1)", [id])?;
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
        assert!(migrate(&connection).is_ok());
        let query = "EXPLAIN QUERY PLAN DELETE FROM records WHERE ends_at <= unixepoch('subsec')";
        let plan: String = connection.query_row(query, [], |row| row.get(3)).unwrap();
        assert!(plan.contains("INDEX records_ending"), "{plan}");
    }
}
