//! Everything, as it lies there.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, TransactionBehavior, params_from_iter};

use super::super::contents::{Cell, Cells, SEALING, Sort, TABLES, Table};
use super::super::{Contents, StoreError};
use super::Fault;

/// At one moment.
pub(super) fn read(connection: &mut Connection) -> Result<Contents, Fault> {
    let transaction = connection.transaction()?;
    Ok(Contents(TABLES.iter().map(|table| rows(&transaction, table)).collect::<Result<_, _>>()?))
}

fn rows(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Cells>> {
    let mut statement = connection.prepare(&table.select())?;
    let read = |row: &Row<'_>| (0..table.columns.len()).map(|at| cell(row, at, table.columns[at].1)).collect();
    statement.query_map([], read)?.collect()
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
pub(super) fn fill(connection: &mut Connection, contents: &Contents, file: &str) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in TABLES.iter().filter(|table| table.name != SEALING) {
        if !rows(&transaction, table)?.is_empty() {
            return Err(Fault::Store(StoreError::NotEmpty { store: file.to_owned(), what: table.name }));
        }
    }
    transaction.execute("DELETE FROM sealing", [])?;
    for (at, table) in TABLES.iter().enumerate() {
        let places = vec!["?"; table.columns.len()].join(", ");
        let insert = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.names());
        let mut statement = transaction.prepare(&insert)?;
        for row in contents.rows(at) {
            statement.execute(params_from_iter(row))?;
        }
    }
    Ok(transaction.commit()?)
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
