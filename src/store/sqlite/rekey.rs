//! A new key for everything, in one transaction: either all of it is sealed anew, or nothing was changed.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::keys::Keys;
use super::super::row::{COLUMNS, Row};
use super::super::seal::{KeyId, Seal};
use super::super::{Kind, SealError, StoreError};
use super::records::{opened, with_place};
use super::tokens::{read, write};
use super::{Fault, SqliteStore};

impl SqliteStore {
    /// Seals everything with the last key of the ring, and has everyone seal with it from now on. Returns how many values there
    /// were. Versions grow, so that whoever has read before reads again.
    pub async fn rekey(&self) -> Result<usize, StoreError> {
        let keys = Arc::clone(&self.keys);
        self.run(move |connection| rekey(connection, &keys)).await
    }
}

fn rekey(connection: &mut Connection, keys: &Keys) -> Result<usize, Fault> {
    let new = keys.get(keys.last().ok_or(SealError::OtherKey)?)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = tokens(&transaction, keys, &new)? + records(&transaction, keys, &new)?;
    let id: KeyId = new.id();
    transaction.execute("UPDATE sealing SET key = ?1", [id])?;
    transaction.commit()?;
    // What the old key opens is not left behind in free pages; beside a busy service, some of it may be.
    drop(connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
    Ok(count)
}

fn tokens(connection: &Connection, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let query = format!("SELECT version, {COLUMNS}, name FROM tokens");
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>("name")?, read(row)?)))?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    for (name, (version, row)) in &rows {
        let state = row.clone().open(name, keys)?;
        write(connection, name, version + 1, &Row::seal(name, &state, new)?)?;
    }
    Ok(rows.len())
}

fn records(connection: &Connection, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let mut count = 0;
    for kind in Kind::ALL {
        let mut statement = connection.prepare("SELECT name, version, content FROM records WHERE kind = ?1")?;
        let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(String, i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
        for (name, version, content) in rows {
            let Some(content) = opened(kind, name.clone(), version, &content, keys).content? else { continue };
            let sealed = with_place(kind, &name, |place| new.seal(place, content.as_bytes()))?;
            let update = "UPDATE records SET version = version + 1, content = ?3 WHERE kind = ?1 AND name = ?2";
            connection.execute(update, params![kind.name(), name, sealed])?;
            count += 1;
        }
    }
    Ok(count)
}
