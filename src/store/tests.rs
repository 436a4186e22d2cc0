//! The contract of a store, played against SQLite and PostgreSQL.

mod additive;
mod bounds;
mod contents;
pub(super) mod ground;
mod keys;
mod shares;
mod topics;
mod trail;
mod upgrade;

use std::os::unix::fs::PermissionsExt as _;

use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret as _;

use self::ground::Ground;
use super::*;
use crate::model::{AccessToken, Granted, Trouble, TroubleClass};

fn state() -> TokenState {
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let granted = Granted {
        access: AccessToken::new("acc3ss".into(), at),
        refresh: Some("refr3sh".into()),
        scopes: Some("mail offline_access".into()),
        refresh_ends_at: Some(at + TimeDelta::days(7)),
        identity: None,
    };
    let trouble = Trouble {
        class: TroubleClass::Transient,
        summary: "down".into(),
        remedy: "wait".into(),
        since: at,
        failures: 1,
        retry_at: at,
    };
    TokenState::default().authorized(granted, "host client".into(), at).failed(trouble)
}

#[tokio::test]
async fn a_state_comes_back_as_it_was_saved_after_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatepost.db");
    let key = generate_key().unwrap();
    let store = SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap();
    let fresh = store.token("support").await.unwrap();
    assert_eq!(fresh.version, Version::default());
    assert!(matches!(store.save("support", fresh.version, &state()).await.unwrap(), Saved::Done(_)));
    drop(store);

    let store = SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap();
    let Stored { state: read, version } = store.token("support").await.unwrap();
    assert_eq!(read.access, state().access);
    assert_eq!(read.access.unwrap().expires_at(), state().access.unwrap().expires_at());
    assert_eq!(read.refresh.unwrap().expose_secret(), "refr3sh");
    assert_eq!((read.scopes, read.refreshed_at, read.trouble), (state().scopes, state().refreshed_at, state().trouble));
    assert_eq!(
        (read.bound_to, read.authorized_at, read.refresh_ends_at),
        (state().bound_to, state().authorized_at, state().refresh_ends_at)
    );
    assert_ne!(version, Version::default());
    assert_eq!(store.names().await.unwrap(), ["support"]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&b"acc3ss"[..], b"refr3sh"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "a secret lies on disk in clear");
        }
    }
}

#[tokio::test]
async fn a_state_comes_back_as_it_was_saved() {
    for ground in Ground::all().await {
        let key = generate_key().unwrap();
        let open = async || ground.open(Keys::new(&key).unwrap()).await.unwrap();
        let store = open().await;
        assert!(matches!(store.save("support", Version(0), &state()).await.unwrap(), Saved::Done(_)));
        drop(store);
        let store = open().await;
        let Stored { state: read, version } = store.token("support").await.unwrap();
        let row = |state: &TokenState| {
            row::Row::seal("", &TokenState { access: None, ..state.clone() }, &Seal::new(&key).unwrap())
        };
        let (one, other) = (row(&read).unwrap(), row(&state()).unwrap());
        let sealed = |row: row::Row| row::Row { refresh_token: None, quarantined_token: None, ..row };
        assert_eq!(sealed(one), sealed(other));
        assert_eq!(read.refresh.as_ref().unwrap().expose_secret(), "refr3sh");
        let Saved::Done(next) = store.save("support", version, &TokenState::default()).await.unwrap() else { panic!() };
        let Stored { state: read, version } = store.token("support").await.unwrap();
        assert!(read.access.is_none() && read.refresh.is_none() && version == next);
        store.forget("support").await.unwrap();
        assert_eq!(store.token("support").await.unwrap().version, Version(0));
        assert_eq!(store.names().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn whatever_a_provider_says_a_state_is_saved() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let mut odd = state();
        for text in [&mut odd.scopes, &mut odd.bound_to, &mut odd.identity] {
            *text = Some("mail\0box".into());
        }
        odd.trouble = odd.trouble.map(|trouble| Trouble { summary: "\0".into(), remedy: "\0".into(), ..trouble });
        assert!(matches!(store.save("support", Version(0), &odd).await, Ok(Saved::Done(_))));
        let read = store.token("support").await.unwrap().state;
        assert_eq!(read.refresh.unwrap().expose_secret(), "refr3sh");
        assert_eq!(
            [read.scopes, read.bound_to, read.identity],
            [const { Some("mail\u{fffd}box") }; 3].map(|text| text.map(Into::into))
        );
        assert_eq!(read.trouble.unwrap().summary, "\u{fffd}");
    }
}

/// PostgreSQL would order by a language, and SQLite does not.
#[tokio::test]
async fn names_come_in_the_order_of_their_octets() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for name in ["b", "_a", "B", "a", "ä", "Z"] {
            assert!(matches!(store.save(name, Version(0), &state()).await, Ok(Saved::Done(_))));
        }
        assert_eq!(store.names().await.unwrap(), ["B", "Z", "_a", "a", "b", "ä"]);
    }
}

