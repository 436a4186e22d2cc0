//! Everything, as it lies there.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::contents::{Cell, Cells, SEALING, Sort, TABLES, Table};
use super::super::copy::{AT_ONCE, Piece, TIMES, same};
use super::super::{Copied, Inflow, Outflow, StoreError};
use super::fault::Fault;
use super::link::{Link, SEALING_LOCK};

/// While the other side has to do; who does nothing for so long is dead.
const IDLE: &str = "SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// At one moment. Who takes it says why he goes on no more.
pub(super) async fn pour(link: &mut Link, into: &Outflow) -> Result<(), Fault> {
    link.begin_long("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    link.batch(IDLE).await?;
    for _ in 0..TIMES {
        let mut reader = Reader::default();
        loop {
            let rows = reader.next(link).await?;
            let is_end = rows.is_none();
            if !into.put(rows).await {
                return Err(Fault::Store(StoreError::BrokenOff));
            }
            if is_end {
                break;
            }
        }
    }
    link.commit().await
}

/// Reads all tables, within a transaction. A cursor has the name of its table.
#[derive(Default)]
struct Reader {
    table: usize,
    first: usize,
}

impl Reader {
    async fn next(&mut self, link: &mut Link) -> Result<Option<Piece>, Fault> {
        while let Some(table) = TABLES.get(self.table) {
            let (name, at, first) = (table.name, self.table, self.first);
            if first == 0 {
                link.batch(&format!("DECLARE {name} NO SCROLL CURSOR FOR {}", table.select())).await?;
            }
            let rows = some(link, table).await?;
            self.first += rows.len();
            if rows.len() < AT_ONCE {
                link.batch(&format!("CLOSE {name}")).await?;
                *self = Self { table: at + 1, first: 0 };
            }
            if !rows.is_empty() {
                return Ok(Some(Piece { table: at, first, rows }));
            }
        }
        Ok(None)
    }
}

async fn some(link: &mut Link, table: &Table) -> Result<Vec<Cells>, Fault> {
    let read = |row: &Row| table.columns.iter().enumerate().map(|(at, (_, sort))| cell(row, at, *sort)).collect();
    link.rows(&format!("FETCH {AT_ONCE} FROM {}", table.name), &[]).await?.iter().map(read).collect()
}

fn cell(row: &Row, at: usize, sort: Sort) -> Result<Cell, Fault> {
    Ok(match sort {
        Sort::Text => row.try_get::<_, Option<String>>(at)?.map(Cell::Text),
        Sort::Integer => row.try_get::<_, Option<i64>>(at)?.map(Cell::Integer),
        Sort::Real => row.try_get::<_, Option<f64>>(at)?.map(Cell::Real),
        Sort::Octets => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Cell::Octets),
    }
    .unwrap_or(Cell::Null))
}

/// All of it, or nothing. `shown`: the store as people know it.
pub(super) async fn fill(link: &mut Link, mut from: Inflow, shown: &str) -> Result<Copied, Fault> {
    link.begin_long("BEGIN").await?;
    // All of it is one piece of news, and nobody seals meanwhile.
    let alone = format!("SET LOCAL gatepost.quiet = 'on'; SELECT pg_advisory_xact_lock({SEALING_LOCK})");
    link.batch(&format!("{IDLE}; {alone}")).await?;
    for table in TABLES.iter().filter(|table| table.name != SEALING) {
        if link.row(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[]).await?.is_some() {
            return Err(Fault::Store(StoreError::NotEmpty { store: shown.to_owned(), what: table.name }));
        }
    }
    link.batch("DELETE FROM sealing").await?;
    let mut copied = Copied::default();
    while let Some(rows) = from.take().await? {
        write(link, &rows).await?;
        copied.add(&rows);
    }
    compare(link, &mut from, shown).await?;
    link.batch("SELECT tell_news(current_schema(), '*')").await?;
    link.commit().await?;
    Ok(copied)
}

async fn write(link: &mut Link, Piece { table, rows, .. }: &Piece) -> Result<(), Fault> {
    let table = &TABLES[*table];
    let columns: Vec<_> = (0..table.columns.len()).map(|at| column(rows, at, table.columns[at].1)).collect();
    let values: Vec<_> = columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
    link.execute(&insert(table), &values).await.map(drop)
}

async fn compare(link: &mut Link, from: &mut Inflow, shown: &str) -> Result<(), Fault> {
    let mut reader = Reader::default();
    loop {
        let (came, written) = (from.take().await?, reader.next(link).await?);
        same(came.as_ref(), written.as_ref(), shown)?;
        if came.is_none() {
            return Ok(());
        }
    }
}

/// Each column is an array.
fn insert(table: &Table) -> String {
    let array = |(at, (_, sort)): (usize, &(&str, Sort))| {
        let sort = match sort {
            Sort::Text => "text",
            Sort::Integer => "bigint",
            Sort::Real => "double precision",
            Sort::Octets => "bytea",
        };
        format!("${}::{sort}[]", at + 1)
    };
    let arrays: Vec<_> = table.columns.iter().enumerate().map(array).collect();
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({})", table.name, table.names(), arrays.join(", "))
}

type Column = Box<dyn ToSql + Sync + Send>;

fn column(rows: &[Cells], at: usize, sort: Sort) -> Column {
    match sort {
        Sort::Text => array(rows, at, |cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None }),
        Sort::Integer => array(rows, at, |cell| if let Cell::Integer(number) = cell { Some(*number) } else { None }),
        Sort::Real => array(rows, at, |cell| if let Cell::Real(number) = cell { Some(*number) } else { None }),
        Sort::Octets => {
            array(rows, at, |cell| if let Cell::Octets(octets) = cell { Some(octets.clone()) } else { None })
        }
    }
}

fn array<T: ToSql + Sync + Send + 'static>(rows: &[Cells], at: usize, value: fn(&Cell) -> Option<T>) -> Column {
    Box::new(rows.iter().map(|row| row.get(at).and_then(value)).collect::<Vec<_>>())
}
