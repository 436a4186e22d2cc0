//! A key is changed while others have the store open, and whatever happens in between.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use super::*;

/// A store, and the file of its keys as everyone would read it again.
struct Scene {
    ground: Ground,
    ring: Arc<Mutex<String>>,
}

fn key() -> String {
    generate_key().unwrap().expose_secret().to_owned()
}

impl Scene {
    async fn all() -> Vec<Self> {
        let scene = |ground| Self { ground, ring: Arc::new(Mutex::new(key())) };
        Ground::all().await.into_iter().map(scene).collect()
    }

    /// A process that reads the keys now, and again when it meets an unknown one.
    async fn process(&self) -> Arc<dyn Store> {
        let now: SecretString = self.ring.lock().unwrap().as_str().into();
        let ring = Arc::clone(&self.ring);
        let keys = Keys::with_source(&now, move || Some(ring.lock().unwrap().as_str().into())).unwrap();
        self.ground.open(keys).await.unwrap()
    }

    /// A process that knows these keys and no others.
    async fn with(&self, keys: &str) -> Result<Arc<dyn Store>, StoreError> {
        self.ground.open(Keys::new(&keys.into()).unwrap()).await
    }

    fn ring(&self) -> String {
        self.ring.lock().unwrap().clone()
    }

    /// What an administrator does: the new key under the old one.
    fn add_key(&self) -> String {
        let new = key();
        let mut ring = self.ring.lock().unwrap();
        *ring = format!("{ring}\n{new}\n");
        new
    }
}

async fn saves(store: &dyn Store, name: &str, refresh: &str) -> Saved {
    let Stored { state, version } = store.token(name).await.unwrap();
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    store.save(name, version, &state.imported(refresh.into(), "host client".into(), at)).await.unwrap()
}

async fn held(store: &dyn Store, name: &str) -> String {
    store.token(name).await.unwrap().state.refresh.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn others_go_on_reading_and_saving_while_the_key_changes() {
    for scene in Scene::all().await {
        let (service, other) = (scene.process().await, scene.process().await);
        assert!(matches!(saves(service.as_ref(), "support", "r1").await, Saved::Done(_)));
        assert!(matches!(service.put(account("a", "1"), None).await.unwrap(), Saved::Done(_)));
        let read = other.token("support").await.unwrap();

        let old = scene.ring();
        let new = scene.add_key();
        assert_eq!(scene.process().await.rekey().await.unwrap(), 2);

        // What was read before is old now: nobody saves it over what was sealed anew.
        assert_eq!(other.save("support", read.version, &read.state).await.unwrap(), Saved::Conflict);
        assert_eq!(held(service.as_ref(), "support").await, "r1");
        assert_eq!(service.record(Kind::Account, "a").await.unwrap().content.unwrap().as_deref(), Some("1"));
        assert!(matches!(saves(other.as_ref(), "support", "r2").await, Saved::Done(_)));
        assert_eq!(held(service.as_ref(), "support").await, "r2");

        // The old key opens nothing more, the new one everything.
        assert!(matches!(scene.with(&old).await, Err(StoreError::Key { .. })));
        let new = scene.with(&new).await.unwrap();
        assert_eq!(held(new.as_ref(), "support").await, "r2");
        let kept = new.token("support").await.unwrap().state.quarantined.unwrap();
        assert_eq!(kept.all()[0].refresh.expose_secret(), "r1", "the quarantine, too");
    }
}

/// A database is some way off: a question for each row takes too long for many rows.
#[tokio::test]
async fn many_rows_are_sealed_anew_in_a_few_questions() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        for number in 0..250 {
            assert!(matches!(saves(store.as_ref(), &format!("t{number}"), "r1").await, Saved::Done(_)));
            assert!(matches!(store.put(account(&format!("a{number}"), "1"), None).await.unwrap(), Saved::Done(_)));
        }
        let new = scene.add_key();
        let another = scene.process().await;
        assert_eq!(another.rekey().await.unwrap(), 500);
        let asked: u64 = another.statements().iter().map(|(_, count)| count).sum();
        assert!(asked < 50, "{asked}");
        let store = scene.with(&new).await.unwrap();
        for number in [0, 199, 200, 249] {
            assert_eq!(held(store.as_ref(), &format!("t{number}")).await, "r1");
        }
        let accounts = store.records(Kind::Account).await.unwrap();
        assert!(accounts.len() == 250 && accounts.iter().all(|record| record.content == Ok(Some("1".into()))));
    }
}

