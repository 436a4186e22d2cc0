use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use super::*;
use crate::model::{Protocol, Provider};
use crate::net::{Link, Socket, Stream};
use crate::proto::Input;
use crate::proto::smtp::header::Policy;
use crate::submit::gate::{Gate, GateSettings, Pass};
use crate::trace::Tracer;

const WAIT: Duration = Duration::from_secs(5);

/// Our end of a connection, and the peer's.
fn pair() -> (Link, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    (Link { stream: Stream::Plain(Socket::Unix(Box::new(near))), patience: WAIT }, far)
}

/// To a mailbox without limits.
async fn admission() -> Admission {
    let gate = Arc::new(Gate::new(GateSettings { wait: WAIT, waiters: 1, idle: WAIT }));
    let mailbox = gate.of(&Provider::default(), "a");
    Admission::new(mailbox.enter(Pass::Session(Protocol::Smtp)).await.unwrap())
}

/// A whole message has come with its DATA, and the upstream says this before any of it goes on.
async fn relayed(early: &str) -> (Body, Vec<u8>) {
    let ((client, _far_client), (upstream, mut far)) = (pair(), pair());
    far.write_all(early.as_bytes()).await.unwrap();
    if let (Stream::Plain(Socket::Unix(near)), false) = (&upstream.stream, early.is_empty()) {
        near.readable().await.unwrap();
    }
    let mut from_client = Input::new();
    from_client.push(b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n");
    let tracer = Arc::new(Tracer::new(Arc::default(), "a-1", Protocol::Smtp, None));
    let mut legs = Legs::new((client, from_client), (upstream, Input::new()), Arc::default(), tracer);
    let header = HeaderFilter::new(Policy::Keep, 1000);
    let body = relay(&mut legs, &mut admission().await, BodyLines::Strict, header, (1000, WAIT)).await;
    assert_eq!(legs.from_client.rest(), b"QUIT\r\n");
    drop(legs);
    let mut arrived = Vec::new();
    far.read_to_end(&mut arrived).await.unwrap();
    (body, arrived)
}

#[tokio::test]
async fn a_reply_that_is_there_before_the_end_of_data_is_not_for_it() {
    let (body, arrived) = relayed("250 2.0.0 OK\r\n").await;
    assert!(matches!(&body, Body::Answered(reply) if reply.code() == 250), "{body:?}");
    assert_eq!(arrived, b"", "the end of data went out");

    let (body, arrived) = relayed("").await;
    assert!(matches!(body, Body::Sent { size: 21, .. }), "{body:?}");
    assert_eq!(arrived, b"Subject: x\r\n\r\nhello\r\n.\r\n");
}
