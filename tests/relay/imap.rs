//! IMAP and POP3 after login: raw bytes, read-ahead first.

use gatepost::model::Protocol;

use crate::scene::{MAILBOX, PASSWORD, PLAIN, Scene};

#[tokio::test]
async fn commands_sent_together_with_the_login_reach_the_upstream() {
    let scene = Scene::new().await;
    scene.provider.deliver(MAILBOX, b"Subject: x\r\n\r\nbody\r\n");
    let mut peer = scene.client(Protocol::Imap).await;
    peer.send(format!("a LOGIN evmail \"{PASSWORD}\"\r\nb SELECT INBOX\r\nc LOGOUT\r\n")).await;
    peer.tagged("a OK [CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2").await;
    assert!(peer.tagged("b OK ").await.contains("* 1 EXISTS"));
    peer.tagged("c OK ").await;
    peer.expect_end().await;

    let mut peer = scene.client(Protocol::Pop3).await;
    peer.send(format!("USER evmail\r\nPASS {PASSWORD}\r\nSTAT\r\nQUIT\r\n")).await;
    for reply in ["+OK", "+OK Logged in", "+OK 1 20", "+OK"] {
        peer.expect(reply).await;
    }
    peer.expect_end().await;
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let scene = Scene::new().await;
    let content: Vec<u8> =
        (0..200_000).flat_map(|line| format!("{line:08} .abcdefghijklmnopqrstuvwxyz\r\n").into_bytes()).collect();
    scene.provider.deliver(MAILBOX, &content);
    let mut peer = scene.client(Protocol::Imap).await;
    peer.send(format!("a AUTHENTICATE PLAIN {PLAIN}\r\n")).await;
    peer.tagged("a OK").await;
    peer.send("s SELECT INBOX\r\n").await;
    peer.tagged("s OK").await;
    peer.send("b FETCH 1 (BODY[])\r\n").await;
    peer.expect("* 1 FETCH ").await;
    assert!(peer.take(content.len()).await == content);
    peer.tagged("b OK").await;
}

#[tokio::test]
async fn a_client_that_closes_its_half_still_gets_its_answers() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Imap).await;
    peer.send("b NOOP\r\nc LOGOUT\r\n").await;
    peer.shutdown().await;
    peer.tagged("b OK").await;
    peer.tagged("c OK").await;
    peer.expect_end().await;
}
