//! What is kept sealed by kind and name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::keys::Keys;
use super::super::record::{opened, with_place};
use super::super::version::Step;
use super::super::{Kind, Record, Saved, Version, sql};
use super::fault::Fault;
use super::link::Link;
use super::schema::sealer;

/// The place of one that has ended is free.
const END: &str = "DELETE FROM records WHERE kind = $1 AND name = $2 AND ends_at <= now_s()";

/// Of those that have ended, some that nobody else has to do with: two that tidy up do not wait for each other.
const TIDY: &str = "DELETE FROM records WHERE (kind, name) IN
    (SELECT kind, name FROM records WHERE ends_at <= now_s() LIMIT 100 FOR UPDATE SKIP LOCKED)";

/// With the number of the transaction, by which [`WAS_COMMITTED`] knows it again.
const REMOVE: &str = "DELETE FROM records WHERE kind = $1 AND name = $2 AND version = $3 RETURNING txid_current()";

const WAS_COMMITTED: &str = "SELECT txid_status($1) = 'committed'";

const SOME: &str = "SELECT name, version, content FROM records
    WHERE kind = $1 AND name = ANY ($2) AND (ends_at IS NULL OR ends_at > now_s()) ORDER BY name";

/// All of a kind that have not ended.
pub(super) async fn all(link: &mut Link, kind: Kind, keys: &Keys) -> Result<Vec<Record>, Fault> {
    let rows = link.all(sql::RECORDS, &[&kind.name()]).await?;
    rows.iter().map(|row| read(kind, row, keys)).collect()
}

pub(super) async fn versions(link: &mut Link, kind: Kind) -> Result<Vec<(String, Version)>, Fault> {
    let rows = link.all(sql::VERSIONS, &[&kind.name()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, Version(row.try_get(1)?)))).collect()
}

pub(super) async fn some(link: &mut Link, kind: Kind, names: &[String], keys: &Keys) -> Result<Vec<Record>, Fault> {
    let rows = link.all(SOME, &[&kind.name(), &names]).await?;
    rows.iter().map(|row| read(kind, row, keys)).collect()
}

fn read(kind: Kind, row: &tokio_postgres::Row, keys: &Keys) -> Result<Record, Fault> {
    let content: Vec<u8> = row.try_get(2)?;
    Ok(opened(kind, row.try_get(0)?, row.try_get(1)?, &content, keys))
}

pub(super) async fn one(link: &mut Link, kind: Kind, name: &str, keys: &Keys) -> Result<Record, Fault> {
    let name = name.to_owned();
    let Some(row) = link.row(sql::RECORD, &[&kind.name(), &name]).await? else {
        return Ok(Record { kind, name, version: Version::default(), content: Ok(None) });
    };
    let content: Vec<u8> = row.try_get(1)?;
    Ok(opened(kind, name, row.try_get(0)?, &content, keys))
}

/// A record to be put, and what has become of it so far; see [`super::tokens::Save`].
pub(super) struct Put {
    record: Record,
    life: Option<Duration>,
    keys: Arc<Keys>,
    next: Mutex<Option<(Version, Step)>>,
    /// The transaction that has removed it, if that came to count.
    removal: Mutex<Option<i64>>,
}

impl Put {
    pub(super) fn new(record: Record, life: Option<Duration>, keys: Arc<Keys>) -> Self {
        Self { record, life, keys, next: Mutex::default(), removal: Mutex::default() }
    }

    pub(super) async fn perform(&self, link: &mut Link) -> Result<Saved, Fault> {
        let content = self.record.content.clone()?;
        let again = self.before().is_some();
        let (next, step) = self.next()?;
        link.begin_sealing().await?;
        link.execute(END, &[&self.record.kind.name(), &self.record.name]).await?;
        let changed = match &content {
            None => self.remove(link, step).await?,
            Some(content) => self.write(link, content, next, step).await?,
        };
        if changed {
            link.commit().await?;
            self.tidy(link).await;
            return Ok(Saved::Done(next));
        }
        link.roll_back().await?;
        let done = again && self.is_there(link, content.as_deref(), next).await?;
        Ok(if done { Saved::Done(next) } else { Saved::Conflict })
    }

    fn before(&self) -> Option<(Version, Step)> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same in each attempt.
    fn next(&self) -> Result<(Version, Step), Fault> {
        let next = self.before().map_or_else(|| self.record.version.next(), Ok)?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(next)
    }

    async fn remove(&self, link: &mut Link, step: Step) -> Result<bool, Fault> {
        let Record { kind, name, version, .. } = &self.record;
        if step == Step::First {
            return Ok(link.row(sql::RECORD, &[&kind.name(), name]).await?.is_none());
        }
        let Some(row) = link.row(REMOVE, &[&kind.name(), name, &version.0]).await? else { return Ok(false) };
        *self.removal.lock().unwrap_or_else(PoisonError::into_inner) = Some(row.try_get(0)?);
        Ok(true)
    }

    async fn write(&self, link: &mut Link, content: &str, next: Version, step: Step) -> Result<bool, Fault> {
        let Record { kind, name, version, .. } = &self.record;
        let seal = sealer(link, &self.keys).await?;
        let sealed = with_place(*kind, name, |place| seal.seal(place, content.as_bytes()))?;
        let (kind, life) = (kind.name(), self.life.map(|life| life.as_secs_f64()));
        let changed = match step {
            Step::First => link.execute(sql::INSERT_RECORD, &[&kind, name, &next.0, &sealed, &life]).await?,
            Step::Later => link.execute(sql::UPDATE_RECORD, &[&sealed, &life, &kind, name, &version.0]).await?,
        };
        Ok(changed == 1)
    }

    /// Whether an attempt whose answer was lost has come to count.
    async fn is_there(&self, link: &mut Link, content: Option<&str>, next: Version) -> Result<bool, Fault> {
        let Some(content) = content else { return self.has_removed(link).await };
        let found = one(link, self.record.kind, &self.record.name, &self.keys).await?;
        Ok(found.version == next && found.content.is_ok_and(|found| found.as_deref() == Some(content)))
    }

    /// That there is none may be the work of another: what is shown once would be shown to both.
    async fn has_removed(&self, link: &mut Link) -> Result<bool, Fault> {
        let Some(removal) = *self.removal.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(false) };
        let row = link.row(WAS_COMMITTED, &[&removal]).await?;
        Ok(row.map(|row| row.try_get::<_, Option<bool>>(0)).transpose()?.flatten().unwrap_or_default())
    }

    /// Nobody waits for it, and the next does it when it fails.
    async fn tidy(&self, link: &mut Link) {
        drop(link.execute(TIDY, &[]).await);
    }
}
