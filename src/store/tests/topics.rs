//! Who is told of what.

use std::sync::{Arc, Mutex};

use gatepost_kit::Postgres;

use super::*;

const TOPICS: [Topic<'_>; 4] = [Topic::Token("support"), Topic::Tokens, Topic::Records(Kind::Account), Topic::Any];

#[tokio::test]
async fn what_is_forgotten_or_touched_counts_as_changed_and_what_a_process_saves_itself_does_not() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        let counts = || TOPICS.map(|topic| store.changes(topic));
        let before = counts();
        let Saved::Done(_) = store.save("support", Version(0), &state()).await.unwrap() else { panic!("conflict") };
        assert_eq!(counts(), before);
        store.touch(Topic::Token("support"));
        let touched = counts();
        store.forget("support").await.unwrap();
        let forgotten = counts();
        for at in [0, 1, 3] {
            assert!(before[at] < touched[at] && touched[at] < forgotten[at], "{:?}", TOPICS[at]);
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_a_change_of_another_process_is_woken() {
    for ground in Ground::all().await {
        let [one, other] = two(&ground).await;
        let waits = TOPICS[..3].iter().map(|topic| other.changed(*topic, other.changes(*topic))).collect::<Vec<_>>();
        let Saved::Done(_) = one.save("support", Version(0), &state()).await.unwrap() else { panic!("conflict") };
        let account = one.record(Kind::Account, "desk").await.unwrap();
        let Saved::Done(_) = one.put(account.with(Some("{}".into())), None).await.unwrap() else { panic!("conflict") };
        for wait in waits {
            tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
        }
    }
}

/// Two processes.
async fn two(ground: &Ground) -> [Arc<dyn Store>; 2] {
    let key = generate_key().unwrap();
    let open = async || ground.open(Keys::new(&key).unwrap()).await.unwrap();
    [open().await, open().await]
}

/// Of what is there, and of nothing else.
#[tokio::test]
async fn outlines_and_versions_say_what_a_read_would() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for (name, state) in [("support", state()), ("empty", TokenState::default())] {
            let Saved::Done(_) = store.save(name, Version(0), &state).await.unwrap() else { panic!("conflict") };
        }
        let mut outlines = store.outlines().await.unwrap();
        outlines.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, outline) in &outlines {
            let Stored { state, version } = store.token(name).await.unwrap();
            assert_eq!(*outline, Outline::of(version, &state));
        }
        assert_eq!(outlines.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["empty", "support"]);
        let (blank, state) = (outlines[1].1.blank(), state());
        assert_eq!(blank.access.unwrap().expires_at(), state.access.unwrap().expires_at());
        assert!(blank.refresh.unwrap().expose_secret().is_empty());

        let mut sketches = store.sketches().await.unwrap();
        sketches.sort_by(|one, other| one.0.cmp(&other.0));
        let sketches = sketches.into_iter().map(|(_, sketch)| sketch.unwrap()).collect::<Vec<_>>();
        assert_eq!(format!("{:?}", sketches[0]), format!("{:?}", TokenState::default()));
        let sketch = &sketches[1];
        assert!(sketch.access.as_ref().unwrap().secret().expose_secret().is_empty());
        assert!(sketch.refresh.as_ref().unwrap().expose_secret().is_empty());
        assert_eq!(Outline::of(Version(1), sketch), Outline::of(Version(1), &self::state()));
        assert_eq!((&sketch.bound_to, &sketch.identity), (&self::state().bound_to, &self::state().identity));
        let told =
            |state: &TokenState| state.trouble.as_ref().map(|trouble| (trouble.summary.clone(), trouble.failures));
        assert_eq!(told(sketch), told(&self::state()));

        for name in ["b", "a", "c"] {
            let record = store.record(Kind::Account, name).await.unwrap().with(Some(name.into()));
            let Saved::Done(_) = store.put(record, None).await.unwrap() else { panic!("conflict") };
        }
        let gone = store.record(Kind::Account, "ended").await.unwrap().with(Some("x".into()));
        let Saved::Done(_) = store.put(gone, Some(Duration::ZERO)).await.unwrap() else { panic!("conflict") };
        let records = store.records(Kind::Account).await.unwrap();
        let all: Vec<_> = records.into_iter().map(|record| (record.name, record.version)).collect();
        assert_eq!(store.versions(Kind::Account).await.unwrap(), all);
        let some = store.some_records(Kind::Account, ["c", "a", "ended", "none"].map(Into::into).into()).await.unwrap();
        let some: Vec<_> = some.into_iter().map(|record| (record.name, record.content.unwrap().unwrap())).collect();
        assert_eq!(some, [("a".into(), "a".into()), ("c".into(), "c".into())]);
    }
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap()
}

async fn put(store: &dyn Store, kind: Kind, name: &str, content: Option<&str>) {
    let record = store.record(kind, name).await.unwrap().with(content.map(Into::into));
    let Saved::Done(_) = store.put(record, None).await.unwrap() else { panic!("conflict") };
}

/// One that listens already.
async fn listening(store: &dyn Store) {
    let before = store.changes(Topic::Any);
    within(store.changed(Topic::Any, before)).await;
}

/// What is told of tokens: names, outlines, and how often each had changed.
type Told = Arc<Mutex<Vec<(String, Outline, u64)>>>;

