//! A new key for everything, in one transaction: either all of it is sealed anew, or nothing was changed.

use super::super::keys::Keys;
use super::super::record::resealed;
use super::super::row::Row;
use super::super::seal::{KeyId, Seal};
use super::super::{SealError, Version, sql};
use super::fault::Fault;
use super::link::{Link, SEALING_LOCK};
use super::tokens::{read, write};

pub(super) async fn rekey(link: &mut Link, keys: &Keys) -> Result<usize, Fault> {
    let new = keys.get(keys.last().ok_or(SealError::OtherKey)?)?;
    link.begin_long("BEGIN").await?;
    // All of it is one piece of news.
    link.batch("SET LOCAL gatepost.quiet = 'on'").await?;
    // Nobody seals meanwhile, and whoever has begun to has come to his end.
    link.batch(&format!("SELECT pg_advisory_xact_lock({SEALING_LOCK})")).await?;
    let count = tokens(link, keys, &new).await? + records(link, keys, &new).await?;
    let id: KeyId = new.id();
    link.execute(sql::CHANGE_KEY, &[&id.as_slice()]).await?;
    link.batch("SELECT tell_news(current_schema(), '*')").await?;
    link.commit().await?;
    Ok(count)
}

async fn tokens(link: &mut Link, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let rows = link.rows(&sql::TOKENS, &[]).await?;
    for found in &rows {
        let (name, (version, row)) = (found.try_get::<_, String>("name")?, read(found)?);
        let state = row.open(&name, keys)?;
        write(link, &sql::UPDATE_TOKEN, &name, Version(version), &Row::seal(&name, &state, new)?).await?;
    }
    Ok(rows.len())
}

async fn records(link: &mut Link, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    let rows = link.rows(sql::ALL_RECORDS, &[]).await?;
    for row in &rows {
        let (kind, name, version): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let sealed = resealed(&kind, &name, row.try_get(3)?, keys, new)?;
        link.execute(sql::RESEAL_RECORD, &[&sealed, &kind, &name, &version]).await?;
    }
    Ok(rows.len())
}
