//! What people have been told. A row is a token's state and a notice.

use rusqlite::Connection;

use super::super::sql;
use super::Fault;

pub(super) fn announce(connection: &Connection, row: [String; 2]) -> Result<bool, Fault> {
    Ok(connection.execute(sql::ANNOUNCE, row)? == 1)
}

pub(super) fn withdraw(connection: &Connection, row: [String; 2]) -> Result<bool, Fault> {
    Ok(connection.execute(sql::WITHDRAW, row)? > 0)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<(String, String)>, Fault> {
    let mut statement = connection.prepare_cached(sql::ANNOUNCED)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
