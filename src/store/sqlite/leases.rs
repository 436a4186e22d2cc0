//! Who is refreshing which token.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::Fault;

/// The store's clock decides, in one statement: processes need not agree on the time. A lease that ends further ahead than
/// any was taken while that clock was wrong.
pub(super) fn take(connection: &Connection, token: &str, owner: &str, length: Duration) -> Result<bool, Fault> {
    let changed = connection.execute(
        "INSERT INTO leases (token, owner, ends_at) VALUES (?1, ?2, unixepoch('subsec') + ?3)
         ON CONFLICT (token) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at
         WHERE leases.owner = excluded.owner OR leases.ends_at <= unixepoch('subsec')
         OR leases.ends_at > unixepoch('subsec') + 2 * ?3 + 60",
        params![token, owner, length.as_secs_f64()],
    )?;
    Ok(changed == 1)
}

pub(super) fn release(connection: &Connection, token: &str, owner: &str) -> Result<(), Fault> {
    connection.execute("DELETE FROM leases WHERE token = ?1 AND owner = ?2", [token, owner])?;
    Ok(())
}
