//! The answer to a commit is lost with its connection: whoever saved is told what became of it, and not what might have.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::store::{Kind, Saved};

/// What a line does with the next commit.
const PASS: usize = 0;
/// The database gets it, and its answer is lost.
const LOSE_ANSWER: usize = 1;
/// It is lost itself.
const LOSE: usize = 2;

/// A line to the server, and what it does.
async fn line(port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let mood = Arc::new(AtomicUsize::new(PASS));
    let moods = Arc::clone(&mood);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(carry(client, server, Arc::clone(&moods)));
        }
    });
    (own, mood)
}

async fn carry(client: TcpStream, server: TcpStream, mood: Arc<AtomicUsize>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = tokio::spawn(async move { drop(copy(&mut from_server, &mut to_client).await) });
    let mut octets = vec![0; 65536];
    while let Ok(count @ 1..) = from_client.read(&mut octets).await {
        let said = &octets[..count];
        let ends = said.windows(6).any(|window| window == b"COMMIT");
        match mood.swap(if ends { PASS } else { mood.load(Ordering::SeqCst) }, Ordering::SeqCst) {
            LOSE if ends => break,
            LOSE_ANSWER if ends => {
                back.abort();
                to_server.write_all(said).await.unwrap();
                to_server.shutdown().await.unwrap();
                return;
            }
            _ => to_server.write_all(said).await.unwrap(),
        }
    }
    back.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_whose_answer_was_lost_is_looked_for() {
    let Some(server) = Postgres::shared().await else { return };
    let url = server.database().await;
    let (port, mood) = line(server.port()).await;
    let lined = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
    let store = PostgresStore::open(servers(&lined), keys()).await.unwrap();
    let mut version = Version(0);
    for (round, trouble) in [LOSE_ANSWER, LOSE, PASS, LOSE_ANSWER, LOSE].into_iter().enumerate() {
        mood.store(trouble, Ordering::SeqCst);
        let refresh = format!("r{round}");
        let saved = store.save("support", version, &holding(&refresh)).await.unwrap();
        let Saved::Done(next) = saved else { panic!("a conflict with oneself") };
        assert_eq!(mood.load(Ordering::SeqCst), PASS, "it was played");
        let read = store.token("support").await.unwrap();
        assert_eq!((read.version, read.state.refresh.unwrap().expose_secret()), (next, refresh.as_str()));
        version = next;

        mood.store(trouble, Ordering::SeqCst);
        let record = store.record(Kind::Account, "a").await.unwrap();
        let Ok(Saved::Done(put)) = store.put(record.with(Some(refresh.clone())), None).await else { panic!() };
        let record = store.record(Kind::Account, "a").await.unwrap();
        assert_eq!((record.version, record.content.unwrap()), (put, Some(refresh)));
    }
    // Another's save is a conflict all the same.
    let other = PostgresStore::open(servers(&url), keys()).await;
    assert!(matches!(other, Err(StoreError::Key { .. })));
    mood.store(LOSE, Ordering::SeqCst);
    assert_eq!(store.save("support", Version(7), &holding("x")).await.unwrap(), Saved::Conflict);
}
