//! What people have been told. A row is a token's state and a notice.

use rusqlite::Connection;

use super::Fault;

pub(super) fn announce(connection: &Connection, row: [String; 2]) -> Result<bool, Fault> {
    Ok(connection.execute("INSERT OR IGNORE INTO notices (token, notice) VALUES (?1, ?2)", row)? == 1)
}

/// The notice may be the beginning of several.
pub(super) fn withdraw(connection: &Connection, row: [String; 2]) -> Result<bool, Fault> {
    let query = "DELETE FROM notices WHERE token = ?1 AND substr(notice, 1, length(?2)) = ?2";
    Ok(connection.execute(query, row)? > 0)
}
