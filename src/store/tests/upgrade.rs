//! Replicas of two versions on one database: a migration of the next one only adds, and the previous one goes on.

use super::additive::breaches;
use super::*;
use crate::store::{postgres, sqlite};

/// As the next version would leave it: columns, a table, an index and a trigger more, and nothing less.
const NEXT: &str = "
    ALTER TABLE tokens ADD COLUMN later TEXT;
    ALTER TABLE records ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE leases ADD COLUMN later TEXT;
    ALTER TABLE notices ADD COLUMN later TEXT NOT NULL DEFAULT 'x';
    ALTER TABLE deeds ADD COLUMN later TEXT;
    ALTER TABLE uses ADD COLUMN later BYTEA;
    ALTER TABLE replicas ADD COLUMN later TEXT;
    ALTER TABLE holders ADD COLUMN later BOOLEAN NOT NULL DEFAULT FALSE;
    ALTER TABLE shares ADD COLUMN later BIGINT;
    CREATE TABLE later (one TEXT);
    CREATE INDEX later_uses ON uses (login);
    CREATE FUNCTION tell_later() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        PERFORM tell_news(TG_TABLE_SCHEMA, 'later ' || NEW.account);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tell_later AFTER INSERT OR UPDATE ON uses FOR EACH ROW EXECUTE FUNCTION tell_later();";

/// The same with what is noted of it.
pub(super) fn next() -> String {
    let schema = postgres::MIGRATIONS.len() + 1;
    let readable_from = postgres::MIGRATIONS[postgres::MIGRATIONS.len() - 1].readable_from;
    format!(
        "{NEXT}
         INSERT INTO schema (one, version, readable_from) VALUES (1, {schema}, {readable_from})
             ON CONFLICT (one) DO UPDATE SET version = excluded.version;"
    )
}

#[test]
fn a_migration_only_adds_unless_it_says_that_the_program_before_cannot_go_on() {
    for (at, migration) in sqlite::MIGRATIONS.iter().enumerate().skip(1) {
        assert_eq!(breaches(migration), Vec::<String>::new(), "migration {} of SQLite", at + 1);
    }
    let mut before = 1;
    for (at, migration) in postgres::MIGRATIONS.iter().enumerate() {
        let (number, from) = (i64::try_from(at + 1).unwrap(), migration.readable_from);
        assert!((before..=number).contains(&from), "migration {number}: readable_from {from}");
        if number > 1 && from == before {
            assert_eq!(breaches(migration.statements), Vec::<String>::new(), "migration {number} of PostgreSQL");
        }
        before = from;
    }
    assert_eq!(breaches(NEXT), Vec::<String>::new());
}

/// A table with the columns that a program of some schema knows, and a value for each.
struct Known {
    table: String,
    columns: Vec<[String; 2]>,
}

impl Known {
    /// From rows of table, column and type.
    fn of(rows: impl IntoIterator<Item = [String; 3]>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for [table, column, kind] in rows {
            let value = match kind.to_lowercase().as_str() {
                "text" => "'x'",
                "bytea" => "'\\x00'",
                "blob" => "x'00'",
                "boolean" => "true",
                "integer" | "bigint" | "real" | "double precision" => "1",
                other => panic!("{table}.{column} is of a type that has no value here: {other}"),
            };
            if all.last().is_none_or(|last| last.table != table) {
                all.push(Self { table, columns: Vec::new() });
            }
            all.last_mut().unwrap().columns.push([column, value.to_owned()]);
        }
        all
    }

    /// Writes, reads and removes a row as whoever knows no other columns does.
    fn statements(&self) -> String {
        let Self { table, columns } = self;
        let list = |part: fn(&[String; 2]) -> String| columns.iter().map(part).collect::<Vec<_>>().join(", ");
        let (names, values) = (list(|[name, _]| name.clone()), list(|[_, value]| value.clone()));
        let set = list(|[name, value]| format!("{name} = {value}"));
        format!(
            "INSERT INTO {table} ({names}) VALUES ({values});
             UPDATE {table} SET {set};
             SELECT {names} FROM {table} ORDER BY {names};
             DELETE FROM {table};"
        )
    }
}

