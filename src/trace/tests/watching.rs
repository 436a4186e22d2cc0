//! Who gets to see what, and how much of it.

#![allow(clippy::similar_names, reason = "a tracer is one of the traces")]

use std::sync::Arc;

use super::super::{Tracer, Traces, Wanted, Watching, Way};
use super::*;
use crate::proto::Input;

fn tracer(traces: &Arc<Traces>) -> Tracer {
    Tracer::new(Arc::clone(traces), "a-1", Imap, Some([192, 0, 2, 1].into()))
}

/// All that has come.
fn seen(watching: &mut Watching) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(Some(heard)) = futures_util::FutureExt::now_or_never(watching.next()) {
        all.push(format!("{}: {}", heard.line.way, heard.line.step));
    }
    all
}

fn of(account: &str) -> Wanted {
    Wanted::Account(account.to_owned())
}

#[test]
fn an_account_is_seen_from_its_greeting_on_and_others_are_not() {
    let traces = Arc::new(Traces::default());
    let mut watching = traces.watch(of("EvMail")).unwrap();
    let session = |user: &str| {
        let tracer = tracer(&traces);
        tracer.hear(Way::ToClient, b"* OK hi\r\n");
        tracer.hear(Way::FromClient, b"a LOGIN x y\r\n");
        tracer.names(user);
        tracer.hear(Way::ToUpstream, b"t NOOP\r\n");
        tracer.relays(user);
        tracer.hear(Way::ClientToUpstream, b"b SELECT INBOX\r\n");
    };
    session("another");
    assert!(seen(&mut watching).is_empty());
    session("evmail");
    assert_eq!(
        seen(&mut watching),
        [
            "gatepost → client: * OK hi",
            "client → gatepost: a LOGIN [3 octets]",
            "gatepost → upstream: t NOOP",
            "client → upstream: b SELECT INBOX"
        ]
    );
}

#[test]
fn an_address_is_seen_whoever_it_is() {
    let traces = Arc::new(Traces::default());
    let mut here = traces.watch(Wanted::Address([192, 0, 2, 1].into())).unwrap();
    let mut there = traces.watch(Wanted::Address([192, 0, 2, 2].into())).unwrap();
    tracer(&traces).hear(Way::FromClient, b"a NOOP\r\n");
    assert_eq!(seen(&mut here), ["client → gatepost: a NOOP"]);
    assert!(seen(&mut there).is_empty());
}

/// What was not heard may have been the beginning of a message.
#[test]
fn a_session_that_began_before_shows_words_alone() {
    let traces = Arc::new(Traces::default());
    let tracer = tracer(&traces);
    tracer.relays("evmail");
    tracer.hear(Way::ClientToUpstream, b"a SELECT INBOX\r\n");
    let mut watching = traces.watch(of("evmail")).unwrap();
    tracer.hear(Way::ClientToUpstream, b"b SELECT s3cret\r\n");
    assert_eq!(seen(&mut watching), ["client → upstream: SELECT"]);
    // And when nobody watched meanwhile.
    drop(watching);
    tracer.hear(Way::ClientToUpstream, b"c APPEND x {20}\r\n");
    let mut watching = traces.watch(of("evmail")).unwrap();
    tracer.hear(Way::ClientToUpstream, b"d SELECT s3cret\r\n");
    assert_eq!(seen(&mut watching), ["client → upstream: SELECT"]);
}

#[test]
fn a_watcher_that_is_too_slow_is_told_what_it_missed_and_there_are_few() {
    let traces = Arc::new(Traces::default());
    let mut watching = traces.watch(of("evmail")).unwrap();
    let tracer = tracer(&traces);
    tracer.relays("evmail");
    for _ in 0..5000 {
        tracer.hear(Way::ClientToUpstream, b"a NOOP\r\n");
    }
    let some = seen(&mut watching).len();
    assert!((500..5000).contains(&some), "{some}");
    let more: Vec<_> = (0..3).map(|_| traces.watch(of("x")).unwrap()).collect();
    assert!(traces.watch(of("y")).is_none());
    drop(more);
    drop(watching);
    assert!(!traces.is_on());
}

/// What was read ahead belongs to whoever takes it.
#[test]
fn what_a_core_takes_is_heard_and_nothing_else() {
    let traces = Arc::new(Traces::default());
    let mut watching = traces.watch(Wanted::Address([192, 0, 2, 1].into())).unwrap();
    let tracer = tracer(&traces);
    let mut input = Input::new();
    input.push(b"a NOOP\r\nb SELECT INBOX\r\n");
    let ahead = tracer.ahead(&input);
    assert!(!format!("{ahead:?}").contains("NOOP"));
    input.take(8);
    tracer.consumed(Way::FromClient, ahead, &input);
    assert_eq!(seen(&mut watching), ["client → gatepost: a NOOP"]);
}
