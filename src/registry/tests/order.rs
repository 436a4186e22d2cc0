//! What is declared follows the store.

use serde_json::json;

use super::*;
use crate::store::{Kind, Saved};

fn token(mailbox: &str) -> String {
    json!({ "provider": "google", "grant": "authorization_code", "mailbox": mailbox, "client_id": "c" }).to_string()
}

async fn put(registry: &Registry, name: &str, content: Option<String>) {
    let record = registry.store().record(Kind::Token, name).await.unwrap();
    assert!(matches!(registry.store().put(record.with(content), None).await.unwrap(), Saved::Done(_)));
}

fn names(declared: &Declared) -> Vec<String> {
    declared.tokens.iter().map(|token| token.name.clone()).collect()
}

#[tokio::test]
async fn a_look_brings_what_was_saved_and_tells_it_once() {
    let place = place();
    let registry = registry(&place).await;
    let told: Arc<Mutex<Vec<[usize; 2]>>> = Arc::default();
    let kept = Arc::clone(&told);
    registry.on_change(move |before, now| {
        kept.lock().unwrap().push([before, now].map(|declared| declared.tokens.len()));
    });
    put(&registry, "sales", Some(token("sales@example.com"))).await;
    assert_eq!(names(&registry.declared()), ["support"]);
    registry.look().await.unwrap();
    assert_eq!(names(&registry.declared()), ["support", "sales"]);
    registry.look().await.unwrap();
    put(&registry, "sales", None).await;
    registry.look().await.unwrap();
    assert_eq!(*told.lock().unwrap(), [[1, 2], [2, 1]]);
}

#[tokio::test]
async fn looks_at_the_same_time_end_with_the_newest() {
    let place = place();
    let registry = Arc::new(registry(&place).await);
    let last: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&last);
    registry.on_change(move |_, now| *kept.lock().unwrap() = names(now));
    let changes = (0..20).map(|number| {
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let name = format!("t{number}");
            put(&registry, &name, Some(token("a@example.com"))).await;
            registry.look().await.unwrap();
            assert!(names(&registry.declared()).contains(&name), "a change is in force when it returns");
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap();
    }
    assert_eq!(names(&registry.declared()).len(), 21);
    assert_eq!(*last.lock().unwrap(), names(&registry.declared()));
}

#[tokio::test]
async fn what_another_process_changes_is_followed() {
    let place = place();
    let (registry, other) = (Arc::new(registry(&place).await), registry(&place).await);
    let (stop, following) = (CancellationToken::new(), Arc::clone(&registry));
    let follows = tokio::spawn({
        let stop = stop.clone();
        async move { following.follow(stop).await }
    });
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    registry.on_change(move |_, now| drop(told.send(names(now))));
    put(&other, "sales", Some(token("sales@example.com"))).await;
    assert_eq!(heard.recv().await.unwrap(), ["support", "sales"]);
    stop.cancel();
    follows.await.unwrap();
}

/// What has not changed is not read, so that it need not even open: one of a hundred thousand is changed, and that one is read.
#[tokio::test]
async fn a_change_of_one_reads_that_one_alone() {
    let place = place();
    let registry = registry(&place).await;
    for number in 0..4 {
        put(&registry, &format!("t{number}"), Some(token("a@example.com"))).await;
    }
    registry.look().await.unwrap();
    let before = registry.declared();
    let raw = rusqlite::Connection::open(&registry.config().store.path).unwrap();
    raw.execute("UPDATE records SET content = x'00' WHERE name = 't0'", []).unwrap();
    put(&registry, "t1", Some(token("b@example.com"))).await;
    put(&registry, "t2", None).await;
    registry.look().await.unwrap();
    let now = registry.declared();
    assert!(now.broken.is_empty(), "{:?}", now.broken);
    assert_eq!(names(&now), ["support", "t0", "t1", "t3"]);
    let token = |declared: &Declared, name| Arc::clone(declared.find(name).unwrap());
    assert!(Arc::ptr_eq(&token(&before, "t3"), &token(&now, "t3")));
    assert_eq!(token(&now, "t1").mailbox, "b@example.com");
    raw.execute("UPDATE records SET version = version + 1 WHERE name = 't0'", []).unwrap();
    registry.look().await.unwrap();
    assert!(registry.declared().broken[0].contains("t0"), "now it is");
}
