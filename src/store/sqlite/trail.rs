//! What administrators did, and when passwords were last used.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior, params};

use super::super::{Deed, Noted, Use};
use super::Fault;

/// Deeds that are kept; the oldest go first. Some 20 MB at most.
const MOST_DEEDS: i64 = 100_000;

pub(super) fn note(connection: &mut Connection, deed: &Deed) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO deeds (at, who, origin, what, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![deed.at.timestamp_millis(), deed.who, deed.from, deed.what, deed.subject, deed.detail],
    )?;
    transaction.execute("DELETE FROM deeds WHERE id <= ?1 - ?2", [transaction.last_insert_rowid(), MOST_DEEDS])?;
    Ok(transaction.commit()?)
}

/// The newest first.
pub(super) fn deeds(connection: &Connection, before: Option<i64>, most: i64) -> Result<Vec<Noted>, Fault> {
    let query = "SELECT id, at, who, origin, what, subject, detail FROM deeds WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([before.unwrap_or(i64::MAX), most], |row| {
        let deed = Deed {
            at: time(row.get(1)?).unwrap_or_default(),
            who: row.get(2)?,
            from: row.get(3)?,
            what: row.get(4)?,
            subject: row.get(5)?,
            detail: row.get(6)?,
        };
        Ok(Noted { id: row.get(0)?, deed })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn uses(connection: &Connection) -> Result<Vec<Use>, Fault> {
    let mut statement = connection.prepare_cached("SELECT account, password, login, message FROM uses")?;
    let rows = statement.query_map([], |row| {
        let (login, message) = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?);
        let (login, message) = (login.and_then(time), message.and_then(time));
        Ok(Use { account: row.get(0)?, password: row.get(1)?, login, message })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Several processes may tell of the same password: the latest time counts.
pub(super) fn used(connection: &mut Connection, uses: &[Use]) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let upsert = "INSERT INTO uses (account, password, login, message) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (account, password) DO UPDATE SET
            login = max(coalesce(login, excluded.login), coalesce(excluded.login, login)),
            message = max(coalesce(message, excluded.message), coalesce(excluded.message, message))";
    for Use { account, password, login, message } in uses {
        let millis = |time: &Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis());
        transaction.execute(upsert, params![account, password, millis(login), millis(message)])?;
    }
    Ok(transaction.commit()?)
}

/// What was used no longer counts once its account is gone.
pub(super) fn unused(connection: &Connection, account: &str) -> Result<(), Fault> {
    connection.execute("DELETE FROM uses WHERE account = ?1", [account])?;
    Ok(())
}

fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}
