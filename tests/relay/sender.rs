//! As whom an account may send: the policy from the command to what the provider gets.

use std::sync::Arc;

use gatepost::model::Protocol;
use gatepost_kit::{Mail, Peer};

use crate::log::Log;
use crate::scene::{MAILBOX, Scene, Setting};

const REQUIRE: &str = r#"sender = { policy = "require", addresses = ["support@example.com", "*@list.example"] }"#;
const REWRITE: &str = r#"sender = { policy = "rewrite" }"#;

async fn scene(account: &'static str) -> Scene {
    Scene::with(Setting { account, limits: "header_octets = 2000", ..Setting::default() }).await
}

/// Sends a message, dots already stuffed, and reads the reply to its end.
async fn send(peer: &mut Peer, mail: &str, message: &str, reply: &str) {
    for (line, reply) in [(mail, "250 2.1.0"), ("RCPT TO:<a@example.com>", "250 2.1.5"), ("DATA", "354 ")] {
        peer.send(format!("{line}\r\n")).await;
        peer.expect(reply).await;
    }
    // In two pieces, cut where it hurts.
    let (first, second) = message.split_at(message.len() / 2);
    peer.send(first).await;
    tokio::task::yield_now().await;
    peer.send(format!("{second}.\r\n")).await;
    peer.expect(reply).await;
}

fn last(scene: &Scene) -> Arc<Mail> {
    scene.provider.mail("a@example.com").last().unwrap().clone()
}

fn text(mail: &Mail) -> String {
    String::from_utf8(mail.content.clone()).unwrap()
}

#[tokio::test]
async fn by_default_a_message_says_what_it_likes() {
    let scene = scene("").await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    let message = format!("From: evil@x\r\nFrom: {}\r\nno header\r\n", "x".repeat(5000));
    send(&mut peer, "MAIL FROM:<evil@x>", &message, "250 ").await;
    assert_eq!((last(&scene).from.as_str(), text(&last(&scene))), ("evil@x", message));
}

#[tokio::test]
async fn other_senders_are_refused_and_nothing_of_their_messages_goes_on() {
    let scene = scene(REQUIRE).await;
    let refusal = "550 5.7.1 EvMail may not send as evil@x; allowed: support@example.com, *@list.example";
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send("MAIL FROM:<evil@x> SIZE=100\r\n").await;
    peer.expect(refusal).await;
    // The session goes on.
    let good = "From: Team <news@list.example>\r\n\r\n..dots\r\nFrom: evil@x\r\n";
    send(&mut peer, "MAIL FROM:<Support@example.com> SIZE=100 BODY=8BITMIME", good, "250 ").await;
    let mail = last(&scene);
    assert_eq!((mail.from.as_str(), mail.parameters.as_str()), ("Support@example.com", "SIZE=100 BODY=8BITMIME"));
    assert_eq!(text(&mail), good.replace("..", "."));
    send(&mut peer, "MAIL FROM:<>", "From: support@example.com\r\n", "250 ").await;
    let big = format!("From: support@example.com\r\nX: {}\r\n\r\nx\r\n", "x".repeat(3000));
    for (message, reply) in [
        ("From: evil@x\r\n\r\nx\r\n", refusal),
        ("Subject: x\r\n\r\nFrom: support@example.com\r\n", "550 5.7.1 The message has no From line"),
        ("From: support@example.com\r\nno header\r\n", "550 5.6.0 Line 2 of the message is no header line"),
        (&big, "552 5.3.4 The header is larger than header_octets = 2000"),
    ] {
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        send(&mut peer, "MAIL FROM:<>", message, reply).await;
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        peer.expect_end().await;
    }
    assert_eq!(scene.provider.mail("a@example.com").len(), 2);
}

#[tokio::test]
async fn every_message_is_from_the_address() {
    let scene = scene(REWRITE).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    let message =
        "Subject: scan\r\nFROM: \"2nd floor\"\r\n <scan@device.local>\r\nSender: root@device.local\r\n\r\n..x\r\n";
    send(&mut peer, "MAIL FROM:<scan@device.local> SIZE=100", message, "250 ").await;
    let mail = last(&scene);
    assert_eq!((mail.from.as_str(), mail.parameters.as_str()), (MAILBOX, "SIZE=100"));
    assert_eq!(
        text(&mail),
        "Subject: scan\r\nFrom: \"2nd floor\" <support@example.com>\r\nReply-To: scan@device.local\r\n\r\n.x\r\n"
    );
    send(&mut peer, "MAIL FROM:<>", "Subject: no from, no body\r\n", "250 ").await;
    assert_eq!(
        (last(&scene).from.as_str(), text(&last(&scene))),
        ("", "From: support@example.com\r\nSubject: no from, no body\r\n".into())
    );
    send(&mut peer, "MAIL FROM:<support@example.com>", "", "250 ").await;
    assert_eq!(text(&last(&scene)), "From: support@example.com\r\n");
    // A body far beyond one read.
    let body = "x".repeat(998) + "\r\n";
    let message = format!("From: support@example.com\r\n\r\n{}", body.repeat(300));
    send(&mut peer, "MAIL FROM:<support@example.com>", &message, "250 ").await;
    assert_eq!(text(&last(&scene)), message);
}

#[tokio::test]
async fn a_signature_is_told_of() {
    let (log, _logging) = Log::open();
    let signed = "DKIM-Signature: v=1; h=from\r\nFrom: evil@x\r\n\r\nx\r\n";
    for account in ["", REWRITE] {
        let scene = scene(account).await;
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        send(&mut peer, "MAIL FROM:<support@example.com>", signed, "250 ").await;
        send(&mut peer, "MAIL FROM:<support@example.com>", "From: evil@x\r\n\r\nx\r\n", "250 ").await;
    }
    let accepted = log.events("message.accepted");
    let says = |what: &str| accepted.iter().map(|line| line.contains(what)).collect::<Vec<_>>();
    assert_eq!(says("dkim=true"), [true, false, true, false], "{accepted:?}");
    assert_eq!(says("no longer holds"), [false, false, true, false], "{accepted:?}");
}
