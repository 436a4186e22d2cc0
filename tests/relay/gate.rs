//! Limits of the mailbox: who waits, who is refused, and what a provider's own word about it leads to.

use std::time::{Duration, Instant};

use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::scene::{MAILBOX, PLAIN, Scene, Setting, log_in, yes};

const THREE: &str = "[providers.simulated.limits]\nsmtp_sessions = 3\nimap_sessions = 2";

/// A mailbox of its own for a second account.
const OTHER: &str = "mailbox = \"support@example.com\"";

async fn scene(limits: &'static str, provider: &'static str) -> Scene {
    Scene::with(Setting { limits, account: provider, ..Setting::default() }).await
}

async fn mail(peer: &mut Peer) -> String {
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    peer.expect("").await
}

async fn deliver(peer: &mut Peer) {
    let reply = mail(peer).await;
    assert!(reply.starts_with("250 "), "{reply}");
    peer.send("RCPT TO:<a@example.com>\r\n").await;
    peer.expect("250 ").await;
    peer.send("DATA\r\n").await;
    peer.expect("354 ").await;
    peer.send("Subject: x\r\n\r\nbody\r\n.\r\n").await;
    peer.expect("250 ").await;
}

async fn quit(mut peer: Peer) {
    peer.send("QUIT\r\n").await;
    peer.expect("221 ").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn ten_programs_share_three_sessions() {
    let scene = scene("", THREE).await;
    // An upstream that refuses a fourth.
    scene.provider.faults(|faults| faults.sessions = Some(3));
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let address = scene.address(Protocol::Smtp);
        programs.spawn(async move {
            let mut peer = Peer::connect(address).await;
            peer.expect("220 ").await;
            log_in(&mut peer, Protocol::Smtp, PLAIN).await;
            peer.expect("235 ").await;
            deliver(&mut peer).await;
            deliver(&mut peer).await;
            quit(peer).await;
        });
    }
    while let Some(ended) = programs.join_next().await {
        ended.unwrap();
    }
    assert_eq!(scene.provider.mail("a@example.com").len(), 20);
    assert_eq!(scene.provider.most_sessions("smtp", MAILBOX), 3);
}

#[tokio::test]
async fn who_waits_in_vain_is_told_to_try_later_and_a_free_place_is_for_the_next() {
    let scene = scene("gate_seconds = 1", "[providers.simulated.limits]\nsmtp_sessions = 1\nimap_sessions = 1").await;
    for (protocol, busy) in
        [(Protocol::Smtp, "451 4.3.2 the mailbox is in use"), (Protocol::Imap, "a NO [LIMIT] the mailbox is in use")]
    {
        let first = scene.logged_in(protocol).await;
        let mut second = scene.client(protocol).await;
        log_in(&mut second, protocol, PLAIN).await;
        second.expect(busy).await;
        log_in(&mut second, protocol, PLAIN).await;
        drop(first);
        second.expect(yes(protocol)).await;
    }
    // POP3 has no such limit.
    let _first = scene.logged_in(Protocol::Pop3).await;
    drop(scene.logged_in(Protocol::Pop3).await);
}

#[tokio::test]
async fn one_waiter_too_many_is_refused_at_once_and_one_that_leaves_makes_room() {
    let scene = scene("gate_waiters = 1\ngate_seconds = 600", "[providers.simulated.limits]\nimap_sessions = 1").await;
    let first = scene.logged_in(Protocol::Imap).await;
    let mut leaving = scene.client(Protocol::Imap).await;
    log_in(&mut leaving, Protocol::Imap, PLAIN).await;
    let mut refused = scene.client(Protocol::Imap).await;
    let reply = loop {
        log_in(&mut refused, Protocol::Imap, PLAIN).await;
        let reply = tokio::time::timeout(Duration::from_millis(300), refused.expect("a NO [LIMIT] too many")).await;
        match reply {
            Ok(reply) => break reply,
            // It was the first of the two to wait.
            Err(_) => std::mem::swap(&mut leaving, &mut refused),
        }
    };
    assert!(reply.contains("try again later"));
    drop(leaving);
    // It waits once the other is gone, and is next.
    log_in(&mut refused, Protocol::Imap, PLAIN).await;
    drop(first);
    let mut reply = refused.expect("a ").await;
    while reply.starts_with("a NO") {
        log_in(&mut refused, Protocol::Imap, PLAIN).await;
        reply = refused.expect("a ").await;
    }
    assert!(reply.starts_with("a OK"), "{reply}");
}
