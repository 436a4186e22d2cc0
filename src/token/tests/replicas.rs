//! Several machines, one PostgreSQL.

use gatepost_kit::Postgres;

use super::*;
use crate::store::{Beat, PostgresStore, Servers};

/// Their clocks are minutes apart: the database's is the one that counts, on each of them.
#[tokio::test]
async fn a_machine_whose_clock_is_minutes_off_refreshes_nothing_too_soon_or_too_late() {
    let Some(server) = Postgres::shared().await else { return };
    let (scene, url) = (Scene::new().await, server.database().await);
    let open = || async {
        let servers = Servers { shown: "test".into(), servers: vec![url.parse().unwrap()], tls: None };
        Arc::new(PostgresStore::open(servers, Keys::new(&scene.key).unwrap()).await.unwrap())
    };
    let early = open().await;
    assert!(early.clock_ahead().abs() < TimeDelta::seconds(3));
    // As if this machine's clock were seven minutes slow.
    let shifted = "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE AS
        $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT + 420000 $$";
    server.query_in(url.rsplit('/').next().unwrap(), shifted).await;
    let beat = Beat { instance: "early".into(), name: "early".into(), version: "1".into(), facts: "{}".into() };
    early.beat(beat).await.unwrap();
    let late = open().await;
    for store in [&early, &late] {
        assert!((store.clock_ahead() - TimeDelta::minutes(7)).abs() < TimeDelta::seconds(5));
    }
    import(early.as_ref(), &scene.token(Grant::RefreshToken), "r1".into()).await.unwrap();
    scene.endpoint.next(granted("a1", 300, Some("r2")));
    let process =
        |name, store: &Arc<PostgresStore>| scene.tokens(name, Grant::RefreshToken, Arc::clone(store) as Arc<dyn Store>);
    let (one, other) = (process("one", &early), process("other", &late));
    let (first, second) = tokio::join!(one.access_token(NAME, USER), other.access_token(NAME, USER));
    assert_eq!(first.unwrap(), second.unwrap());
    // It is good for five minutes by a clock that is seven ahead.
    let state = late.token(NAME).await.unwrap().state;
    let left = state.access.unwrap().expires_at() - clock::now();
    assert!(left > TimeDelta::minutes(10) && left < TimeDelta::minutes(13), "{left}");
    one.access_token(NAME, USER).await.unwrap();
    assert_eq!(scene.endpoint.requests().len(), 1);
}
