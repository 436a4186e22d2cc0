//! What administrators did, and when passwords were last used.

use super::*;

fn deed(subject: &str) -> Deed {
    Deed {
        at: DateTime::from_timestamp_millis(1_800_000_000_123).unwrap(),
        who: "administrator".into(),
        from: "192.0.2.7".into(),
        what: "token.added".into(),
        subject: subject.into(),
        detail: "provider microsoft".into(),
    }
}

#[tokio::test]
async fn the_trail_is_read_from_its_end_in_pieces() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for subject in ["a", "b", "c"] {
            store.note(deed(subject)).await.unwrap();
        }
        let last = store.deeds(None, 2).await.unwrap();
        assert_eq!(last.iter().map(|noted| noted.deed.clone()).collect::<Vec<_>>(), [deed("c"), deed("b")]);
        let rest = store.deeds(Some(last[1].id), 2).await.unwrap();
        assert_eq!(rest.iter().map(|noted| noted.deed.clone()).collect::<Vec<_>>(), [deed("a")]);
    }
}

#[tokio::test]
async fn of_several_uses_the_latest_counts_and_nothing_takes_one_back() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let used = |login, message| Use { account: "evmail".into(), password: String::new(), login, message };
        store.used(vec![used(at(20), None)]).await.unwrap();
        store.used(vec![used(at(10), at(5)), Use { password: "scanner".into(), ..used(at(1), None) }]).await.unwrap();
        store.used(vec![used(None, at(7))]).await.unwrap();
        let mut all = store.uses(DateTime::UNIX_EPOCH).await.unwrap();
        all.sort_by(|one, other| one.password.cmp(&other.password));
        assert_eq!(all, [used(at(20), at(7)), Use { password: "scanner".into(), ..used(at(1), None) }]);
        let later = store.uses(at(7).unwrap()).await.unwrap();
        assert_eq!(later, [used(at(20), at(7))], "what was used since");
        assert_eq!(store.uses_of("evmail").await.unwrap().len(), 2);
        assert_eq!(store.uses_of("none").await.unwrap(), []);
        store.unused("evmail").await.unwrap();
        assert_eq!(store.uses(DateTime::UNIX_EPOCH).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_state_that_does_not_open_spoils_no_other() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for name in ["one", "other"] {
            let _ = store.save(name, Version::default(), &state()).await.unwrap();
        }
        let damage = ground.octets(&[0]);
        ground.alter(&format!("UPDATE tokens SET refresh_token = {damage} WHERE name = 'one'")).await;
        assert!(store.token("one").await.is_err() && store.token("other").await.is_ok());
        // A sketch of what was altered is none of what it holds: it is not opened.
        assert!(store.sketches().await.unwrap().iter().all(|(_, sketch)| sketch.is_ok()));
        let _ = store.save("empty", Version::default(), &TokenState::default()).await.unwrap();
        ground.alter(&format!("UPDATE sealing SET key = {}", ground.octets(&[7; 8]))).await;
        let mut sketches = store.sketches().await.unwrap();
        sketches.sort_by(|one, other| one.0.cmp(&other.0));
        let [(_, Ok(_)), (_, Err(one)), (_, Err(_))] = &sketches[..] else { panic!("{sketches:?}") };
        assert!(one.to_string().contains("another key"), "{one}");
    }
}

#[tokio::test]
async fn a_replica_is_there_from_its_first_beat_until_it_is_gone() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let beat = |facts: &str| Beat {
            name: "one".into(),
            instance: "one-1".into(),
            version: "0.1.0".into(),
            facts: facts.into(),
        };
        store.beat(beat("{}")).await.unwrap();
        store.beat(beat("{\"sessions\":1}")).await.unwrap();
        let all = store.replicas().await.unwrap();
        assert_eq!(all.iter().map(|replica| replica.beat.clone()).collect::<Vec<_>>(), [beat("{\"sessions\":1}")]);
        // Each is reckoned at its own moment.
        assert!(all[0].is_live() && all[0].age + Duration::from_secs(1) >= all[0].silent);
        store.gone("other").await.unwrap();
        assert_eq!(store.replicas().await.unwrap().len(), 1);
        store.gone("one-1").await.unwrap();
        assert_eq!(store.replicas().await.unwrap(), []);
    }
}