#[tokio::test]
async fn a_save_by_an_old_version_is_a_conflict_and_changes_nothing() {
    for ground in Ground::all().await {
        let key = generate_key().unwrap();
        let one = ground.open(Keys::new(&key).unwrap()).await.unwrap();
        let other = ground.open(Keys::new(&key).unwrap()).await.unwrap();
        let read = one.token("support").await.unwrap().version;
        let Saved::Done(next) = other.save("support", read, &state()).await.unwrap() else { panic!("conflict") };
        assert_eq!(one.save("support", read, &TokenState::default()).await.unwrap(), Saved::Conflict);
        assert!(one.token("support").await.unwrap().state.refresh.is_some());
        assert!(matches!(one.save("support", next, &state()).await.unwrap(), Saved::Done(_)));
        assert_eq!(other.save("support", next, &state()).await.unwrap(), Saved::Conflict);
    }
}

#[tokio::test]
async fn of_many_who_save_at_once_one_succeeds() {
    for ground in Ground::all().await {
        let key = generate_key().unwrap();
        let mut stores = Vec::new();
        for _ in 0..4 {
            stores.push(ground.open(Keys::new(&key).unwrap()).await.unwrap());
        }
        let mut read = Version(0);
        for _ in 0..10 {
            let saves: Vec<_> = stores.iter().map(|store| store.save("support", read, &state())).collect();
            let mut done = Vec::new();
            for save in saves {
                done.extend(match save.await.unwrap() {
                    Saved::Done(next) => Some(next),
                    Saved::Conflict => None,
                });
            }
            assert_eq!(done.len(), 1);
            read = done[0];
        }
    }
}

#[tokio::test]
async fn a_lease_has_one_owner_until_it_is_released_or_ends() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let hour = Duration::from_hours(1);
        assert!(store.lease("support", "a", hour).await.unwrap());
        assert!(store.lease("support", "a", hour).await.unwrap(), "an owner may extend");
        assert!(!store.lease("support", "b", hour).await.unwrap());
        store.release("support", "b").await.unwrap();
        assert!(!store.lease("support", "b", hour).await.unwrap(), "only its owner releases it");
        store.release("support", "a").await.unwrap();
        assert!(store.lease("support", "b", Duration::ZERO).await.unwrap());
        assert!(store.lease("support", "a", hour).await.unwrap(), "it had ended");
        assert!(store.lease("other", "b", hour).await.unwrap());
    }
}

/// Replicas are reconfigured one after the other.
#[tokio::test]
async fn whoever_takes_shorter_leases_respects_a_longer_one() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        assert!(store.lease("support", "a", Duration::from_hours(1)).await.unwrap());
        assert!(!store.lease("support", "b", Duration::from_secs(16)).await.unwrap());
    }
}

#[tokio::test]
async fn people_are_told_once_until_it_is_over() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        assert!(store.announce("support", "ends:1").await.unwrap());
        assert!(!store.announce("support", "ends:1").await.unwrap());
        assert!(
            store.announce("support", "ends:2").await.unwrap() && store.announce("support", "x_nds").await.unwrap()
        );
        assert!(!store.withdraw("support", "e_ds").await.unwrap() && !store.withdraw("other", "ends").await.unwrap());
        assert!(store.withdraw("support", "ends:").await.unwrap());
        assert!(
            store.announce("support", "ends:2").await.unwrap() && !store.announce("support", "x_nds").await.unwrap()
        );
    }
}

#[tokio::test]
async fn another_key_a_later_schema_and_a_wrong_path_say_so_and_touch_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatepost.db");
    let key = generate_key().unwrap();
    let store = SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap();
    assert!(matches!(store.save("support", Version(0), &state()).await, Ok(Saved::Done(_))));
    let error = SqliteStore::open(&file, Keys::new(&generate_key().unwrap()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("gatepost.db") && error.contains("store.key") && error.contains("unharmed"), "{error}");
    assert!(store.token("support").await.unwrap().state.refresh.is_some());
    drop(store);

    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap_err().to_string();
    assert!(error.contains("later version"), "{error}");
    let nowhere = directory.path().join("missing/gatepost.db");
    let error = SqliteStore::open(&nowhere, Keys::new(&key).unwrap()).unwrap_err().to_string();
    assert!(error.contains("does the directory exist"), "{error}");
}

