//! A new key for everything, in one transaction: either all of it is sealed anew, or nothing was changed.

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::keys::Keys;
use super::super::record::resealed;
use super::super::row::Row;
use super::super::seal::{KeyId, Seal};
use super::super::{SealError, Version, sql};
use super::Fault;
use super::tokens::{read, write};

pub(super) fn rekey(connection: &mut Connection, keys: &Keys) -> Result<usize, Fault> {
    let new = keys.get(keys.last().ok_or(SealError::OtherKey)?)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = tokens(&transaction, keys, &new)? + records(&transaction, keys, &new)?;
    let id: KeyId = new.id();
    transaction.execute(sql::CHANGE_KEY, [id])?;
    transaction.commit()?;
    // What the old key opens is not left behind in free pages; beside a busy service, some of it may be.
    drop(connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
    Ok(count)
}

fn tokens(connection: &Connection, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let mut statement = connection.prepare(&sql::TOKENS)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>("name")?, read(row)?)))?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    for (name, (version, row)) in &rows {
        let state = row.clone().open(name, keys)?;
        write(connection, &sql::UPDATE_TOKEN, name, Version(*version), &Row::seal(name, &state, new)?)?;
    }
    Ok(rows.len())
}

const RESEAL_RECORD: &str = "UPDATE records SET content = $1, version = version + 1
    WHERE kind = $2 AND name = $3 AND version = $4";

fn records(connection: &Connection, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let mut statement = connection.prepare(sql::ALL_RECORDS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let rows: Vec<(String, String, i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    for (kind, name, version, content) in &rows {
        let sealed = resealed(kind, name, content, keys, new)?;
        connection.execute(RESEAL_RECORD, params![sealed, kind, name, version])?;
    }
    Ok(rows.len())
}
