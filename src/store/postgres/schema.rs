//! The tables, and the key that they are sealed with.
//!
//! Replicas of the previous version run beside those of the next while they are replaced one by one. So a migration only adds: a
//! table, an index, a column that may be left out. What the previous version reads stays where it is until the version after
//! the next takes it away. `readable_from` is the schema that a program must know at least to work with the tables as they are: a
//! migration that raises it may do more than add. `store/tests` refuses one that does not keep to this.

use std::sync::Arc;

use super::super::keys::Keys;
use super::super::seal::{KeyId, Seal, SealError, sealed_by};
use super::super::sql;
use super::fault::Fault;
use super::link::Link;

/// A step: what it does, and the oldest schema whose programs can go on.
pub(in crate::store) struct Migration {
    pub(in crate::store) statements: &'static str,
    pub(in crate::store) readable_from: i64,
}

/// Schema steps; the number of a step is the schema it leads to.
pub(in crate::store) const MIGRATIONS: [Migration; 4] = [
    Migration { statements: include_str!("migrations/1.sql"), readable_from: 1 },
    Migration { statements: include_str!("migrations/2.sql"), readable_from: 1 },
    Migration { statements: include_str!("migrations/3.sql"), readable_from: 1 },
    Migration { statements: include_str!("migrations/4.sql"), readable_from: 1 },
];

/// The newest schema.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// One migrates at a time; the others wait and find it done.
const MIGRATION_LOCK: i64 = 0x6761_7465_0000;

/// Asks the catalogue itself: `to_regclass` goes by what the connection remembers, and so overlooks what another has made while
/// this one waited for the lock.
const HAS_SCHEMA: &str = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'schema' AND c.relkind = 'r' AND n.nspname = ANY (current_schemas(false))";

const NOTE_SCHEMA: &str = "INSERT INTO schema (one, version, readable_from) VALUES (1, $1, $2)
    ON CONFLICT (one) DO UPDATE SET version = excluded.version, readable_from = excluded.readable_from";

/// Brings the schema up to date and finds the key, in one: keys that do not open the store leave it as it was. A store that is
/// up to date is not written.
pub(super) async fn prepare(link: &mut Link, keys: &Keys) -> Result<(), Fault> {
    if found(link).await?.is_some_and(|(version, _)| version == SCHEMA) && sealing(link).await?.is_some() {
        return agree(link, keys).await;
    }
    link.begin_long("BEGIN").await?;
    link.batch(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
    migrate(link).await?;
    agree(link, keys).await?;
    link.commit().await
}

/// The schema, and the oldest that can read it; none in a database that is not ours yet.
async fn found(link: &mut Link) -> Result<Option<(i64, i64)>, Fault> {
    if link.row(HAS_SCHEMA, &[]).await?.is_none() {
        return Ok(None);
    }
    let row = link.row("SELECT version, readable_from FROM schema", &[]).await?;
    Ok(row.map(|row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
}

async fn migrate(link: &mut Link) -> Result<(), Fault> {
    let (version, readable_from) = found(link).await?.unwrap_or_default();
    if version > SCHEMA {
        return if readable_from <= SCHEMA { Ok(()) } else { Err(Fault::TooNew(version)) };
    }
    let done = usize::try_from(version).unwrap_or_default();
    for step in &MIGRATIONS[done..] {
        link.batch(step.statements).await?;
    }
    match MIGRATIONS[done..].iter().map(|step| step.readable_from).max() {
        Some(from) => link.execute(NOTE_SCHEMA, &[&SCHEMA, &from.max(readable_from)]).await.map(drop),
        None => Ok(()),
    }
}

/// Finds the key that seals this store; a new store takes the first. A ring without it is another store's, and nothing is
/// changed.
async fn agree(link: &mut Link, keys: &Keys) -> Result<(), Fault> {
    if let Some(id) = sealing(link).await? {
        keys.get(id)?;
        return Ok(());
    }
    let sealed = link.row(sql::ANY_SEALED, &[]).await?;
    let id = match sealed.map(|row| row.try_get::<_, Vec<u8>>(0)).transpose()? {
        Some(envelope) => keys.get(sealed_by(&envelope)?)?.id(),
        None => keys.first().ok_or(SealError::OtherKey)?,
    };
    link.execute(sql::TAKE_KEY, &[&id.as_slice()]).await.map(drop)
}

/// The key that seals now.
pub(super) async fn sealing(link: &mut Link) -> Result<Option<KeyId>, Fault> {
    let found = link.row(sql::SEALING, &[]).await?;
    let id = found.map(|row| row.try_get::<_, Vec<u8>>(0)).transpose()?;
    id.map(|id| KeyId::try_from(id).map_err(|_| Fault::Key(SealError::Malformed))).transpose()
}

/// The same, for a write, which holds it until its end.
pub(super) async fn sealer(link: &mut Link, keys: &Keys) -> Result<Arc<Seal>, Fault> {
    let id = sealing(link).await?.ok_or(SealError::Malformed)?;
    Ok(keys.get(id)?)
}
