//! A clock that jumped, and came back: what was noted meanwhile holds nothing up.

use super::*;

/// Writes beside the store, as a program with a wrong clock would have.
fn raw(scene: &Scene, statement: &str) {
    let raw = rusqlite::Connection::open(scene.directory.path().join("gatepost.db")).unwrap();
    assert_eq!(raw.execute(statement, []).unwrap(), 1);
}

#[tokio::test]
async fn a_lease_of_next_year_is_nobodys() {
    let scene = Scene::new().await;
    let (tokens, _store) = scene.imported().await;
    raw(&scene, "INSERT INTO leases (token, owner, ends_at) VALUES ('support', 'another', unixepoch() + 365 * 86400)");
    scene.endpoint.next(granted("a1", 3600, None));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
}

#[tokio::test]
async fn a_lease_of_now_is_another_s() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    assert!(store.lease(NAME, "another", Duration::from_hours(1)).await.unwrap());
    raw(&scene, "UPDATE leases SET ends_at = unixepoch('subsec') + 20");
    let waiting = tokio::time::timeout(Duration::from_millis(400), tokens.access_token(NAME, USER)).await;
    assert!(waiting.is_err() && scene.endpoint.requests().is_empty());
}

#[tokio::test]
async fn a_back_off_of_next_year_holds_nobody_up() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(error(503, "temporarily_unavailable", ""));
    assert!(tokens.access_token(NAME, USER).await.is_err());
    raw(&scene, "UPDATE tokens SET retry_at = retry_at + 365 * 86400000");
    scene.endpoint.next(granted("a1", 3600, None));
    let (other, _store) = scene.process("other");
    assert_eq!(other.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert!(state(&store).await.trouble.is_none());

    // An hour ahead is a wait like any other, unless the trouble itself is of the future.
    expire(&store).await;
    scene.endpoint.next(error(503, "temporarily_unavailable", ""));
    assert!(scene.process("third").0.access_token(NAME, USER).await.is_err());
    raw(&scene, "UPDATE tokens SET retry_at = retry_at + 3600000");
    assert!(scene.process("fourth").0.access_token(NAME, USER).await.is_err());
    assert_eq!(scene.endpoint.requests().len(), 3);
    raw(&scene, "UPDATE tokens SET trouble_since = trouble_since + 3600000");
    scene.endpoint.next(granted("a2", 3600, None));
    let (fifth, _store) = scene.process("fifth");
    assert_eq!(fifth.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a2");
}

#[tokio::test]
async fn a_token_that_was_obtained_tomorrow_is_obtained_anew() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    tokens.access_token(NAME, USER).await.unwrap();
    raw(&scene, "UPDATE tokens SET refreshed_at = refreshed_at + 86400000, expires_at = expires_at + 86400000");
    scene.endpoint.next(granted("a2", 3600, None));
    let (other, _store) = scene.process("other");
    assert_eq!(other.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a2");
    assert_eq!(material(&store).await, (some("r2"), None));
    let left = state(&store).await.access.unwrap().expires_at() - clock::now();
    assert!(left <= TimeDelta::hours(1), "{left}");
}