#[tokio::test]
async fn whoever_saves_at_the_very_moment_saves_under_the_key_that_counts() {
    for scene in Scene::all().await {
        let mut writers = Vec::new();
        for _ in 0..3 {
            writers.push(scene.process().await);
        }
        for (number, store) in writers.iter().enumerate() {
            assert!(matches!(saves(store.as_ref(), &format!("t{number}"), "r0").await, Saved::Done(_)));
        }
        let writing: Vec<_> = writers
            .into_iter()
            .enumerate()
            .map(|(number, store)| {
                tokio::spawn(async move {
                    let name = format!("t{number}");
                    for round in 1..=20 {
                        while saves(store.as_ref(), &name, &format!("r{round}")).await == Saved::Conflict {}
                    }
                })
            })
            .collect();
        let mut newest = String::new();
        for _ in 0..4 {
            newest = scene.add_key();
            scene.process().await.rekey().await.unwrap();
            tokio::task::yield_now().await;
        }
        for writer in writing {
            writer.await.unwrap();
        }
        let store = scene.with(&newest).await.unwrap();
        for number in 0..3 {
            assert_eq!(held(store.as_ref(), &format!("t{number}")).await, "r20");
        }
    }
}

/// Before its transaction nothing has happened; a transaction that does not come to its end has not happened either.
#[tokio::test]
async fn a_rekeying_that_breaks_off_changes_nothing() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        for name in ["a", "b"] {
            assert!(matches!(saves(store.as_ref(), name, "r1").await, Saved::Done(_)));
        }
        let old = scene.ring();
        scene.add_key();
        // The second row does not open: the first has been written by then.
        let damage = scene.ground.octets(&[0; 60]);
        scene.ground.alter(&format!("UPDATE tokens SET refresh_token = {damage} WHERE name = 'b'")).await;
        assert!(scene.process().await.rekey().await.is_err());
        assert_eq!(held(scene.with(&old).await.unwrap().as_ref(), "a").await, "r1");
        assert_eq!(held(store.as_ref(), "a").await, "r1");

        // Once more after it was mended, and once more after it was done: each time everything opens.
        scene.ground.alter("DELETE FROM tokens WHERE name = 'b'").await;
        for _ in 0..2 {
            assert_eq!(scene.process().await.rekey().await.unwrap(), 1);
            assert_eq!(held(store.as_ref(), "a").await, "r1");
        }
    }
}

/// What it cannot seal anew would be lost with the old key.
#[tokio::test]
async fn records_of_a_later_version_keep_the_key_as_it_is() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        assert!(matches!(saves(store.as_ref(), "support", "r1").await, Saved::Done(_)));
        assert!(matches!(store.put(account("a", "1"), None).await.unwrap(), Saved::Done(_)));
        let old = scene.ring();
        scene.add_key();
        scene.ground.alter("UPDATE records SET kind = 'later kind'").await;
        let fault = scene.process().await.rekey().await.unwrap_err().to_string();
        assert!(fault.contains("\"later kind\"") && fault.contains("update gatepost first"), "{fault}");
        assert_eq!(held(scene.with(&old).await.unwrap().as_ref(), "support").await, "r1");
    }
}

#[tokio::test]
async fn a_ring_without_the_stores_key_changes_nothing() {
    for scene in Scene::all().await {
        assert!(matches!(saves(scene.process().await.as_ref(), "support", "r1").await, Saved::Done(_)));
        let before = scene.ground.content().await;
        let foreign = format!("{}\n{}", key(), key());
        assert!(matches!(scene.with(&foreign).await, Err(StoreError::Key { fault: SealError::OtherKey, .. })));
        assert_eq!(scene.ground.content().await, before);
        // One that was taken away while the store is open goes on in memory; one that is no key is not believed.
        let store = scene.process().await;
        *scene.ring.lock().unwrap() = "nonsense".into();
        assert!(matches!(saves(store.as_ref(), "support", "r2").await, Saved::Done(_)));
        assert_eq!(held(store.as_ref(), "support").await, "r2");
    }
}

/// The service has not been given the new key: it says so, and neither drops nor overwrites anything.
#[tokio::test]
async fn who_does_not_get_the_new_key_writes_nothing() {
    for scene in Scene::all().await {
        let store = scene.with(&scene.ring()).await.unwrap();
        assert!(matches!(saves(store.as_ref(), "support", "r1").await, Saved::Done(_)));
        let read = store.token("support").await.unwrap();
        scene.add_key();
        scene.process().await.rekey().await.unwrap();
        assert!(matches!(store.token("support").await, Err(StoreError::Sealed { fault: SealError::OtherKey, .. })));
        assert!(!matches!(store.save("support", read.version, &read.state).await, Ok(Saved::Done(_))));
        assert!(store.save("new", Version::default(), &read.state).await.is_err());
        assert_eq!(held(scene.process().await.as_ref(), "support").await, "r1");
    }
}

fn account(name: &str, content: &str) -> Record {
    let (kind, name) = (Kind::Account, name.to_owned());
    Record { kind, name, version: Version::default(), content: Ok(Some(content.to_owned())) }
}

