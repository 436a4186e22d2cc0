//! Replicas of two versions on one database: a migration of the next one only adds, and the previous one goes on.

use super::*;

/// As the next version would leave it: columns, a table and an index more, and nothing less.
fn next(readable_from: &str) -> String {
    format!(
        "ALTER TABLE tokens ADD COLUMN later TEXT;
         ALTER TABLE records ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
         ALTER TABLE leases ADD COLUMN later TEXT;
         ALTER TABLE replicas ADD COLUMN later TEXT;
         CREATE TABLE later (one INTEGER PRIMARY KEY);
         CREATE INDEX later_uses ON uses (login);
         UPDATE schema SET version = version + 1, readable_from = {readable_from};"
    )
}

/// All that a program of the previous version does.
async fn works(store: &dyn Store, name: &str) {
    let read = store.token(name).await.unwrap().version;
    assert!(matches!(store.save(name, read, &state()).await, Ok(Saved::Done(_))));
    assert!(store.token(name).await.unwrap().state.refresh.is_some());
    assert!(store.states().await.unwrap().iter().all(|(_, state)| state.is_ok()));
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
    ground.alter(&next("readable_from")).await;
    works(before.as_ref(), "running").await;
    let started = ground.open(Keys::new(&key).unwrap()).await.unwrap();
    works(started.as_ref(), "started").await;

    ground.alter("UPDATE schema SET version = version + 1, readable_from = version + 1").await;
    let error = ground.open(Keys::new(&key).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("later version of gatepost") && error.contains("update gatepost"), "{error}");
}
