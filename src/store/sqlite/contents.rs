//! Everything, as it lies there.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, TransactionBehavior, params_from_iter};

use super::super::contents::{Cell, Cells, SEALING, Sort, TABLES, Table};
use super::super::copy::{AT_ONCE, Piece, TIMES, same};
use super::super::{Copied, Inflow, Outflow, StoreError};
use super::Fault;

/// At one moment. Who takes it says why he goes on no more.
pub(super) fn pour(connection: &mut Connection, into: &Outflow) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    for _ in 0..TIMES {
        each(&transaction, |rows| into.put_blocking(Some(rows)).then_some(()).ok_or(StoreError::BrokenOff))?;
        into.put_blocking(None);
    }
    Ok(())
}

/// All rows of all tables.
fn each(connection: &Connection, mut take: impl FnMut(Piece) -> Result<(), StoreError>) -> Result<(), Fault> {
    for (at, table) in TABLES.iter().enumerate() {
        let mut statement = connection.prepare(&table.select())?;
        let (mut found, mut first) = (statement.query([])?, 0);
        loop {
            let rows = some(&mut found, table)?;
            let count = rows.len();
            if count > 0 {
                take(Piece { table: at, first, rows })?;
            }
            if count < AT_ONCE {
                break;
            }
            first += count;
        }
    }
    Ok(())
}

fn some(found: &mut rusqlite::Rows<'_>, table: &Table) -> rusqlite::Result<Vec<Cells>> {
    let mut rows = Vec::new();
    while rows.len() < AT_ONCE {
        let Some(row) = found.next()? else { break };
        rows.push(
            table.columns.iter().enumerate().map(|(at, (_, sort))| cell(row, at, *sort)).collect::<Result<_, _>>()?,
        );
    }
    Ok(rows)
}

fn cell(row: &Row<'_>, at: usize, sort: Sort) -> rusqlite::Result<Cell> {
    Ok(match (row.get_ref(at)?, sort) {
        (ValueRef::Null, _) => Cell::Null,
        // What was typed somewhere may hold the one character that PostgreSQL's texts cannot.
        (_, Sort::Text) => Cell::Text(row.get::<_, String>(at)?.replace('\0', "\u{fffd}")),
        (_, Sort::Integer) => Cell::Integer(row.get(at)?),
        (_, Sort::Real) => Cell::Real(row.get(at)?),
        (_, Sort::Octets) => Cell::Octets(row.get(at)?),
    })
}

/// All of it, or nothing.
pub(super) fn fill(connection: &mut Connection, from: &mut Inflow, file: &str) -> Result<Copied, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in TABLES.iter().filter(|table| table.name != SEALING) {
        let any = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if transaction.query_row(&any, [], |_| Ok(())).optional()?.is_some() {
            return Err(Fault::Store(StoreError::NotEmpty { store: file.to_owned(), what: table.name }));
        }
    }
    transaction.execute("DELETE FROM sealing", [])?;
    let mut copied = Copied::default();
    while let Some(rows) = from.take_blocking()? {
        write(&transaction, &rows)?;
        copied.add(&rows);
    }
    each(&transaction, |written| same(from.take_blocking()?.as_ref(), Some(&written), file))?;
    same(from.take_blocking()?.as_ref(), None, file)?;
    transaction.commit()?;
    Ok(copied)
}

fn write(connection: &Connection, rows: &Piece) -> rusqlite::Result<()> {
    let table = &TABLES[rows.table];
    let places = vec!["?"; table.columns.len()].join(", ");
    let insert = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.names());
    let mut statement = connection.prepare_cached(&insert)?;
    rows.rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Octets(octets) => octets.as_slice().into(),
        })
    }
}
