//! Refusals right after a login: they pass untouched, are told once, and the next login takes another token.

use gatepost::model::Protocol;

use crate::log::Log;
use crate::scene::{MAILBOX, PLAIN, Scene, log_in};

const EVENT: &str = "session.refused_after_login";
const NOT_CONNECTED: &str = "BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14\r\n";

#[tokio::test]
async fn a_mailbox_that_is_not_connected_is_told_of_and_gets_a_fresh_token_once() {
    let (log, _logging) = Log::open();
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults.replies.insert("SELECT", NOT_CONNECTED);
    });
    for requests in [1, 2, 2] {
        let mut peer = scene.logged_in(Protocol::Imap).await;
        assert_eq!(scene.provider.token_requests().len(), requests);
        peer.send("b SELECT INBOX\r\n").await;
        assert_eq!(peer.line().await, "b BAD User is authenticated but not connected.\r\n");
        assert_eq!(peer.line().await, "* BYE Connection closed. 14\r\n");
    }
    let events = log.events(EVENT);
    assert_eq!(events.len(), 3, "one a session: {events:?}");
    for said in [
        "protocol=imap",
        "account=\"EvMail\"",
        "token=\"support\"",
        "said=b BAD User is authenticated but not connected.",
        "cause=",
        "remedy=",
        "distrusted=true",
    ] {
        assert!(events[0].contains(said), "{said}: {}", events[0]);
    }
    assert!(events[0].contains(&format!("Set-CASMailbox {MAILBOX}")), "{}", events[0]);
    assert!(events[1].contains("distrusted=false"), "{}", events[1]);
}

#[tokio::test]
async fn throttling_and_faults_are_told_of_and_need_no_other_token() {
    let (log, _logging) = Log::open();
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults.replies.insert("SELECT", "BAD Request is throttled. Suggested Backoff Time: 93784 milliseconds\r\n");
        faults.replies.insert("STAT", "-ERR Server Unavailable. 21\r\n");
    });
    let mut peer = scene.logged_in(Protocol::Imap).await;
    peer.send("b SELECT INBOX\r\n").await;
    peer.expect("b BAD Request is throttled. Suggested Backoff Time: 93784 milliseconds\r\n").await;
    let mut peer = scene.logged_in(Protocol::Pop3).await;
    peer.send("STAT\r\n").await;
    peer.expect("-ERR Server Unavailable. 21\r\n").await;
    // The mailbox rests for as long as the provider said, in that protocol.
    let mut peer = scene.client(Protocol::Imap).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect("a NO [LIMIT] ").await;
    drop(scene.logged_in(Protocol::Pop3).await);
    assert_eq!(log.events("upstream.throttled").len(), 1);
    assert_eq!(scene.provider.token_requests().len(), 1);
    let events = log.events(EVENT);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("throttles the mailbox") && events[1].contains("protocol=pop3"), "{events:?}");
}

/// Exchange, while the rights of an app are not known everywhere yet.
#[tokio::test]
async fn a_submission_without_rights_on_the_mailbox_gets_a_fresh_token() {
    for (stage, reply) in [
        ("MAIL", "530 5.7.57 Client not authenticated to send mail.\r\n"),
        ("END", "430 4.2.0 STOREDRV; mailbox logon failure; failed to process message\r\n"),
    ] {
        let scene = Scene::new().await;
        scene.provider.faults(|faults| {
            faults.replies.insert(stage, reply);
        });
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
        if stage == "END" {
            peer.expect("250 ").await;
            peer.send("RCPT TO:<a@example.com>\r\nDATA\r\n").await;
            peer.expect("250 ").await;
            peer.expect("354 ").await;
            peer.send("x\r\n.\r\n").await;
        }
        peer.expect(reply).await;
        drop(scene.logged_in(Protocol::Smtp).await);
        assert_eq!(scene.provider.token_requests().len(), 2, "{stage}");
    }
}
