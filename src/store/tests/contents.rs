//! Moves from one store to another.

use super::*;

async fn filled(store: &dyn Store) {
    for name in ["a", "b"] {
        assert!(matches!(store.save(name, Version(0), &state()).await, Ok(Saved::Done(_))));
    }
    assert!(matches!(store.save("empty", Version(0), &TokenState::default()).await, Ok(Saved::Done(_))));
    let account = store.record(Kind::Account, "desk").await.unwrap().with(Some("{}".into()));
    assert!(matches!(store.put(account, None).await, Ok(Saved::Done(_))));
    let session = store.record(Kind::AdminSession, "1").await.unwrap().with(Some("x".into()));
    assert!(matches!(store.put(session, Some(Duration::from_hours(1))).await, Ok(Saved::Done(_))));
    assert!(store.announce("a", "needs_authorization").await.unwrap());
    assert!(store.lease("a", "somebody", Duration::from_hours(1)).await.unwrap());
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    for what in ["one", "two"] {
        let (who, from, subject, detail) = ("who".into(), "nul\0".into(), String::new(), String::new());
        store.note(Deed { at, who, from, what: what.into(), subject, detail }).await.unwrap();
    }
    let used = Use { account: "desk".into(), password: String::new(), login: Some(at), message: None };
    store.used(vec![used]).await.unwrap();
}

#[tokio::test]
async fn everything_moves_as_it_is_whichever_store_it_comes_from() {
    let key = generate_key().unwrap();
    let keys = || Keys::new(&key).unwrap();
    for (from, to) in Ground::all().await.into_iter().zip(Ground::all().await.into_iter().rev()) {
        let source = from.open(keys()).await.unwrap();
        filled(source.as_ref()).await;
        let contents = source.contents().await.unwrap();
        assert_eq!(contents.counts(), "tokens 3, records 2, notices 1, deeds 2, uses 1");
        let target = to.open(keys()).await.unwrap();
        target.fill(contents.clone()).await.unwrap();
        let copy = target.contents().await.unwrap();
        assert_eq!(contents.difference(&copy), None);
        let stored = target.token("a").await.unwrap();
        assert_eq!(stored.version, source.token("a").await.unwrap().version);
        assert_eq!(stored.state.refresh.unwrap().expose_secret(), "refr3sh");
        assert_eq!(target.record(Kind::Account, "desk").await.unwrap().content.unwrap().as_deref(), Some("{}"));
        assert!(target.lease("a", "another", Duration::from_hours(1)).await.unwrap(), "leases are of the moment");
        assert_eq!(target.deeds(None, 1).await.unwrap()[0].deed.what, "two");

        let refused = target.fill(contents.clone()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotEmpty { what: "tokens", .. }), "{refused}");
        assert_eq!(contents.difference(&target.contents().await.unwrap()), None, "and nothing was changed");
        target.forget("b").await.unwrap();
        assert_eq!(contents.difference(&target.contents().await.unwrap()).as_deref(), Some("tokens [\"b\"]"));
        assert!(!format!("{contents:?}").contains("desk"));
    }
}

/// A store whose key was changed is sealed with the newer of two, and so is its copy.
#[tokio::test]
async fn a_copy_is_sealed_with_the_key_of_the_store_that_it_is_of() {
    let (old, new) = (generate_key().unwrap(), generate_key().unwrap());
    let ring = format!("{}\n{}", old.expose_secret(), new.expose_secret());
    for (from, to) in Ground::all().await.into_iter().zip(Ground::all().await.into_iter().rev()) {
        let open = async |ground: &Ground| ground.open(Keys::new(&ring.clone().into()).unwrap()).await.unwrap();
        let (source, target) = (open(&from).await, open(&to).await);
        filled(source.as_ref()).await;
        source.rekey().await.unwrap();
        target.fill(source.contents().await.unwrap()).await.unwrap();
        drop(target);
        let target = to.open(Keys::new(&new).unwrap()).await.unwrap();
        assert!(target.token("a").await.unwrap().state.refresh.is_some());
    }
}
