//! The states of tokens.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::keys::Keys;
use super::super::row::Row;
use super::super::seal::KeyId;
use super::super::version::Step;
use super::super::{Outline, Saved, Sketch, Stored, Version, sql};
use super::fault::Fault;
use super::link::Link;
use super::schema::{sealer, sealing};
use crate::model::TokenState;

pub(super) async fn one(link: &mut Link, name: &str, keys: &Keys) -> Result<Stored, Fault> {
    let Some(found) = link.row(&sql::TOKEN, &[&name]).await? else { return Ok(Stored::default()) };
    let (version, row) = read(&found)?;
    Ok(Stored { state: row.open(name, keys)?, version: Version(version) })
}

pub(super) async fn names(link: &mut Link) -> Result<Vec<String>, Fault> {
    let rows = link.all(sql::TOKEN_NAMES, &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// What is sealed stays where it is: that it is there is all that is asked.
pub(super) async fn outlines(link: &mut Link) -> Result<Vec<(String, Outline)>, Fault> {
    let outlined = |found: &tokio_postgres::Row| {
        let (version, row) = read(found)?;
        Ok((found.try_get("name")?, Outline::of_row(version, row)))
    };
    link.all(&sql::OUTLINES, &[]).await?.iter().map(outlined).collect()
}

/// The same with what people are told. None opens without the key that seals.
pub(super) async fn sketches(link: &mut Link, keys: &Keys) -> Result<Vec<(String, Sketch)>, Fault> {
    let fault = sealing(link).await?.and_then(|id| keys.get(id).err());
    let sketched = |found: &tokio_postgres::Row| {
        let (_, row) = read(found)?;
        Ok(row.sketch_of(found.try_get("name")?, fault.as_ref()))
    };
    link.all(&sql::SKETCHES, &[]).await?.iter().map(sketched).collect()
}

pub(super) async fn forget(link: &mut Link, name: &str) -> Result<(), Fault> {
    link.begin().await?;
    link.execute(sql::FORGET_TOKEN, &[&name]).await?;
    link.execute(sql::FORGET_NOTICES, &[&name]).await?;
    link.commit().await
}

/// A state to be saved, and what has become of it so far. When the connection breaks while the commit is under way, nobody knows
/// whether it counts: the next attempt finds out, for nobody else writes these very octets.
pub(super) struct Save {
    name: String,
    read: Version,
    state: TokenState,
    keys: Arc<Keys>,
    sealed: Mutex<Option<Sealed>>,
}

/// A row with the key that sealed it, and the version that it gets.
#[derive(Clone)]
struct Sealed {
    row: Row,
    key: KeyId,
    next: Version,
    step: Step,
}

impl Save {
    pub(super) fn new(name: &str, read: Version, state: &TokenState, keys: Arc<Keys>) -> Self {
        Self { name: name.to_owned(), read, state: state.clone(), keys, sealed: Mutex::default() }
    }

    pub(super) async fn perform(&self, link: &mut Link) -> Result<Saved, Fault> {
        if let Some(before) = self.before()
            && self.is_there(link, &before).await?
        {
            return Ok(Saved::Done(before.next));
        }
        link.begin_sealing().await?;
        let sealed = self.sealed(link).await?;
        let (statement, version) = match sealed.step {
            Step::First => (&sql::INSERT_TOKEN, sealed.next),
            Step::Later => (&sql::UPDATE_TOKEN, self.read),
        };
        if write(link, statement, &self.name, version, &sealed.row).await? == 1 {
            link.commit().await?;
            return Ok(Saved::Done(sealed.next));
        }
        link.roll_back().await?;
        // The first attempt may have come to count while the second waited for it.
        let done = self.is_there(link, &sealed).await?;
        Ok(if done { Saved::Done(sealed.next) } else { Saved::Conflict })
    }

    fn before(&self) -> Option<Sealed> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same octets in each attempt, unless the key was changed meanwhile.
    async fn sealed(&self, link: &mut Link) -> Result<Sealed, Fault> {
        let seal = sealer(link, &self.keys).await?;
        let before = self.before();
        if let Some(before) = &before
            && before.key == seal.id()
        {
            return Ok(before.clone());
        }
        let (next, step) = before.map_or_else(|| self.read.next(), |before| Ok((before.next, before.step)))?;
        let sealed = Sealed { row: Row::seal(&self.name, &self.state, &seal)?, key: seal.id(), next, step };
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealed.clone());
        Ok(sealed)
    }

    async fn is_there(&self, link: &mut Link, sealed: &Sealed) -> Result<bool, Fault> {
        let Some(found) = link.row(&sql::TOKEN, &[&self.name]).await? else { return Ok(false) };
        Ok(read(&found)? == (sealed.next.0, sealed.row.clone()))
    }
}

pub(super) fn read(row: &tokio_postgres::Row) -> Result<(i64, Row), Fault> {
    let columns = Row {
        access_token: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        refresh_token: row.try_get(3)?,
        quarantined_token: row.try_get(4)?,
        scopes: row.try_get(5)?,
        bound_to: row.try_get(6)?,
        identity: row.try_get(7)?,
        authorized_at: row.try_get(8)?,
        refresh_ends_at: row.try_get(9)?,
        refreshed_at: row.try_get(10)?,
        trouble_class: row.try_get(11)?,
        trouble_summary: row.try_get(12)?,
        trouble_remedy: row.try_get(13)?,
        trouble_since: row.try_get(14)?,
        trouble_failures: row.try_get(15)?,
        retry_at: row.try_get(16)?,
    };
    Ok((row.try_get(0)?, columns))
}

/// By a statement that takes the columns, a name and a version.
async fn write(link: &mut Link, statement: &str, name: &str, version: Version, row: &Row) -> Result<u64, Fault> {
    link.execute(
        statement,
        &[
            &row.access_token,
            &row.expires_at,
            &row.refresh_token,
            &row.quarantined_token,
            &row.scopes,
            &row.bound_to,
            &row.identity,
            &row.authorized_at,
            &row.refresh_ends_at,
            &row.refreshed_at,
            &row.trouble_class,
            &row.trouble_summary,
            &row.trouble_remedy,
            &row.trouble_since,
            &row.trouble_failures,
            &row.retry_at,
            &name,
            &version.0,
        ],
    )
    .await
}
