//! Two replicas on one PostgreSQL: what one of them refreshes the other need not read.

use gatepost_kit::Postgres;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::{PostgresStore, Servers, Topic};

impl Scene {
    /// The store of another replica.
    async fn shared(&self, url: &str) -> Arc<dyn Store> {
        let servers = Servers { shown: "postgres".into(), servers: vec![url.parse().unwrap()], tls: None };
        Arc::new(PostgresStore::open(servers, Keys::new(&self.key).unwrap()).await.unwrap())
    }
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap()
}

#[tokio::test]
async fn what_another_replica_refreshed_is_read_once_by_who_logs_in_and_by_nobody_else() {
    let Some(server) = Postgres::shared().await else { return };
    let (scene, url) = (Scene::new().await, server.database().await);
    let (here, there) = (scene.shared(&url).await, scene.shared(&url).await);
    import(here.as_ref(), &scene.token(Grant::RefreshToken), "r1".into()).await.unwrap();
    let one = scene.tokens("one", Grant::RefreshToken, here);
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    assert_eq!(within(one.access_token(NAME, USER)).await.unwrap().secret().expose_secret(), "a1");

    let store = Arc::new(endpoint::FullDisk::well(there));
    let other = scene.tokens("other", Grant::RefreshToken, Arc::clone(&store) as Arc<dyn Store>);
    let stop = CancellationToken::new();
    let refresher = tokio::spawn(other.clone().refresh_ahead(stop.clone()));
    let entries = other.shared().entries();
    let due = || entries[0].due(TimeDelta::zero(), store.as_ref(), clock::now()).unwrap() - clock::now();
    // It listens, and has learned what there is.
    while due() < TimeDelta::minutes(30) || store.changes(Topic::Any) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = store.changes(Topic::Token(NAME));
    scene.endpoint.next(granted("a2", 7200, Some("r3")));
    within(one.refresh(NAME, USER)).await.unwrap();
    within(store.changed(Topic::Token(NAME), before)).await;
    assert!(due() > TimeDelta::minutes(90), "it was told when");
    assert_eq!(store.reads(), 0);
    for _ in 0..3 {
        assert_eq!(within(other.access_token(NAME, USER)).await.unwrap().secret().expose_secret(), "a2");
    }
    assert_eq!(store.reads(), 1);

    // What came to nobody's ears counts as a change of everything; that it is none is learned for all in one question.
    let before = store.changes(Topic::Token(NAME));
    store.touch(Topic::Any);
    assert_ne!(store.changes(Topic::Token(NAME)), before);
    while entries[0].cached_token(&want::Want::Usable, other.shared(), clock::now()).is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.reads(), 1);
    stop.cancel();
    within(refresher).await.unwrap();
}

/// The other does not go on with what it knows.
#[tokio::test]
async fn what_is_forgotten_or_imported_there_counts_here_at_once() {
    let Some(server) = Postgres::shared().await else { return };
    let (scene, url) = (Scene::new().await, server.database().await);
    let (here, there) = (scene.shared(&url).await, scene.shared(&url).await);
    import(here.as_ref(), &scene.token(Grant::RefreshToken), "r1".into()).await.unwrap();
    let one = scene.tokens("one", Grant::RefreshToken, Arc::clone(&here));
    let before = here.changes(Topic::Any);
    within(here.changed(Topic::Any, before)).await;
    scene.endpoint.next(granted("a1", 3600, None));
    within(one.access_token(NAME, USER)).await.unwrap();
    let before = here.changes(Topic::Token(NAME));
    import(there.as_ref(), &scene.token(Grant::RefreshToken), "another".into()).await.unwrap();
    within(here.changed(Topic::Token(NAME), before)).await;
    scene.endpoint.next(granted("b1", 3600, None));
    assert_eq!(within(one.access_token(NAME, USER)).await.unwrap().secret().expose_secret(), "b1");
    let before = here.changes(Topic::Token(NAME));
    there.forget(NAME).await.unwrap();
    within(here.changed(Topic::Token(NAME), before)).await;
    assert!(matches!(within(one.access_token(NAME, USER)).await, Err(TokenError::Empty { .. })));
}
