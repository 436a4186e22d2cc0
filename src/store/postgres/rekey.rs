//! A new key for everything, in one transaction: either all of it is sealed anew, or nothing was changed.

use tokio_postgres::Row as Found;

use super::super::copy::AT_ONCE;
use super::super::keys::Keys;
use super::super::record::resealed;
use super::super::row::Row;
use super::super::seal::{KeyId, Seal};
use super::super::{SealError, sql};
use super::fault::Fault;
use super::link::{Link, SEALING_LOCK};
use super::tokens::read;

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

/// Cursors that have no other's name: a connection keeps what it has learnt of a statement by its text.
const TOKENS: &str = "tokens_to_seal";
const RECORDS: &str = "records_to_seal";

const RESEAL_TOKENS: &str = "UPDATE tokens SET access_token = new.access, refresh_token = new.refresh,
    quarantined_token = new.quarantined, version = tokens.version + 1
    FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[]) AS new (name, access, refresh, quarantined)
    WHERE tokens.name = new.name";

const RESEAL_RECORDS: &str = "UPDATE records SET content = new.content, version = records.version + 1
    FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (kind, name, content)
    WHERE records.kind = new.kind AND records.name = new.name";

async fn declare(link: &mut Link, cursor: &str, select: &str) -> Result<(), Fault> {
    link.batch(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {select}")).await
}

/// None are left where there are none.
async fn some(link: &mut Link, cursor: &str) -> Result<Vec<Found>, Fault> {
    link.rows(&format!("FETCH {AT_ONCE} FROM {cursor}"), &[]).await
}

async fn tokens(link: &mut Link, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    declare(link, TOKENS, &sql::TOKENS).await?;
    let mut count = 0;
    loop {
        let found = some(link, TOKENS).await?;
        if found.is_empty() {
            return Ok(count);
        }
        let sealed = found.iter().map(|found| token(found, keys, new)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = sealed.iter().map(|(name, _)| name).collect();
        let column = |of: fn(&Row) -> &Option<Vec<u8>>| sealed.iter().map(|(_, row)| of(row)).collect::<Vec<_>>();
        let (access, refresh) = (column(|row| &row.access_token), column(|row| &row.refresh_token));
        let quarantined = column(|row| &row.quarantined_token);
        link.execute(RESEAL_TOKENS, &[&names, &access, &refresh, &quarantined]).await?;
        count += found.len();
    }
}

fn token(found: &Found, keys: &Keys, new: &Seal) -> Result<(String, Row), Fault> {
    let (name, (_, row)) = (found.try_get::<_, String>("name")?, read(found)?);
    let state = row.open(&name, keys)?;
    let row = Row::seal(&name, &state, new)?;
    Ok((name, row))
}

async fn records(link: &mut Link, keys: &Keys, new: &Seal) -> Result<usize, Fault> {
    declare(link, RECORDS, sql::ALL_RECORDS).await?;
    let mut count = 0;
    loop {
        let found = some(link, RECORDS).await?;
        if found.is_empty() {
            return Ok(count);
        }
        let (mut kinds, mut names, mut contents) = (Vec::new(), Vec::new(), Vec::new());
        for found in &found {
            let (kind, name): (&str, &str) = (found.try_get(0)?, found.try_get(1)?);
            contents.push(resealed(kind, name, found.try_get(3)?, keys, new)?);
            kinds.push(kind);
            names.push(name);
        }
        link.execute(RESEAL_RECORDS, &[&kinds, &names, &contents]).await?;
        count += found.len();
    }
}
