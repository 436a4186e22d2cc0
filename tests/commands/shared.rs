//! Several services on one PostgreSQL, and the way there.

use std::net::SocketAddr;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_kit::{Peer, Postgres};

use crate::log::soon;
use crate::place::{NOT_ALLOWED, PASSWORD, Place, WRONG, YES};
use crate::run;

/// Two places with one configuration, on one database; none where there is no PostgreSQL.
async fn pair() -> Option<[Place; 2]> {
    let database = Postgres::shared().await?.database().await;
    let [one, other] = [Place::new().await, Place::empty().await];
    one.edit("[store]\n", &format!("[store]\nurl = \"{database}\"\n"));
    for file in ["gatepost.toml", "gatepost.key", "ca.pem"] {
        std::fs::copy(one.path(file), other.path(file)).unwrap();
    }
    // They would be one replica otherwise.
    for (place, name) in [(&one, "one"), (&other, "other")] {
        let text = place.read("gatepost.toml");
        let named = format!("[service]\nreplica = \"{name}\"\n{text}");
        std::fs::write(place.path("gatepost.toml"), named).unwrap();
    }
    Some([one, other])
}

/// A session by IMAP.
async fn session(place: &Place, user: &str, password: &str) -> Peer {
    let mut peer = Peer::connect(SocketAddr::from(([127, 0, 0, 1], place.port(1)))).await;
    peer.line().await;
    peer.send(format!("a AUTHENTICATE PLAIN {}\r\n", STANDARD.encode(format!("\0{user}\0{password}")))).await;
    peer.expect("a OK").await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_on_one_replica_is_in_force_on_all_and_ends_the_sessions_there() {
    let Some([mut one, mut other]) = pair().await else { return };
    one.serve();
    other.serve();
    one.fed(&["account", "add", "scanner", "--token", "support"], "first one");
    for place in [&one, &other] {
        place.soon("scanner", "first one", YES).await;
    }
    one.fed(&["account", "password", "scanner"], "second one");
    for place in [&one, &other] {
        place.soon("scanner", "second one", YES).await;
        place.soon("scanner", "first one", WRONG).await;
    }
    let mut sessions = Vec::new();
    for place in [&one, &other] {
        sessions.push(session(place, "scanner", "second one").await);
        // Who is not concerned stays.
        sessions.push(session(place, "evmail", PASSWORD).await);
    }
    other.run(&["account", "disable", "scanner"]);
    for mut ended in [sessions.remove(0), sessions.remove(1)] {
        tokio::time::timeout(std::time::Duration::from_mins(1), ended.rest()).await.unwrap();
    }
    for place in [&one, &other] {
        place.soon("scanner", "second one", NOT_ALLOWED).await;
    }
    for stays in &mut sessions {
        stays.send("b NOOP\r\n").await;
        stays.expect("b OK").await;
    }
}

/// Each has its own key file, and what one of them does not know it could not open.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_when_every_replica_has_the_new_one() {
    let Some([mut one, mut other]) = pair().await else { return };
    one.fed(&["account", "add", "scanner", "--token", "support"], "p");
    one.serve();
    other.serve();
    for place in [&one, &other] {
        place.soon("scanner", "p", YES).await;
    }
    let old = one.read("gatepost.key");
    let refused = one.fails(1, &["key", "rotate"], &[]);
    assert!(refused.contains("one, other") && refused.contains("key generate"), "{refused}");
    assert_eq!(one.read("gatepost.key"), old);

    let new = run(&["key", "generate"]).1;
    for place in [&one, &other] {
        std::fs::write(place.path("gatepost.key"), format!("{}\n{new}", old.trim())).unwrap();
    }
    one.run(&["key", "rotate"]);
    assert_eq!(one.read("gatepost.key").trim(), new.trim());
    one.fed(&["account", "add", "late", "--token", "support"], "q");
    for place in [&one, &other] {
        place.soon("late", "q", YES).await;
        place.soon("scanner", "p", YES).await;
    }
    other.run(&["key", "rotate"]);
    assert_eq!(other.read("gatepost.key").trim(), new.trim());
    for place in [&one, &other] {
        place.soon("scanner", "p", YES).await;
        assert!(!place.read("log").contains("\"store.failed\""), "{}", place.read("log"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_to_postgresql_and_back() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.database().await;
    let mut place = Place::new().await;
    place.fed(&["account", "add", "scanner", "--token", "support"], "p");
    place.serve();
    place.soon("scanner", "p", YES).await;
    let refused = place.fails(1, &["store", "copy", "--to", &database], &[]);
    assert!(refused.contains("Stop it first") && refused.contains("--force"), "{refused}");
    place.stop();

    let inside = place.fails(1, &["store", "copy", "--to", "postgres://gatepost:s3cret@localhost/x"], &[]);
    assert!(inside.contains("--password-file") && !inside.contains("s3cret"), "{inside}");
    let nowhere = place.fails(1, &["store", "copy", "--to", "mysql://localhost/x"], &[]);
    assert!(nowhere.contains("postgres://"), "{nowhere}");
    let told = place.run(&["store", "copy", "--to", &database]);
    assert!(told.contains("copied and compared: tokens 1, records 1, "), "{told}");
    let refused = place.fails(1, &["store", "copy", "--to", &database], &[]);
    assert!(refused.contains("is not empty (tokens)"), "{refused}");

    place.edit("[store]\n", &format!("[store]\nurl = \"{database}\"\n"));
    std::fs::remove_file(place.path("gatepost.db")).unwrap();
    place.serve();
    place.soon("scanner", "p", YES).await;
    let back = format!("sqlite:{}", place.path("back.db").display());
    let refused = place.fails(1, &["store", "copy", "--to", &back], &[]);
    assert!(refused.contains("Stop it first"), "{refused}");
    place.stop();
    assert!(place.run_loudly(&["store", "copy", "--to", &back, "--force"]).is_empty());
    place.edit(&format!("url = \"{database}\""), &format!("url = \"{back}\""));
    place.serve();
    place.soon("scanner", "p", YES).await;
}

/// As after a power failure, when everything starts at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_starts_before_its_database_waits_for_it() {
    let Some(server) = Postgres::own().await else { return };
    let (database, mut place) = (server.database().await, Place::new().await);
    place.edit("[store]\n", &format!("[store]\nurl = \"{database}\"\n"));
    server.stop().await;
    let log = place.path("log");
    let starting = tokio::spawn(async move {
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"store.unreachable\"")) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        server.start().await;
        server
    });
    place.serve();
    place.soon("evmail", PASSWORD, YES).await;
    drop(starting.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_for_its_database_can_be_stopped() {
    let Some(server) = Postgres::own().await else { return };
    let (database, place) = (server.database().await, Place::new().await);
    place.edit("[store]\n", &format!("[store]\nurl = \"{database}\"\n"));
    server.stop().await;
    let mut service = place.starts(&[]);
    soon("it waits", || place.read("log").contains("\"store.unreachable\""));
    assert!(Command::new("kill").arg(service.id().to_string()).status().unwrap().success());
    assert!(service.wait().unwrap().success());
    let log = place.read("log");
    assert!(log.contains("\"service.stopping\"") && !log.contains("\"service.listening\""), "{log}");
}