#[tokio::test]
async fn a_record_is_put_by_the_version_that_was_read() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        let Saved::Done(first) = store.put(account("a", "1"), None).await.unwrap() else { panic!("conflict") };
        assert_eq!(store.put(account("a", "other"), None).await.unwrap(), Saved::Conflict, "it is there already");
        let stale = store.record(Kind::Account, "a").await.unwrap();
        assert_eq!(stale.version, first);
        assert!(matches!(store.put(stale.clone().with(Some("2".into())), None).await.unwrap(), Saved::Done(_)));
        assert_eq!(store.put(stale.clone().with(Some("3".into())), None).await.unwrap(), Saved::Conflict);
        assert_eq!(store.put(stale.clone().with(None), None).await.unwrap(), Saved::Conflict, "not removed either");

        // Removed and made again, it is another.
        let current = store.record(Kind::Account, "a").await.unwrap();
        assert!(matches!(store.put(current.clone().with(None), None).await.unwrap(), Saved::Done(_)));
        assert!(matches!(store.put(account("a", "again"), None).await.unwrap(), Saved::Done(_)));
        for old in [stale, current] {
            assert_eq!(store.put(old.with(Some("old".into())), None).await.unwrap(), Saved::Conflict);
        }
        assert_eq!(store.record(Kind::Account, "a").await.unwrap().content.unwrap().as_deref(), Some("again"));
        assert_eq!(store.record(Kind::Token, "a").await.unwrap().version, Version::default(), "a name among its kind");
    }
}

#[tokio::test]
async fn a_record_ends_after_its_life_and_leaves_its_place() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        for (name, life) in [("short", Some(Duration::ZERO)), ("long", Some(Duration::from_hours(1))), ("ever", None)] {
            assert!(matches!(store.put(account(name, "x"), life).await.unwrap(), Saved::Done(_)));
        }
        let names = |records: Vec<Record>| records.into_iter().map(|record| record.name).collect::<Vec<_>>();
        assert_eq!(names(store.records(Kind::Account).await.unwrap()), ["ever", "long"]);
        let ended = store.record(Kind::Account, "short").await.unwrap();
        assert_eq!((ended.version, ended.content.unwrap()), (Version::default(), None));
        assert!(matches!(store.put(account("short", "y"), None).await.unwrap(), Saved::Done(_)), "its place is free");
        assert_eq!(store.records(Kind::Account).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_damaged_record_spoils_no_other() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        for name in ["a", "b", "c"] {
            assert!(matches!(store.put(account(name, name), None).await.unwrap(), Saved::Done(_)));
        }
        let damage = scene.ground.octets(&[0; 50]);
        scene.ground.alter(&format!("UPDATE records SET content = {damage} WHERE name = 'a'")).await;
        let moved = "UPDATE records SET content = (SELECT content FROM records WHERE name = 'c') WHERE name = 'b'";
        scene.ground.alter(moved).await;
        let all = store.records(Kind::Account).await.unwrap();
        let told: Vec<_> = all.iter().map(|record| record.content.clone().map_err(|fault| fault.to_string())).collect();
        assert!(
            told[0].as_ref().unwrap_err().contains("account \"a\"")
                && told[0].as_ref().unwrap_err().contains("damaged")
        );
        assert!(told[1].as_ref().unwrap_err().contains("altered or moved"));
        assert_eq!(told[2], Ok(Some("c".into())));
        // It can be removed, or put anew.
        assert!(matches!(store.put(all[0].clone().with(None), None).await.unwrap(), Saved::Done(_)));
        assert!(matches!(store.put(all[1].clone().with(Some("mended".into())), None).await.unwrap(), Saved::Done(_)));
        assert_eq!(store.record(Kind::Account, "b").await.unwrap().content.unwrap().as_deref(), Some("mended"));
    }
}

/// A store of the time before there was a list.
#[tokio::test]
async fn a_bare_refresh_token_in_quarantine_is_read() {
    for scene in Scene::all().await {
        let store = scene.process().await;
        assert!(matches!(saves(store.as_ref(), "support", "r1").await, Saved::Done(_)));
        let seal = seal::Seal::new(&scene.ring().as_str().into()).unwrap();
        let place = Place { table: "tokens", row: "support", column: "quarantined_token" };
        let bare = seal.seal(place, b"[1//0not-a-list").unwrap();
        let bare = scene.ground.octets(&bare);
        scene.ground.alter(&format!("UPDATE tokens SET quarantined_token = {bare}")).await;
        let kept = store.token("support").await.unwrap().state.quarantined.unwrap();
        assert_eq!(kept.all()[0].refresh.expose_secret(), "[1//0not-a-list");
        assert_eq!(kept.all()[0].bound_to.as_deref(), Some("host client"));
    }
}
