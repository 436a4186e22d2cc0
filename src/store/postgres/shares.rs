//! Limits over all replicas: rows are loaded under locks, [`settle`] and [`turn`] decide, and what they say is written.

mod beat;
mod texts;

use std::collections::BTreeSet;

use tokio_postgres::Row as Found;

use super::fault::Fault;
use super::link::Link;
use crate::store::shares::{Ask, Given, Holder, Row, Settled, Shared, Want, Wanted, settle};

pub(super) use beat::hold;

/// Whoever asks holds it shared, whoever changes holders alone.
const HOLDERS_LOCK: i64 = 0x6761_7465_0002;
/// The first half of the locks of limits.
const LIMITS_LOCK: i32 = 0x6761_7465;

/// One question: of a replica, with its number.
pub(super) type Question = (String, i64, Vec<Ask>);

/// What a replica gets of limits.
pub(super) async fn share(link: &mut Link, (owner, number, asks): &Question) -> Result<Shared, Fault> {
    link.begin().await?;
    link.batch(&format!("SELECT pg_advisory_xact_lock_shared({HOLDERS_LOCK})")).await?;
    let Some(turn) = link.row(texts::ASKED, &[owner, number]).await? else {
        link.roll_back().await?;
        return Ok(Shared::Lapsed);
    };
    let next: i64 = turn.try_get(0)?;
    lock(link, asks).await?;
    let holders = holders(link).await?;
    let names: Vec<_> = asks.iter().map(|ask| &*ask.name).collect();
    let found = link.rows(texts::ROWS, &[&names]).await?;
    let rows = found.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let decide = |ask: &Ask| {
        let rows: Vec<_> = rows.iter().filter(|(name, _)| **name == *ask.name).map(|(_, row)| row.clone()).collect();
        settle(owner, ask, &rows, &holders, next)
    };
    let settled: Vec<_> = asks.iter().map(decide).collect();
    write(link, owner, asks, &settled).await?;
    if settled.iter().any(|settled| settled.news) {
        link.rows(texts::NEWS, &[]).await?;
    }
    link.commit().await?;
    Ok(Shared::Given(settled.into_iter().map(|settled| settled.given).collect::<Vec<Given>>()))
}

/// In one order: two replicas that ask for the same limits do not wait for each other in a circle.
async fn lock(link: &mut Link, asks: &[Ask]) -> Result<(), Fault> {
    let keys: BTreeSet<i32> = asks.iter().map(|ask| hash(&ask.name)).collect();
    let keys: Vec<i32> = keys.into_iter().collect();
    link.rows(texts::LOCK, &[&LIMITS_LOCK, &keys]).await.map(drop)
}

/// FNV-1a: what two limits share is a wait of milliseconds.
fn hash(name: &str) -> i32 {
    let mixed = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    mixed.cast_signed()
}

async fn holders(link: &mut Link) -> Result<Vec<Holder>, Fault> {
    link.rows(texts::HOLDERS, &[]).await?.iter().map(holder).collect()
}

fn holder(row: &Found) -> Result<Holder, Fault> {
    let over: i64 = row.try_get(3)?;
    Ok(Holder {
        owner: row.try_get(0)?,
        counted: small(row.try_get(1)?),
        dead: row.try_get(2)?,
        over: u64::try_from(over).ok().map(std::time::Duration::from_millis),
    })
}

fn row(row: &Found) -> Result<(String, Row), Fault> {
    let (units, wants) = (small(row.try_get(2)?), small(row.try_get(3)?));
    let (owner, most, since) = (row.try_get(1)?, small(row.try_get(5)?), row.try_get(4)?);
    Ok((row.try_get(0)?, Row { owner, most, units, wants, since }))
}

fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

async fn write(link: &mut Link, owner: &String, asks: &[Ask], settled: &[Settled]) -> Result<(), Fault> {
    let kept = || asks.iter().zip(settled).filter_map(|(ask, settled)| Some((ask, settled.row.as_ref()?)));
    let names: Vec<_> = kept().map(|(ask, _)| &*ask.name).collect();
    if !names.is_empty() {
        let number = |of: fn(&Ask, &Row) -> i64| kept().map(|(ask, row)| of(ask, row)).collect::<Vec<_>>();
        let (most, lasting) =
            (number(|ask, _| ask.most.into()), kept().map(|(ask, _)| ask.lasting).collect::<Vec<_>>());
        let (units, wants) = (number(|_, row| row.units.into()), number(|_, row| row.wants.into()));
        let since = number(|_, row| row.since);
        link.execute(texts::WRITE, &[owner, &names, &most, &lasting, &units, &wants, &since]).await?;
    }
    let gone = asks.iter().zip(settled).filter(|(_, settled)| settled.row.is_none());
    let gone: Vec<_> = gone.map(|(ask, _)| &*ask.name).collect();
    if !gone.is_empty() {
        link.execute(texts::REMOVE, &[owner, &gone]).await?;
    }
    Ok(())
}

/// What others than this one wait for.
pub(super) async fn wanted(link: &mut Link, owner: &String) -> Result<Wanted, Fault> {
    let mut wanted = Wanted::default();
    for row in link.rows(texts::WANTED, &[owner]).await? {
        wanted.holders = small(row.try_get(0)?);
        if let Some(name) = row.try_get::<_, Option<String>>(1)? {
            let (most, lasting, units) = (small(row.try_get(2)?), row.try_get(3)?, small(row.try_get(4)?));
            wanted.wants.push(Want { name, most, lasting, units });
        }
    }
    Ok(wanted)
}
