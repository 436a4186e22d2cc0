//! What is kept sealed by kind and name.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::super::keys::Keys;
use super::super::seal::SealError;
use super::super::{Kind, Place, Record, Saved, StoreError, Version};
use super::{Fault, sealer, successor};

/// All of a kind that have not ended.
pub(super) fn all(connection: &Connection, kind: Kind, keys: &Keys) -> Result<Vec<Record>, Fault> {
    let query = "SELECT name, version, content FROM records
        WHERE kind = ?1 AND (ends_at IS NULL OR ends_at > unixepoch('subsec')) ORDER BY name";
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let read = |row: rusqlite::Result<(String, i64, Vec<u8>)>| {
        let (name, version, content) = row?;
        Ok(opened(kind, name, version, &content, keys))
    };
    rows.map(read).collect()
}

pub(super) fn versions(connection: &Connection, kind: Kind) -> Result<Vec<(String, Version)>, Fault> {
    let query = "SELECT name, version FROM records
        WHERE kind = ?1 AND (ends_at IS NULL OR ends_at > unixepoch('subsec')) ORDER BY name";
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, Version(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn some(
    connection: &Connection,
    kind: Kind,
    mut names: Vec<String>,
    keys: &Keys,
) -> Result<Vec<Record>, Fault> {
    names.sort_unstable();
    names.dedup();
    let found = names.into_iter().map(|name| one(connection, kind, name, keys));
    found.filter(|record| record.as_ref().map_or(true, |record| record.version != Version::default())).collect()
}

pub(super) fn one(connection: &Connection, kind: Kind, name: String, keys: &Keys) -> Result<Record, Fault> {
    let query = "SELECT version, content FROM records
        WHERE kind = ?1 AND name = ?2 AND (ends_at IS NULL OR ends_at > unixepoch('subsec'))";
    let found = connection
        .prepare_cached(query)?
        .query_row([kind.name(), &name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    Ok(match found {
        Some((version, content)) => opened(kind, name, version, &content, keys),
        None => Record { kind, name, version: Version::default(), content: Ok(None) },
    })
}

pub(super) fn put(
    connection: &mut Connection,
    record: Record,
    life: Option<Duration>,
    keys: &Keys,
) -> Result<Saved, Fault> {
    let Record { kind, name, version, content } = record;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM records WHERE ends_at <= unixepoch('subsec')", [])?;
    let query = "SELECT version FROM records WHERE kind = ?1 AND name = ?2";
    let current: Option<i64> = transaction.query_row(query, [kind.name(), &name], |row| row.get(0)).optional()?;
    if current.unwrap_or_default() != version.0 {
        return Ok(Saved::Conflict);
    }
    let next = successor(&transaction, current)?;
    match content? {
        None => drop(transaction.execute("DELETE FROM records WHERE kind = ?1 AND name = ?2", [kind.name(), &name])?),
        Some(content) => {
            let seal = sealer(&transaction, keys)?;
            let sealed = with_place(kind, &name, |place| seal.seal(place, content.as_bytes()))?;
            transaction.execute(
                "INSERT OR REPLACE INTO records (kind, name, version, ends_at, content)
                 VALUES (?1, ?2, ?3, unixepoch('subsec') + ?4, ?5)",
                params![kind.name(), name, next, life.map(|life| life.as_secs_f64()), sealed],
            )?;
        }
    }
    transaction.commit()?;
    Ok(Saved::Done(Version(next)))
}

/// Where a record's content belongs. The kind is part of the row's name: a name may occur in several.
pub(super) fn with_place<T>(kind: Kind, name: &str, work: impl FnOnce(Place<'_>) -> T) -> T {
    let row = format!("{}\u{1f}{name}", kind.name());
    work(Place { table: "records", row: &row, column: "content" })
}

pub(super) fn opened(kind: Kind, name: String, version: i64, content: &[u8], keys: &Keys) -> Record {
    let opened = with_place(kind, &name, |place| {
        let content = keys.open(place, content)?;
        String::from_utf8(content.to_vec()).map(Some).map_err(|_| SealError::Malformed)
    });
    let content = opened.map_err(|fault| StoreError::Sealed { what: format!("{} {name:?}", kind.name()), fault });
    Record { kind, name, version: Version(version), content }
}
