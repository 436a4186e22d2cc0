//! The file, its schema, and the key that it is sealed with.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::super::keys::Keys;
use super::super::seal::{SealError, sealed_by};
use super::{Fault, sealing};

/// Schema steps; the number of a step is the schema it leads to.
const MIGRATIONS: [&str; 2] = [include_str!("../migrations/1.sql"), include_str!("../migrations/2.sql")];
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
