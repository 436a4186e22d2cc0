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
