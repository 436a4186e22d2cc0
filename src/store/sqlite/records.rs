//! What is kept sealed by kind and name.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::super::keys::Keys;
use super::super::record::{opened, with_place};
use super::super::version::Step;
use super::super::{Kind, Record, Saved, Version, sql};
use super::{Fault, sealer};

/// All of a kind that have not ended.
pub(super) fn all(connection: &Connection, kind: Kind, keys: &Keys) -> Result<Vec<Record>, Fault> {
    let mut statement = connection.prepare_cached(sql::RECORDS)?;
    let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let read = |row: rusqlite::Result<(String, i64, Vec<u8>)>| {
        let (name, version, content) = row?;
        Ok(opened(kind, name, version, &content, keys))
    };
    rows.map(read).collect()
}

pub(super) fn versions(connection: &Connection, kind: Kind) -> Result<Vec<(String, Version)>, Fault> {
    let mut statement = connection.prepare_cached(sql::VERSIONS)?;
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
    let found = connection
        .prepare_cached(sql::RECORD)?
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
    transaction.execute("DELETE FROM records WHERE ends_at <= now_s()", [])?;
    let (next, step) = version.next()?;
    let changed = match (content?, step) {
        (None, Step::First) => usize::from(!transaction.prepare(sql::RECORD)?.exists([kind.name(), &name])?),
        (None, Step::Later) => transaction.execute(sql::REMOVE_RECORD, params![kind.name(), name, version.0])?,
        (Some(content), step) => {
            let seal = sealer(&transaction, keys)?;
            let sealed = with_place(kind, &name, |place| seal.seal(place, content.as_bytes()))?;
            let life = life.map(|life| life.as_secs_f64());
            match step {
                Step::First => {
                    transaction.execute(sql::INSERT_RECORD, params![kind.name(), name, next.0, sealed, life])?
                }
                Step::Later => {
                    transaction.execute(sql::UPDATE_RECORD, params![sealed, life, kind.name(), name, version.0])?
                }
            }
        }
    };
    transaction.commit()?;
    Ok(if changed == 1 { Saved::Done(next) } else { Saved::Conflict })
}
