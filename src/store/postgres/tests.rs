//! What is promised while the database is away, or moves.

mod lost;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use gatepost_kit::{Authority, Postgres};
use secrecy::ExposeSecret as _;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::SslMode;

use super::super::tests::ground::servers;
use super::*;
use crate::store::generate_key;

/// Nothing here takes so long, however slow the machine is.
const LONG: Duration = Duration::from_mins(2);

fn keys() -> Keys {
    Keys::new(&generate_key().unwrap()).unwrap()
}

fn holding(refresh: &str) -> TokenState {
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    TokenState::default().imported(refresh.into(), "host client".into(), at)
}

async fn held(store: &PostgresStore) -> String {
    let state = again(async || store.token("support").await).await.state;
    state.refresh.unwrap().expose_secret().to_owned()
}

/// Until the database is there (again).
async fn again<T>(work: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let trying = async {
        loop {
            if let Ok(done) = work().await {
                return done;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, trying).await.expect("the database does not come back")
}

/// A store on a server of its own, with a token in it.
async fn stage() -> Option<(Postgres, PostgresStore, Version)> {
    let server = Postgres::own().await?;
    let store = PostgresStore::open(servers(&server.database().await), keys()).await.unwrap();
    let Saved::Done(version) = store.save("support", Version(0), &holding("r1")).await.unwrap() else { panic!() };
    Some((server, store, version))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_is_out_of_reach_and_comes_back_with_all_it_had() {
    let Some((server, store, mut version)) = stage().await else { return };
    for killed in [false, true] {
        if killed {
            server.kill().await;
        } else {
            server.stop().await;
        }
        for _ in 0..3 {
            let fault = timeout(LONG, store.token("support")).await.unwrap().unwrap_err();
            assert!(matches!(fault, StoreError::Unreachable { .. }), "{fault}");
            assert!(store.save("support", version, &holding("lost")).await.is_err());
        }
        server.start().await;
        assert_eq!(held(&store).await, "r1");
        let Saved::Done(next) = store.save("support", version, &holding("r1")).await.unwrap() else { panic!() };
        version = next;
    }
}

/// Only a bound tells it from one that takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_keeps_nobody_waiting_for_ever() {
    let Some((server, store, version)) = stage().await else { return };
    server.freeze().await;
    let asking: Vec<_> = (0..20).map(|_| store.token("support")).collect();
    for asked in asking {
        assert!(timeout(LONG, asked).await.unwrap().is_err());
    }
    let fault = timeout(LONG, store.token("support")).await.unwrap().unwrap_err();
    assert!(fault.to_string().contains("no answer"), "{fault}");
    server.thaw().await;
    assert_eq!(held(&store).await, "r1");
    assert!(matches!(store.save("support", version, &holding("r2")).await.unwrap(), Saved::Done(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_takes_no_writes_it_is_out_of_reach_and_says_why() {
    let Some((server, store, version)) = stage().await else { return };
    server.set("default_transaction_read_only = on\n").await;
    let refused = async {
        loop {
            match store.save("support", version, &holding("r1")).await {
                Err(StoreError::Unreachable { fault, .. }) => return fault,
                // The server reads its settings when it gets round to it.
                Ok(Saved::Done(_) | Saved::Conflict) => sleep(Duration::from_millis(20)).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    let fault = timeout(LONG, refused).await.unwrap();
    assert!(fault.contains("takes no writes"), "{fault}");
    server.set("default_transaction_read_only = off\n").await;
    let read = again(async || store.token("support").await).await;
    assert!(matches!(store.save("support", read.version, &holding("r2")).await.unwrap(), Saved::Done(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_takes_writes_is_found_among_several_and_found_again() {
    let Some(primary) = Postgres::own().await else { return };
    let url = primary.database().await;
    let name = url.rsplit('/').next().unwrap();
    let standby = primary.standby().await;
    let mut both = servers(&standby.url(name));
    both.servers.push(url.parse().unwrap());
    let store = PostgresStore::open(both, keys()).await.unwrap();
    let Saved::Done(version) = store.save("support", Version(0), &holding("r1")).await.unwrap() else { panic!() };
    let written = primary.query("SELECT pg_current_wal_lsn()").await;
    let arrived = async {
        while standby.query(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'")).await != "t" {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LONG, arrived).await.unwrap();

    primary.kill().await;
    let fault = store.save("support", version, &holding("r2")).await.unwrap_err().to_string();
    assert!(fault.contains("standby") && fault.contains(&primary.port().to_string()), "{fault}");
    standby.promote().await;
    assert_eq!(held(&store).await, "r1");
    assert!(matches!(store.save("support", version, &holding("r2")).await.unwrap(), Saved::Done(_)));
}

/// As PostgreSQL says it; the disk of a test is not filled.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_of_and_nothing_is_lost() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let name = url.rsplit('/').next().unwrap();
    let store = PostgresStore::open(servers(&url), keys()).await.unwrap();
    let Saved::Done(version) = store.save("support", Version(0), &holding("r1")).await.unwrap() else { panic!() };
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device';
        END $$;
        CREATE TRIGGER full_disk BEFORE UPDATE ON tokens EXECUTE FUNCTION full_disk()";
    server.query_in(name, full).await;
    let fault = store.save("support", version, &holding("r2")).await.unwrap_err().to_string();
    assert!(fault.contains("free some space") && fault.contains("53100"), "{fault}");
    assert_eq!(held(&store).await, "r1");
    server.query_in(name, "DROP TRIGGER full_disk ON tokens").await;
    assert!(matches!(store.save("support", version, &holding("r2")).await.unwrap(), Saved::Done(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_only_the_server_of_the_name_is_spoken_to() {
    let Some(server) = Postgres::own().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let (good, other) = (Authority::new(&["127.0.0.1"]), Authority::new(&["elsewhere.example"]));
    let open = async |authority: &Authority, host: &str| {
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, authority.ca_pem()).unwrap();
        let tls = Some(crate::net::client_config(Some(&ca)).unwrap());
        let url = server.database().await.replace("127.0.0.1", host);
        let mut servers = Servers { tls, ..servers(&url) };
        for server in &mut servers.servers {
            server.ssl_mode(SslMode::Require);
        }
        PostgresStore::open(servers, keys()).await
    };
    let fault = open(&good, "127.0.0.1").await.unwrap_err().to_string();
    assert!(fault.contains("TLS"), "it speaks none yet: {fault}");
    server.speak_tls(good.certificate_pem(), good.key_pem()).await;
    let store = again(async || open(&good, "127.0.0.1").await).await;
    assert!(matches!(store.save("support", Version(0), &holding("r1")).await, Ok(Saved::Done(_))));
    assert_eq!(server.query("SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name <> 'psql'").await, "t");
    let fault = open(&other, "127.0.0.1").await.unwrap_err().to_string();
    assert!(fault.contains("certificate"), "{fault}");
    let fault = open(&good, "localhost").await.unwrap_err().to_string();
    assert!(fault.contains("certificate"), "{fault}");
}

/// The previous program beside the next schema, and one that is too old for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_used_as_long_as_it_can_be_read() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let name = url.rsplit('/').next().unwrap();
    let key = generate_key().unwrap();
    let open = async || PostgresStore::open(servers(&url), Keys::new(&key).unwrap()).await;
    let store = open().await.unwrap();
    assert!(matches!(store.save("support", Version(0), &holding("r1")).await, Ok(Saved::Done(_))));
    server.query_in(name, "ALTER TABLE tokens ADD COLUMN newer TEXT; UPDATE schema SET version = version + 1").await;
    let beside = open().await.unwrap();
    assert_eq!(held(&beside).await, "r1");
    let read = beside.token("support").await.unwrap();
    assert!(matches!(beside.save("support", read.version, &holding("r2")).await, Ok(Saved::Done(_))));
    server.query_in(name, "UPDATE schema SET readable_from = version").await;
    let fault = open().await.unwrap_err();
    assert!(matches!(fault, StoreError::TooNew { .. }), "{fault}");
    assert_eq!(held(&store).await, "r2");
}

/// Somebody holds the row, or has made it another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_says_no_to_is_told_with_the_next_step() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let name = url.rsplit('/').next().unwrap();
    let key = generate_key().unwrap();
    let open = async || PostgresStore::open(servers(&url), Keys::new(&key).unwrap()).await.unwrap();
    let store = open().await;
    let Saved::Done(version) = store.save("support", Version(0), &holding("r1")).await.unwrap() else { panic!() };
    for (code, says) in [("55P03", "the key is being changed"), ("57014", "too slow")] {
        let refuse = format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'canceling statement';
            END $$;
            CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON tokens EXECUTE FUNCTION refuse()"
        );
        server.query_in(name, &refuse).await;
        let fault = store.save("support", version, &holding("r2")).await.unwrap_err().to_string();
        assert!(fault.contains(says) && fault.contains("pg_stat_activity"), "{fault}");
    }
    server
        .query_in(name, "DROP TRIGGER refuse ON tokens; ALTER TABLE tokens ALTER COLUMN scopes TYPE BIGINT USING 7")
        .await;
    let fault = open().await.token("support").await.unwrap_err();
    assert!(matches!(fault, StoreError::Inconsistent { .. }), "{fault}");
}

/// A role or database may have another default.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_sees_what_was_there_when_it_began() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let name = url.rsplit('/').next().unwrap();
    server.query(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")).await;
    let store = PostgresStore::open(servers(&url), keys()).await.unwrap();
    let level = store.pool.run(REPEATABLE, (), |mut link, _| async move {
        let row = link.row("SHOW transaction_isolation", &[]).await?.unwrap();
        Ok(row.try_get::<_, String>(0)?)
    });
    assert_eq!(level.await.unwrap(), "read committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_start_at_once_one_makes_the_tables() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let key = generate_key().unwrap();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let (servers, keys) = (servers(&url), Keys::new(&key).unwrap());
            tokio::spawn(PostgresStore::open(servers, keys))
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn no_password_is_shown() {
    let secret = "postgres://gatepost:hunter2@127.0.0.1:1/x";
    let servers = Servers { shown: "postgres://127.0.0.1:1/x".into(), ..servers(secret) };
    let shown = format!("{servers:?}");
    let fault = PostgresStore::open(servers, keys()).await.unwrap_err();
    for text in [shown, fault.to_string(), format!("{fault:?}")] {
        assert!(!text.contains("hunter2") && text.contains("127.0.0.1:1"), "{text}");
    }
}
