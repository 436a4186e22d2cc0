use std::sync::Mutex;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

fn leg(tcp: TcpStream, ahead: &[u8]) -> Leg {
    Leg { stream: Stream::Plain(tcp.into()), ahead: ahead.to_vec() }
}

struct Deaf;

impl Ear for Deaf {
    fn hear(&self, _: bool, _: &[u8]) {}
}

fn nobody() -> Watch<'static> {
    Box::new(|_| ControlFlow::Break(()))
}

#[derive(Debug, PartialEq, Eq)]
struct Relayed {
    sent: u64,
    received: u64,
    ended: Ended,
}

async fn relayed((down, up): (Leg, Leg), watch: Watch<'static>, times: Times, stop: &CancellationToken) -> Relayed {
    let carried = Carried::default();
    let words = |ended| if ended == Ended::Outlived { &b"enough\n"[..] } else { b"bye\n" };
    let last = LastWords { fits: |said| said.ends_with(b".\n"), waits: |tail| tail.ends_with(b"wait\n"), words };
    let ended = splice((down, up), (watch, Arc::new(Deaf)), times, &carried, (stop, last)).await;
    Relayed { sent: carried.sent(), received: carried.received(), ended }
}

async fn spliced(ahead: [&[u8]; 2], times: Times) -> (TcpStream, TcpStream, JoinHandle<Relayed>, CancellationToken) {
    let (client, client_leg) = pair().await;
    let (upstream, upstream_leg) = pair().await;
    let (down, up) = (leg(client_leg, ahead[0]), leg(upstream_leg, ahead[1]));
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let relay = tokio::spawn(async move { relayed((down, up), nobody(), times, &stopping).await });
    (client, upstream, relay, stop)
}

const LONG: Times = Times { idle: Duration::from_mins(1), most: None, quiet: SHORT };
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn read_ahead_goes_first_and_half_close_is_kept() {
    let (mut client, mut upstream, relay, _stop) = spliced([b"a1 NOOP\r\n", b"* OK hi\r\n"], LONG).await;
    client.write_all(b"a2 LOGOUT\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut asked = String::new();
    upstream.read_to_string(&mut asked).await.unwrap();
    assert_eq!(asked, "a1 NOOP\r\na2 LOGOUT\r\n");

    upstream.write_all(b"a1 OK\r\na2 OK\r\n").await.unwrap();
    drop(upstream);
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!(answered, "* OK hi\r\na1 OK\r\na2 OK\r\n");
    assert_eq!(relay.await.unwrap(), Relayed { sent: 20, received: 23, ended: Ended::Client });
}

#[tokio::test]
async fn a_slow_reader_holds_the_sender_and_loses_nothing() {
    let (mut client, mut upstream, relay, _stop) = spliced([b"", b""], LONG).await;
    let sent: Vec<u8> = (0..48_000_000_u32).map(|i| i.to_le_bytes()[(i % 3) as usize]).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        upstream.write_all(&sent).await.unwrap();
        upstream.shutdown().await.unwrap();
        upstream
    });
    let mut got = Vec::new();
    while got.len() < 100_000 {
        let mut drop_by_drop = [0; 100];
        let count = client.read(&mut drop_by_drop).await.unwrap();
        got.extend_from_slice(&drop_by_drop[..count]);
        tokio::task::yield_now().await;
    }
    assert!(!sending.is_finished(), "the sender was not held back");
    client.read_to_end(&mut got).await.unwrap();
    assert!(got == expected);
    drop((client, sending.await.unwrap()));
    assert_eq!(relay.await.unwrap().ended, Ended::Upstream);
}

#[tokio::test]
async fn silence_ends_it_and_so_does_a_stop() {
    let (_client, _upstream, relay, _stop) = spliced([b"", b""], Times { idle: SHORT, ..LONG }).await;
    assert_eq!(relay.await.unwrap().ended, Ended::Idle);

    let (_client, _upstream, relay, stop) = spliced([b"", b""], LONG).await;
    stop.cancel();
    assert_eq!(relay.await.unwrap().ended, Ended::Stopped);
}

/// How long to look that something does not end.
const A_WHILE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn one_that_lasts_too_long_is_ended_when_nothing_is_under_way() {
    let times = Times { most: Some(Duration::ZERO), ..LONG };
    let (mut client, mut upstream, relay, _stop) = spliced([b"give\n", b""], times).await;
    for said in ["half", " of it\n"] {
        upstream.write_all(said.as_bytes()).await.unwrap();
        let mut got = vec![0; said.len()];
        client.read_exact(&mut got).await.unwrap();
        sleep(A_WHILE).await;
        assert!(!relay.is_finished(), "within an answer");
    }
    client.write_all(b"more\n").await.unwrap();
    let mut asked = [0; 10];
    upstream.read_exact(&mut asked).await.unwrap();
    sleep(A_WHILE).await;
    assert!(!relay.is_finished(), "an answer is due");
    upstream.write_all(b"all.\n").await.unwrap();
    assert_eq!(relay.await.unwrap().ended, Ended::Outlived);
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "all.\nenough\n");
}

#[tokio::test]
async fn a_client_that_means_to_wait_is_not_idle() {
    let idle = Duration::from_secs(2);
    let (mut client, mut upstream, relay, _stop) = spliced([b"", b"hi.\n"], Times { idle, ..LONG }).await;
    // In two pieces, as a network may have it.
    for said in ["please wa", "it\n"] {
        client.write_all(said.as_bytes()).await.unwrap();
        let mut got = vec![0; said.len()];
        upstream.read_exact(&mut got).await.unwrap();
    }
    sleep(idle * 2).await;
    assert!(!relay.is_finished());
}

#[tokio::test]
async fn a_stop_says_its_last_words_where_they_fit() {
    for (said, heard) in [("", "bye\n"), ("all.\n", "all.\nbye\n"), ("not all\n", "not all\n"), ("a.\nb", "a.\nb")] {
        let (mut client, mut upstream, relay, stop) = spliced([b"", b""], LONG).await;
        upstream.write_all(said.as_bytes()).await.unwrap();
        let mut got = vec![0; said.len()];
        client.read_exact(&mut got).await.unwrap();
        stop.cancel();
        assert_eq!(relay.await.unwrap().ended, Ended::Stopped);
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), heard);
    }
}

#[tokio::test]
async fn a_watch_sees_the_upstreams_bytes_in_order_until_it_has_enough() {
    let (mut client, client_leg) = pair().await;
    let (mut upstream, upstream_leg) = pair().await;
    let (down, up) = (leg(client_leg, b"never shown"), leg(upstream_leg, b"ahead "));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = Arc::clone(&seen);
    let watch: Watch<'static> = Box::new(move |chunk| {
        let mut seen = seeing.lock().unwrap();
        seen.extend_from_slice(chunk);
        if seen.len() < 8 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let relay = tokio::spawn(async move { relayed((down, up), watch, LONG, &CancellationToken::new()).await });
    let mut got = vec![0; 6];
    client.read_exact(&mut got).await.unwrap();
    for piece in ["a", "bc", "enough"] {
        upstream.write_all(piece.as_bytes()).await.unwrap();
        got.resize(piece.len(), 0);
        client.read_exact(&mut got).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), b"ahead abc");
    assert_eq!(Arc::strong_count(&seen), 1, "it costs nothing any more");
    drop((client, upstream));
    relay.await.unwrap();
}
