use super::super::fault::Fault;
use super::super::link::Link;
use super::{HOLDERS_LOCK, holder, small, texts};
use crate::store::shares::{Beat, Held, Standing, Turn, turn};

/// Takes note that a replica lives.
pub(in crate::store::postgres) async fn hold(link: &mut Link, beat: &Beat) -> Result<Standing, Fault> {
    link.begin().await?;
    link.batch(&format!("SELECT pg_advisory_xact_lock({HOLDERS_LOCK})")).await?;
    let found = link.rows(texts::HOLDERS, &[]).await?;
    let holders = found.iter().map(holder).collect::<Result<Vec<_>, _>>()?;
    // The answer to it was lost with its connection: whether it had lapsed then nobody can say.
    let mut repeated = false;
    for (row, holder) in found.iter().zip(&holders) {
        let number: i64 = row.try_get(4)?;
        if holder.owner == beat.owner && number > beat.number {
            link.roll_back().await?;
            return Err(Fault::Unreachable("a sign of life came late".into()));
        }
        repeated |= holder.owner == beat.owner && number == beat.number;
    }
    let turn = turn(beat, &holders);
    let grows = turn.counted > 0 && (turn.before == 0 || turn.counted < turn.before);
    bury(link, beat, &turn).await?;
    if grows {
        link.execute(texts::KEEP_PART, &[&beat.owner, &i64::from(turn.before)]).await?;
    }
    let lease = i64::try_from(beat.lease.as_millis()).unwrap_or(i64::MAX);
    link.execute(texts::BEAT, &[&beat.owner, &lease, &i64::from(turn.counted), &beat.leaves, &beat.number]).await?;
    let unsure = repeated || grows || turn.lapsed || turn.before != beat.believes;
    let rows = if unsure { Some(held(link, &beat.owner).await?) } else { None };
    link.commit().await?;
    Ok(Standing { holders: turn.holders, counted: turn.counted, lapsed: turn.lapsed || repeated, rows })
}

async fn bury(link: &mut Link, beat: &Beat, turn: &Turn) -> Result<(), Fault> {
    if turn.lapsed {
        link.execute(texts::FORGET_SHARES, &[&[&beat.owner].as_slice()]).await?;
    }
    if !turn.gone.is_empty() {
        link.execute(texts::FORGET_SHARES, &[&turn.gone]).await?;
        link.execute(texts::FORGET_HOLDERS, &[&turn.gone]).await?;
    }
    if !turn.dead.is_empty() {
        link.execute(texts::BURY, &[&turn.dead]).await?;
    }
    Ok(())
}

async fn held(link: &mut Link, owner: &String) -> Result<Vec<Held>, Fault> {
    let read = |row: &tokio_postgres::Row| {
        let (most, units) = (small(row.try_get(1)?), small(row.try_get(3)?));
        Ok(Held { name: row.try_get(0)?, most, lasting: row.try_get(2)?, units })
    };
    link.rows(texts::HELD, &[owner]).await?.iter().map(read).collect()
}