#[tokio::test]
async fn what_programs_of_every_earlier_schema_write_and_read_is_understood_in_postgresql() {
    let kinds = "SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = current_schema() AND is_identity = 'NO' ORDER BY table_name, ordinal_position";
    let needed = postgres::MIGRATIONS.iter().map(|migration| migration.readable_from).max().unwrap();
    for known in usize::try_from(needed).unwrap()..=postgres::MIGRATIONS.len() {
        let Some(Ground::Postgres { server, database }) = Ground::postgres().await else { return };
        let (before, after) = postgres::MIGRATIONS.split_at(known);
        for migration in before {
            server.query_in(&database, migration.statements).await;
        }
        let rows = server.query_in(&database, kinds).await;
        let rows = rows.lines().map(|row| row.split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap());
        let tables = Known::of(rows);
        assert!(tables.iter().any(|known| known.table == "tokens" && known.columns.len() > 10));
        for migration in after {
            server.query_in(&database, migration.statements).await;
        }
        server.query_in(&database, NEXT).await;
        let statements: String = tables.iter().map(Known::statements).collect();
        server.query_in(&database, &statements).await;
    }
}

#[test]
fn what_programs_of_every_earlier_schema_write_and_read_is_understood_in_sqlite() {
    let kinds = "SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid";
    for known in 1..=sqlite::MIGRATIONS.len() {
        let file = rusqlite::Connection::open_in_memory().unwrap();
        let (before, after) = sqlite::MIGRATIONS.split_at(known);
        file.execute_batch(&before.concat()).unwrap();
        let rows: Vec<[String; 3]> = {
            let mut rows = file.prepare(kinds).unwrap();
            rows.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap().map(Result::unwrap).collect()
        };
        file.execute_batch(&after.concat()).unwrap();
        for known in Known::of(rows) {
            file.execute_batch(&known.statements()).unwrap();
        }
    }
}

/// All that a program of the previous version does.
async fn works(store: &dyn Store, name: &str) {
    let read = store.token(name).await.unwrap().version;
    assert!(matches!(store.save(name, read, &state()).await, Ok(Saved::Done(_))));
    assert!(store.token(name).await.unwrap().state.refresh.is_some());
    assert!(store.sketches().await.unwrap().iter().all(|(_, sketch)| sketch.is_ok()));
    assert!(store.outlines().await.unwrap().iter().any(|(outlined, _)| outlined == name));
    let record = store.record(Kind::Account, name).await.unwrap();
    assert!(matches!(store.put(record.with(Some("{}".into())), None).await, Ok(Saved::Done(_))));
    assert!(store.records(Kind::Account).await.unwrap().iter().any(|record| record.name == name));
    assert!(store.announce(name, "told").await.unwrap() && store.withdraw(name, "told").await.unwrap());
    let beat = Beat { name: name.into(), instance: name.into(), version: "1".into(), facts: "{}".into() };
    store.beat(beat).await.unwrap();
    let replicas = store.replicas().await.unwrap();
    assert!(replicas.iter().any(|replica| replica.beat.instance == name && replica.is_live()));
    store.gone(name).await.unwrap();
    store.forget(name).await.unwrap();
}

#[tokio::test]
async fn the_previous_version_goes_on_beside_the_next_one_and_is_refused_where_it_cannot() {
    let Some(ground) = Ground::postgres().await else { return };
    let key = generate_key().unwrap();
    let before = ground.open(Keys::new(&key).unwrap()).await.unwrap();
    works(before.as_ref(), "before").await;
    ground.alter(&next()).await;
    works(before.as_ref(), "running").await;
    let started = ground.open(Keys::new(&key).unwrap()).await.unwrap();
    works(started.as_ref(), "started").await;

    ground.alter("UPDATE schema SET version = version + 1, readable_from = version + 1").await;
    let error = ground.open(Keys::new(&key).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("later version of gatepost") && error.contains("update gatepost"), "{error}");
}
