//! The answer to a commit is lost with its connection: whoever saved is told what became of it, and not what might have.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::store::{Kind, Saved};

/// What a line does with the next commit, or the next question of a listener.
const PASS: usize = 0;
/// The database gets it, and its answer is lost.
const LOSE_ANSWER: usize = 1;
/// It is lost itself.
const LOSE: usize = 2;
/// The same, and meanwhile somebody else removes all records.
const LOSE_TO_ANOTHER: usize = 3;
/// It is never answered: what the channel is called, …
const ASK_FOR_EVER: usize = 4;
/// … or that it is listened to.
const LISTEN_FOR_EVER: usize = 5;

const PLAYED: [(usize, &[u8]); 5] = [
    (LOSE_ANSWER, b"COMMIT"),
    (LOSE, b"COMMIT"),
    (LOSE_TO_ANOTHER, b"COMMIT"),
    (ASK_FOR_EVER, b"quote_ident"),
    (LISTEN_FOR_EVER, b"LISTEN"),
];

/// A line to a database, what it does, and the database's URL by it.
struct Line {
    mood: Arc<AtomicUsize>,
    url: String,
}

impl Line {
    async fn to(server: &Postgres, url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let mood = Arc::new(AtomicUsize::new(PASS));
        let (moods, server, port) = (Arc::clone(&mood), server.clone(), server.port());
        let database = url.rsplit('/').next().unwrap().to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let ends = (client, TcpStream::connect(("127.0.0.1", port)).await.unwrap());
                tokio::spawn(carry(ends, Arc::clone(&moods), (server.clone(), database.clone())));
            }
        });
        Self { mood, url: url.replace(&format!(":{port}/"), &format!(":{own}/")) }
    }

    fn plays(&self, mood: usize) {
        self.mood.store(mood, Ordering::SeqCst);
    }

    fn has_played(&self) -> bool {
        self.mood.load(Ordering::SeqCst) == PASS
    }
}

/// What the line does now that this was said.
fn played(mood: &AtomicUsize, said: &[u8]) -> usize {
    let now = mood.load(Ordering::SeqCst);
    let has = |text: &[u8]| said.windows(text.len()).any(|window| window == text);
    let is_due = PLAYED.iter().any(|(played, text)| *played == now && has(text));
    if is_due { mood.swap(PASS, Ordering::SeqCst) } else { PASS }
}

async fn carry(
    (client, server): (TcpStream, TcpStream),
    mood: Arc<AtomicUsize>,
    (postgres, database): (Postgres, String),
) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    // The client hears that the server has closed only from this line.
    let back = tokio::spawn(async move {
        drop(copy(&mut from_server, &mut to_client).await);
        to_client
    });
    let mut octets = vec![0; 65536];
    while let Ok(count @ 1..) = from_client.read(&mut octets).await {
        let said = &octets[..count];
        match played(&mood, said) {
            LOSE => break,
            LOSE_TO_ANOTHER => {
                drop(to_server);
                postgres.query_in(&database, "DELETE FROM records").await;
                break;
            }
            LOSE_ANSWER => {
                back.abort();
                to_server.write_all(said).await.unwrap();
                to_server.shutdown().await.unwrap();
                return;
            }
            ASK_FOR_EVER | LISTEN_FOR_EVER => std::future::pending().await,
            _ => to_server.write_all(said).await.unwrap(),
        }
    }
    back.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_whose_answer_was_lost_is_looked_for() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let line = Line::to(&server, &url).await;
    let store = PostgresStore::open(servers(&line.url), keys()).await.unwrap();
    let mut version = Version(0);
    for (round, trouble) in [LOSE_ANSWER, LOSE, PASS, LOSE_ANSWER, LOSE].into_iter().enumerate() {
        line.plays(trouble);
        let refresh = format!("r{round}");
        let saved = store.save("support", version, &holding(&refresh)).await.unwrap();
        let Saved::Done(next) = saved else { panic!("a conflict with oneself") };
        assert!(line.has_played());
        let read = store.token("support").await.unwrap();
        assert_eq!((read.version, read.state.refresh.unwrap().expose_secret()), (next, refresh.as_str()));
        version = next;

        line.plays(trouble);
        let record = store.record(Kind::Account, "a").await.unwrap();
        let Ok(Saved::Done(put)) = store.put(record.with(Some(refresh.clone())), None).await else { panic!() };
        let record = store.record(Kind::Account, "a").await.unwrap();
        assert_eq!((record.version, record.content.unwrap()), (put, Some(refresh)));
    }
    // Another's save is a conflict all the same.
    let other = PostgresStore::open(servers(&url), keys()).await;
    assert!(matches!(other, Err(StoreError::Key { .. })));
    line.plays(LOSE);
    assert_eq!(store.save("support", Version(7), &holding("x")).await.unwrap(), Saved::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_whose_answer_was_lost_is_told_from_that_of_another() {
    let Some(server) = Postgres::shared().await else { return };
    let line = Line::to(&server, &server.database().await).await;
    let store = PostgresStore::open(servers(&line.url), keys()).await.unwrap();
    for (trouble, is_own) in [(LOSE_ANSWER, true), (LOSE, true), (LOSE_TO_ANOTHER, false)] {
        let record = store.record(Kind::FreshPassword, "a").await.unwrap();
        assert!(matches!(store.put(record.with(Some("1".into())), None).await, Ok(Saved::Done(_))));
        let record = store.record(Kind::FreshPassword, "a").await.unwrap();
        line.plays(trouble);
        let removed = store.put(record.with(None), None).await.unwrap();
        assert!(line.has_played());
        assert_eq!(matches!(removed, Saved::Done(_)), is_own, "{trouble}");
        assert_eq!(store.record(Kind::FreshPassword, "a").await.unwrap().version, Version(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_not_answered_begins_again() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let key = generate_key().unwrap();
    for trouble in [ASK_FOR_EVER, LISTEN_FOR_EVER] {
        let line = Line::to(&server, &url).await;
        let store = PostgresStore::open(servers(&line.url), Keys::new(&key).unwrap()).await.unwrap();
        line.plays(trouble);
        let before = store.changes(Topic::Any);
        timeout(LONG, store.changed(Topic::Any, before)).await.unwrap();
        assert!(line.has_played());
    }
}
