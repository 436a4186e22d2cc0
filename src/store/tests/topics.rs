//! Who is told of what.

use super::*;

const TOPICS: [Topic<'_>; 4] = [Topic::Token("support"), Topic::Tokens, Topic::Records(Kind::Account), Topic::Any];

#[tokio::test]
async fn what_is_forgotten_or_touched_counts_as_changed_and_what_a_process_saves_itself_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("db"), Keys::new(&generate_key().unwrap()).unwrap()).unwrap();
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

#[tokio::test]
async fn whoever_waits_for_a_change_of_another_process_is_woken() {
    let directory = tempfile::tempdir().unwrap();
    let (file, key) = (directory.path().join("db"), generate_key().unwrap());
    let [one, other] = [(); 2].map(|()| SqliteStore::open(&file, Keys::new(&key).unwrap()).unwrap());
    let waits = TOPICS[..3].iter().map(|topic| other.changed(*topic, other.changes(*topic))).collect::<Vec<_>>();
    let Saved::Done(_) = one.save("support", Version(0), &state()).await.unwrap() else { panic!("conflict") };
    let account = one.record(Kind::Account, "desk").await.unwrap();
    let Saved::Done(_) = one.put(account.with(Some("{}".into())), None).await.unwrap() else { panic!("conflict") };
    for wait in waits {
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }
}

/// Of what is there, and of nothing else.
#[tokio::test]
async fn outlines_and_versions_say_what_a_read_would() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("db"), Keys::new(&generate_key().unwrap()).unwrap()).unwrap();
    for (name, state) in [("support", state()), ("empty", TokenState::default())] {
        let Saved::Done(_) = store.save(name, Version(0), &state).await.unwrap() else { panic!("conflict") };
    }
    let mut outlines = store.outlines().await.unwrap();
    outlines.sort_by(|one, other| one.0.cmp(&other.0));
    let mut read = Outline::all(store.states().await.unwrap());
    read.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(outlines, read);
    let (blank, state) = (outlines[1].1.blank(), state());
    assert_eq!(blank.access.unwrap().expires_at(), state.access.unwrap().expires_at());
    assert!(blank.refresh.unwrap().expose_secret().is_empty());

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
