//! Who is there.

use std::time::Duration;

use super::super::{Beat, FORGOTTEN, Replica};
use super::fault::Fault;
use super::link::Link;
use super::schema::SCHEMA;
use super::time::Ahead;

const BEAT: &str = "INSERT INTO replicas (instance, name, version, schema, started_at, beat_at, facts)
    VALUES ($1, $2, $3, $4, now_ms(), now_ms(), $5) ON CONFLICT (instance) DO UPDATE SET
    name = excluded.name, version = excluded.version, schema = excluded.schema, beat_at = excluded.beat_at,
    facts = excluded.facts RETURNING now_ms()";

const ALL: &str = "SELECT instance, name, version, schema, facts, now_ms() - started_at, now_ms() - beat_at
    FROM replicas WHERE beat_at > now_ms() - $1 ORDER BY name, instance";

const FORGET: &str = "DELETE FROM replicas WHERE instance IN
    (SELECT instance FROM replicas WHERE beat_at <= now_ms() - $1 FOR UPDATE SKIP LOCKED)";

const GONE: &str = "DELETE FROM replicas WHERE instance = $1";

/// Hears on the way what time it is there.
pub(super) async fn beat(link: &mut Link, beat: &Beat, ahead: &Ahead) -> Result<(), Fault> {
    let Beat { name, instance, version, facts } = beat;
    ahead.ask(link, BEAT, &[instance, name, version, &SCHEMA, facts]).await
}

pub(super) async fn all(link: &mut Link) -> Result<Vec<Replica>, Fault> {
    link.execute(FORGET, &[&forgotten()]).await?;
    let rows = link.rows(ALL, &[&forgotten()]).await?;
    let replica = |row: &tokio_postgres::Row| {
        let since = |at| row.try_get::<_, i64>(at).map(|millis| Duration::from_millis(millis.try_into().unwrap_or(0)));
        let beat =
            Beat { instance: row.try_get(0)?, name: row.try_get(1)?, version: row.try_get(2)?, facts: row.try_get(4)? };
        Ok(Replica { beat, schema: row.try_get(3)?, age: since(5)?, silent: since(6)? })
    };
    rows.iter().map(replica).collect()
}

pub(super) async fn gone(link: &mut Link, instance: &str) -> Result<(), Fault> {
    link.execute(GONE, &[&instance]).await.map(drop)
}

fn forgotten() -> i64 {
    i64::try_from(FORGOTTEN.as_millis()).unwrap_or(i64::MAX)
}