fn told(store: &dyn Store) -> Told {
    let told = Told::default();
    let kept = Arc::clone(&told);
    store.tell(Box::new(move |name, outline, count| kept.lock().unwrap().push((name.into(), outline, count))));
    told
}

#[tokio::test]
async fn a_replica_hears_what_others_write_and_of_nothing_else_and_not_itself() {
    let Some(ground) = Ground::postgres().await else { return };
    let [one, other] = two(&ground).await;
    let heard = told(other.as_ref());
    listening(other.as_ref()).await;
    listening(one.as_ref()).await;
    let topics = [
        Topic::Token("a b"),
        Topic::Token("c"),
        Topic::Tokens,
        Topic::Records(Kind::Account),
        Topic::Records(Kind::Token),
    ];
    let counts = |store: &dyn Store| topics.map(|topic| store.changes(topic));
    let (before, own) = (counts(other.as_ref()), counts(one.as_ref()));
    let Saved::Done(version) = one.save("a b", Version(0), &state()).await.unwrap() else { panic!("conflict") };
    within(other.changed(Topic::Token("a b"), before[0])).await;
    assert_eq!(*heard.lock().unwrap(), [("a b".to_owned(), Outline::of(version, &state()), before[0] + 1)]);
    put(one.as_ref(), Kind::Account, "desk", Some("{}")).await;
    within(other.changed(Topic::Records(Kind::Account), before[3])).await;
    let after = counts(other.as_ref());
    assert_eq!(after, [before[0] + 1, before[1], before[2], before[3] + 1, before[4]]);

    one.forget("a b").await.unwrap();
    within(other.changed(Topic::Token("a b"), after[0])).await;
    assert_eq!(heard.lock().unwrap().last().unwrap().1, Outline::default());
    put(one.as_ref(), Kind::Account, "desk", None).await;
    within(other.changed(Topic::Records(Kind::Account), after[3])).await;
    // Of what it forgot itself all in this process hear who keep it, and of its own records; nothing else is news to it.
    for seen in [own[3], own[3] + 1] {
        within(one.changed(Topic::Records(Kind::Account), seen)).await;
    }
    assert_eq!(counts(one.as_ref()), [own[0] + 1, own[1], own[2] + 1, own[3] + 2, own[4]]);
}

/// Also what nobody could tell of: written while nobody listened, and by a hand that told nobody.
#[tokio::test]
async fn what_was_missed_is_noticed_all_the_same() {
    let Some(server) = Postgres::own().await else { return };
    let ground = Ground::of(server.clone()).await;
    let [one, other] = two(&ground).await;
    listening(other.as_ref()).await;
    let before = other.changes(Topic::Token("support"));
    let database = ground.database();
    server.query_in(database, "ALTER TABLE tokens DISABLE TRIGGER tell_of_token").await;
    let Saved::Done(_) = one.save("support", Version(0), &state()).await.unwrap() else { panic!("conflict") };
    assert_eq!(other.changes(Topic::Token("support")), before);
    // A notice that got lost.
    server.query_in(database, "SELECT nextval('news')").await;
    within(other.changed(Topic::Token("support"), before)).await;

    let before = other.changes(Topic::Token("support"));
    server.query_in(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM news%' AND pid <> pg_backend_pid()").await;
    within(other.changed(Topic::Token("support"), before)).await;

    // It answers, and notices cannot be heard: nothing is believed for long. Then they are heard again.
    server.query_in(database, "ALTER SEQUENCE news RENAME TO away").await;
    for _ in 0..2 {
        let before = other.changes(Topic::Token("support"));
        within(other.changed(Topic::Token("support"), before)).await;
    }
    server
        .query_in(database, "ALTER SEQUENCE away RENAME TO news; ALTER TABLE tokens ENABLE TRIGGER tell_of_token")
        .await;
    let heard = told(other.as_ref());
    let mut saved = one.token("support").await.unwrap().version;
    while heard.lock().unwrap().is_empty() {
        let Saved::Done(next) = one.save("support", saved, &state()).await.unwrap() else { panic!("conflict") };
        saved = next;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let before = other.changes(Topic::Token("support"));
    server.stop().await;
    assert_eq!(other.changes(Topic::Token("support")), before, "what is known serves while the database is away");
    server.start().await;
    within(other.changed(Topic::Token("support"), before)).await;
}

/// A change of the key is news of everything, once.
#[tokio::test]
async fn another_key_is_one_piece_of_news() {
    let Some(ground) = Ground::postgres().await else { return };
    let (old, new) = (generate_key().unwrap(), generate_key().unwrap());
    let ring = format!("{}\n{}", old.expose_secret(), new.expose_secret());
    let open = async || ground.open(Keys::new(&ring.clone().into()).unwrap()).await.unwrap();
    let [one, other] = [open().await, open().await];
    for number in 0..20 {
        let saved = one.save(&format!("t{number}"), Version(0), &state()).await;
        assert!(matches!(saved, Ok(Saved::Done(_))));
    }
    listening(other.as_ref()).await;
    let heard = told(other.as_ref());
    let before = other.changes(Topic::Token("t3"));
    assert_eq!(one.rekey().await.unwrap(), 20);
    within(other.changed(Topic::Token("t3"), before)).await;
    assert!(heard.lock().unwrap().is_empty());
    assert!(other.token("t3").await.unwrap().state.refresh.is_some());
}
