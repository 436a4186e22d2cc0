//! A store that a later version has changed, so that this one cannot work with it: every command says so and touches nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gatepost_kit::Postgres;

use crate::place::Place;
use crate::told;

/// Commands that open the store.
const COMMANDS: [&[&str]; 8] = [
    &["serve"],
    &["account", "list"],
    &["account", "disable", "scanner"],
    &["token", "list"],
    &["token", "forget", "support"],
    &["key", "rotate"],
    &["key", "rotate", "--keep-old", "old.key"],
    &["store", "copy", "--to", "sqlite:copy.db"],
];

/// A service that starts after all must not keep the test waiting for ever.
const LONG: Duration = Duration::from_mins(2);

async fn place() -> Place {
    let place = Place::new().await;
    place.fed(&["account", "add", "scanner", "--token", "support"], "p");
    place
}

/// What is said by a command that opens the store, which fails with 1.
fn refused(place: &Place, command: &[&str]) -> String {
    let config = place.path("gatepost.toml");
    let mut command = crate::gatepost(&[command, &["--config", config.to_str().unwrap()]].concat());
    command.current_dir(place.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut process, end) = (command.spawn().unwrap(), Instant::now() + LONG);
    while process.try_wait().unwrap().is_none() {
        if Instant::now() >= end {
            process.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, stdout, stderr) = told(&process.wait_with_output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{command:?}: {stderr}");
    stderr
}

/// Every command is refused, and leaves the key as it was.
fn all_are_refused(place: &Place, store: &str, schema: &str) {
    let key = place.read("gatepost.key");
    for command in COMMANDS {
        let said = refused(place, command);
        let why = format!("was written by a later version of gatepost (schema {schema}, this one knows ");
        assert!(
            said.contains(store) && said.contains(&why) && said.contains("; update gatepost"),
            "{command:?}: {said}"
        );
        assert_eq!(said.matches("later version").count(), 1, "{command:?}: {said}");
        assert!(!said.contains("service.listening"), "{command:?}: {said}");
    }
    assert_eq!(place.read("gatepost.key"), key);
    for made in ["copy.db", "old.key", "gatepost.key.new"] {
        assert!(!place.path(made).exists(), "{made}");
    }
    // It asks the service, and not the store.
    let said = refused(place, &["status"]);
    assert!(!said.contains("later version"), "{said}");
}

fn newer(file: &Path) {
    let raw = rusqlite::Connection::open(file).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_file_is_refused_by_every_command_and_stays_as_it_is() {
    let place = place().await;
    newer(&place.path("gatepost.db"));
    let before = std::fs::read(place.path("gatepost.db")).unwrap();
    all_are_refused(&place, "gatepost.db", "99");
    assert!(std::fs::read(place.path("gatepost.db")).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_copied_into_a_newer_store() {
    let (place, other) = (place().await, place().await);
    newer(&other.path("gatepost.db"));
    let before = std::fs::read(other.path("gatepost.db")).unwrap();
    let to = format!("sqlite:{}", other.path("gatepost.db").display());
    let said = refused(&place, &["store", "copy", "--to", &to]);
    assert!(said.contains("later version of gatepost (schema 99"), "{said}");
    assert!(std::fs::read(other.path("gatepost.db")).unwrap() == before);
}

/// Everything that it holds, and how many news were told of it.
async fn content(server: &Postgres, name: &str) -> String {
    let tables =
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let mut all = server.query_in(name, "SELECT last_value, is_called FROM news").await;
    for table in server.query_in(name, tables).await.lines() {
        let rows = format!("SELECT '{table}', t.* FROM {table} t ORDER BY t::TEXT");
        all.push_str(&server.query_in(name, &rows).await);
        all.push('\n');
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_refused_by_every_command_only_where_it_says_so() {
    let Some(server) = Postgres::shared().await else { return };
    let (database, place) = (server.database().await, Place::new().await);
    let name = database.rsplit('/').next().unwrap();
    place.edit("[store]\n", &format!("[store]\nurl = \"{database}\"\n"));
    place.fed(&["account", "add", "scanner", "--token", "support"], "p");
    server.query_in(name, "UPDATE schema SET version = 99").await;
    assert!(place.run(&["account", "list"]).contains("\nscanner "), "it can be read");
    place.run(&["account", "disable", "scanner"]);

    server.query_in(name, "UPDATE schema SET readable_from = 98").await;
    let before = content(&server, name).await;
    assert!(before.contains("scanner") && before.contains("schema|1|99|98"), "{before}");
    all_are_refused(&place, name, "99");
    assert_eq!(content(&server, name).await, before);
    let old = Place::new().await;
    let said = refused(&old, &["store", "copy", "--to", &database]);
    assert!(said.contains("later version of gatepost (schema 99"), "{said}");
    assert_eq!(content(&server, name).await, before);
}
