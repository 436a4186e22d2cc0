//! Everything of one store into another, some rows at a time, so that neither is ever held in memory as a whole.
//!
//! What a store keeps comes twice, as it was at one moment: first to be written, then to be compared with what was written. Only
//! what is the same counts.

use std::fmt;

use tokio::sync::mpsc;

use super::contents::{Cells, SEALING, TABLES};
use super::{Store, StoreError};

/// Rows that are read, sent and written at once.
pub(super) const AT_ONCE: usize = 200;

/// Pieces that wait to be taken.
const WAITING: usize = 2;

/// How often everything comes.
pub(super) const TIMES: usize = 2;

/// Copies everything that a store keeps for good into one that holds nothing: all of it, or nothing.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Copied, StoreError> {
    let (outflow, inflow) = pipe();
    match tokio::join!(from.pour(outflow), to.fill(inflow)) {
        (Err(fault), Err(StoreError::BrokenOff)) => Err(fault),
        (_, filled) => filled,
    }
}

pub(super) fn pipe() -> (Outflow, Inflow) {
    let (outflow, inflow) = mpsc::channel(WAITING);
    (Outflow(outflow), Inflow(inflow))
}

/// Rows of one table that follow each other: [`AT_ONCE`], or the last of them.
#[derive(Clone, PartialEq)]
pub(super) struct Piece {
    /// Its place in [`TABLES`].
    pub(super) table: usize,
    /// How many of it came before.
    pub(super) first: usize,
    pub(super) rows: Vec<Cells>,
}

/// They are many, and what is sealed is nothing to read.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}+{}", TABLES[self.table].name, self.first, self.rows.len())
    }
}

/// Where a store puts what it keeps; None ends one time.
#[derive(Debug)]
pub struct Outflow(mpsc::Sender<Option<Piece>>);

impl Outflow {
    /// `false`: nobody takes it any more.
    pub(super) async fn put(&self, rows: Option<Piece>) -> bool {
        self.0.send(rows).await.is_ok()
    }

    /// The same on a thread of its own.
    pub(super) fn put_blocking(&self, rows: Option<Piece>) -> bool {
        self.0.blocking_send(rows).is_ok()
    }
}

/// Whence another takes it.
#[derive(Debug)]
pub struct Inflow(mpsc::Receiver<Option<Piece>>);

impl Inflow {
    /// None at the end of one time.
    pub(super) async fn take(&mut self) -> Result<Option<Piece>, StoreError> {
        self.0.recv().await.ok_or(StoreError::BrokenOff)
    }

    /// The same on a thread of its own.
    pub(super) fn take_blocking(&mut self) -> Result<Option<Piece>, StoreError> {
        self.0.blocking_recv().ok_or(StoreError::BrokenOff)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.0.len()
    }
}

/// Whether what came is what was written; `store` as people know it.
pub(super) fn same(came: Option<&Piece>, written: Option<&Piece>, store: &str) -> Result<(), StoreError> {
    let row = difference(came, written);
    row.map_or(Ok(()), |row| Err(StoreError::Unlike { store: store.to_owned(), row }))
}

/// The first row that is another one, or is missing on either side.
fn difference(came: Option<&Piece>, written: Option<&Piece>) -> Option<String> {
    let Piece { table, first, .. } = *[came, written].into_iter().flatten().min_by_key(|rows| rows.table)?;
    let (came, written) = (of_table(came, table), of_table(written, table));
    let at = (0..came.len().max(written.len())).find(|at| came.get(*at) != written.get(*at))?;
    came.get(at).or(written.get(at)).map(|row| TABLES[table].shown(row, first + at))
}

fn of_table(rows: Option<&Piece>, table: usize) -> &[Cells] {
    rows.filter(|rows| rows.table == table).map(|rows| rows.rows.as_slice()).unwrap_or_default()
}

/// How many rows of what were copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied([usize; TABLES.len()]);

impl Copied {
    pub(super) fn add(&mut self, rows: &Piece) {
        self.0[rows.table] += rows.rows.len();
    }
}

/// Such as `tokens 3, records 2`.
impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = TABLES.iter().zip(self.0).filter(|(table, _)| table.name != SEALING);
        let words: Vec<_> = counted.map(|(table, count)| format!("{} {count}", table.name)).collect();
        f.write_str(&words.join(", "))
    }
}
