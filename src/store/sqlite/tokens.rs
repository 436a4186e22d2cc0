//! The states of tokens.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::super::keys::Keys;
use super::super::row::Row;
use super::super::version::Step;
use super::super::{Outline, Saved, Sketch, Stored, Version, sql};
use super::{Fault, sealer, sealing};
use crate::model::TokenState;

pub(super) fn one(connection: &Connection, name: &str, keys: &Keys) -> Result<Stored, Fault> {
    let found = connection.prepare_cached(&sql::TOKEN)?.query_row([name], read).optional()?;
    let Some((version, row)) = found else { return Ok(Stored::default()) };
    Ok(Stored { state: row.open(name, keys)?, version: Version(version) })
}

pub(super) fn names(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare(sql::TOKEN_NAMES)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// What is sealed stays where it is: that it is there is all that is asked.
pub(super) fn outlines(connection: &Connection) -> Result<Vec<(String, Outline)>, Fault> {
    let mut statement = connection.prepare_cached(&sql::OUTLINES)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>("name")?, read(row)?)))?;
    let outlined = |row: rusqlite::Result<(String, (i64, Row))>| {
        let (name, (version, row)) = row?;
        Ok((name, Outline::of_row(version, row)))
    };
    rows.map(outlined).collect()
}

/// The same with what people are told. None opens without the key that seals.
pub(super) fn sketches(connection: &Connection, keys: &Keys) -> Result<Vec<(String, Sketch)>, Fault> {
    let fault = sealing(connection)?.and_then(|id| keys.get(id).err());
    let mut statement = connection.prepare_cached(&sql::SKETCHES)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>("name")?, read(row)?.1)))?;
    rows.map(|row| Ok(row.map(|(name, row)| row.sketch_of(name, fault.as_ref()))?)).collect()
}

pub(super) fn swap(
    connection: &mut Connection,
    name: &str,
    read: Version,
    state: &TokenState,
    keys: &Keys,
) -> Result<Saved, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let row = Row::seal(name, state, sealer(&transaction, keys)?.as_ref())?;
    let (next, changed) = match read.next()? {
        (next, Step::First) => (next, write(&transaction, &sql::INSERT_TOKEN, name, next, &row)?),
        (next, Step::Later) => (next, write(&transaction, &sql::UPDATE_TOKEN, name, read, &row)?),
    };
    transaction.commit()?;
    Ok(if changed == 1 { Saved::Done(next) } else { Saved::Conflict })
}

pub(super) fn forget(connection: &mut Connection, name: &str) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(sql::FORGET_TOKEN, [name])?;
    transaction.execute(sql::FORGET_NOTICES, [name])?;
    Ok(transaction.commit()?)
}

pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Row)> {
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

/// By a statement that takes the columns, a name and a version.
pub(super) fn write(
    connection: &Connection,
    statement: &str,
    name: &str,
    version: Version,
    row: &Row,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(params![
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
        name,
        version.0,
    ])
}