#[tokio::test]
async fn a_value_moved_to_another_row_or_column_does_not_open() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for name in ["a", "b", "c"] {
            assert!(matches!(store.save(name, Version(0), &state()).await, Ok(Saved::Done(_))));
        }
        ground
            .alter(
                "UPDATE tokens SET refresh_token = (SELECT refresh_token FROM tokens WHERE name = 'b') WHERE name = 'a';
                UPDATE tokens SET access_token = refresh_token WHERE name = 'b';
                UPDATE tokens SET trouble_class = 'odd' WHERE name = 'c'",
            )
            .await;
        for name in ["a", "b"] {
            assert!(store.token(name).await.unwrap_err().to_string().contains("altered or moved"));
        }
        assert!(store.token("c").await.unwrap_err().to_string().contains("inconsistent"));
    }
}

#[tokio::test]
async fn a_record_that_is_made_anew_is_no_earlier_one() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let put =
            async |record: Record, content: Option<&str>| store.put(record.with(content.map(Into::into)), None).await;
        let fresh = store.record(Kind::Account, "a").await.unwrap();
        assert!(matches!(put(fresh.clone(), None).await, Ok(Saved::Done(_))), "none is left none");
        let Ok(Saved::Done(first)) = put(fresh.clone(), Some("{}")).await else { panic!("conflict") };
        assert!(matches!(put(fresh, None).await, Ok(Saved::Conflict)));
        let old = store.record(Kind::Account, "a").await.unwrap();
        assert_eq!(old.version, first);
        assert!(matches!(put(old.clone(), None).await, Ok(Saved::Done(_))));
        let gone = store.record(Kind::Account, "a").await.unwrap();
        assert!(matches!(put(gone, Some("[]")).await, Ok(Saved::Done(_))));
        assert!(matches!(put(old, Some("{}")).await, Ok(Saved::Conflict)));
    }
}

#[tokio::test]
async fn the_old_key_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("db");
    let (old, new) = (generate_key().unwrap(), generate_key().unwrap());
    let store = SqliteStore::open(&file, Keys::new(&old).unwrap()).unwrap();
    for number in 0..50 {
        let saved = store.save(&format!("token{number}"), Version(0), &state()).await;
        assert!(matches!(saved, Ok(Saved::Done(_))));
    }
    let sealed_by_old = || {
        let id = seal::Seal::new(&old).unwrap().id();
        let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        // One may be gone again: whoever is the last to close removes it.
        let files = files.map(|path| std::fs::read(path).unwrap_or_default());
        files.map(|octets| octets.windows(id.len()).filter(|window| *window == id).count()).sum::<usize>()
    };
    assert!(sealed_by_old() >= 100);
    drop(store);
    let ring = format!("{}\n{}", old.expose_secret(), new.expose_secret());
    let store = SqliteStore::open(&file, Keys::new(&ring.into()).unwrap()).unwrap();
    assert_eq!(store.rekey().await.unwrap(), 50);
    assert_eq!(sealed_by_old(), 0);
    drop(store);
    let store = SqliteStore::open(&file, Keys::new(&new).unwrap()).unwrap();
    assert!(store.token("token7").await.unwrap().state.refresh.is_some());
}

/// As the first version left it: the quarantine was one token then, and no key was noted.
#[tokio::test]
async fn a_store_of_the_first_schema_is_carried_over_with_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatepost.db");
    let key = generate_key().unwrap();
    let seal = Seal::new(&key).unwrap();
    let sealed = |column, value: &[u8]| seal.seal(Place { table: "tokens", row: "support", column }, value).unwrap();
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch(include_str!("migrations/1.sql")).unwrap();
    old.execute(
        "INSERT INTO tokens (name, version, access_token, expires_at, refresh_token, quarantined_token, refreshed_at)
         VALUES ('support', 7, ?1, 1800000000000, ?2, ?3, 1799990000000)",
        rusqlite::params![
            sealed("access_token", b"acc3ss"),
            sealed("refresh_token", b"refr3sh"),
            sealed("quarantined_token", b"0ld"),
        ],
    )
    .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);

    let stranger = SqliteStore::open(&file, Keys::new(&generate_key().unwrap()).unwrap()).unwrap_err().to_string();
    assert!(stranger.contains("another key"), "{stranger}");
    let schema = |file: &std::path::Path| {
        let raw = rusqlite::Connection::open(file).unwrap();
        raw.pragma_query_value::<i64, _>(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!(schema(&file), 1, "a key of another store changes nothing");
    let store = SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap();
    let Stored { state, version } = store.token("support").await.unwrap();
    assert_eq!((state.refresh.as_ref().unwrap().expose_secret(), version), ("refr3sh", Version(7)));
    assert_eq!(state.quarantined.as_ref().unwrap().all()[0].refresh.expose_secret(), "0ld");
    assert_eq!(state.access.as_ref().unwrap().secret().expose_secret(), "acc3ss");
    assert!(state.bound_to.is_none() && matches!(store.save("support", version, &state).await, Ok(Saved::Done(_))));
}
