//! What administrators did, and when passwords were last used.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::super::{Deed, Noted, Use, sql};
use super::Fault;

pub(super) fn note(connection: &mut Connection, deed: &Deed) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let row = params![deed.at.timestamp_millis(), deed.who, deed.from, deed.what, deed.subject, deed.detail];
    let id: i64 = transaction.query_row(sql::NOTE, row, |row| row.get(0))?;
    transaction.execute(sql::FORGET_DEEDS, [id - sql::MOST_DEEDS])?;
    Ok(transaction.commit()?)
}

pub(super) fn deeds(connection: &Connection, before: Option<i64>, most: i64) -> Result<Vec<Noted>, Fault> {
    let mut statement = connection.prepare_cached(sql::DEEDS)?;
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

pub(super) fn uses(connection: &Connection, since: DateTime<Utc>) -> Result<Vec<Use>, Fault> {
    let mut statement = connection.prepare_cached(sql::USES)?;
    Ok(statement.query_map([since.timestamp_millis()], in_row)?.collect::<Result<_, _>>()?)
}

pub(super) fn uses_of(connection: &Connection, account: &str) -> Result<Vec<Use>, Fault> {
    let mut statement = connection.prepare_cached(sql::USES_OF)?;
    Ok(statement.query_map([account], in_row)?.collect::<Result<_, _>>()?)
}

fn in_row(row: &Row<'_>) -> rusqlite::Result<Use> {
    let (login, message) = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?);
    let (login, message) = (login.and_then(time), message.and_then(time));
    Ok(Use { account: row.get(0)?, password: row.get(1)?, login, message })
}

pub(super) fn used(connection: &mut Connection, uses: &[Use]) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let upsert =
        ["INSERT INTO uses (account, password, login, message) VALUES ($1, $2, $3, $4)", sql::LATEST_USE].join(" ");
    for Use { account, password, login, message } in uses {
        let millis = |time: &Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis());
        transaction.execute(&upsert, params![account, password, millis(login), millis(message)])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn unused(connection: &Connection, account: &str) -> Result<(), Fault> {
    connection.execute(sql::UNUSED, [account])?;
    Ok(())
}

fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}
