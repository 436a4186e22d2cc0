//! Who is refreshing which token.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::super::sql;
use super::Fault;

pub(super) fn take(connection: &Connection, token: &str, owner: &str, length: Duration) -> Result<bool, Fault> {
    Ok(connection.execute(sql::TAKE_LEASE, params![token, owner, length.as_secs_f64()])? == 1)
}

pub(super) fn release(connection: &Connection, token: &str, owner: &str) -> Result<(), Fault> {
    connection.execute("DELETE FROM leases WHERE token = $1 AND owner = $2", [token, owner])?;
    Ok(())
}
