//! Everything, as it lies there.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::contents::{Cell, Cells, SEALING, Sort, TABLES, Table};
use super::super::{Contents, StoreError};
use super::fault::Fault;
use super::link::{Link, SEALING_LOCK};

/// Rows that are written at once.
const AT_ONCE: usize = 500;

/// At one moment.
pub(super) async fn read(link: &mut Link) -> Result<Contents, Fault> {
    link.begin_long("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut all = Vec::new();
    for table in &TABLES {
        all.push(rows(link, table).await?);
    }
    link.commit().await?;
    Ok(Contents(all))
}

async fn rows(link: &mut Link, table: &Table) -> Result<Vec<Cells>, Fault> {
    let read = |row: &Row| (0..table.columns.len()).map(|at| cell(row, at, table.columns[at].1)).collect();
    link.rows(&table.select(), &[]).await?.iter().map(read).collect()
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
pub(super) async fn fill(link: &mut Link, contents: &Contents, shown: &str) -> Result<(), Fault> {
    link.begin_long("BEGIN").await?;
    // All of it is one piece of news, and nobody seals meanwhile.
    link.batch(&format!("SET LOCAL gatepost.quiet = 'on'; SELECT pg_advisory_xact_lock({SEALING_LOCK})")).await?;
    for table in TABLES.iter().filter(|table| table.name != SEALING) {
        if link.row(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[]).await?.is_some() {
            return Err(Fault::Store(StoreError::NotEmpty { store: shown.to_owned(), what: table.name }));
        }
    }
    link.batch("DELETE FROM sealing").await?;
    for (at, table) in TABLES.iter().enumerate() {
        let insert = insert(table);
        for some in contents.rows(at).chunks(AT_ONCE) {
            let columns: Vec<_> = (0..table.columns.len()).map(|at| column(some, at, table.columns[at].1)).collect();
            let values: Vec<_> = columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
            link.execute(&insert, &values).await?;
        }
    }
    link.batch("SELECT tell_news(current_schema(), '*')").await?;
    link.commit().await
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
