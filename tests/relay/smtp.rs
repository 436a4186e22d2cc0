//! SMTP after login: a conversation, and law 1 when it breaks.

use gatepost::model::Protocol;
use gatepost_kit::{Break, Peer};

use crate::scene::{MAILBOX, Scene, Setting};

/// Sends a message up to 354; the body is the test's.
async fn until_data(peer: &mut Peer) {
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    peer.expect("250 2.1.0 Sender OK").await;
    peer.send("RCPT TO:<a@example.com>\r\n").await;
    peer.expect("250 2.1.5 Recipient OK").await;
    peer.send("DATA\r\n").await;
    peer.expect("354 Start mail input").await;
}

#[tokio::test]
async fn messages_arrive_byte_for_byte_many_in_a_session() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    let bodies: [(&[u8], &[u8]); 5] = [
        (b"Subject: a\r\n\r\nhello\r\n", b"Subject: a\r\n\r\nhello\r\n"),
        (b"", b""),
        (b"..\r\n...\r\n..x\r\n", b".\r\n..\r\n.x\r\n"),
        (b"Subject: \xc3\xa9\xff\r\n\r\n8-bit \xe9\r\n", b"Subject: \xc3\xa9\xff\r\n\r\n8-bit \xe9\r\n"),
        (&[b'x'; 5000], b""),
    ];
    for (wire, content) in &bodies[..4] {
        until_data(&mut peer).await;
        peer.send([wire, &b".\r\n"[..]].concat()).await;
        peer.expect("250 2.0.0 OK <simulated-").await;
        assert_eq!(scene.provider.mail("a@example.com").last().unwrap().content, *content);
    }
    until_data(&mut peer).await;
    peer.send([bodies[4].0, b"\r\n.\r\nQUIT\r\n"].concat()).await;
    peer.expect("250 2.0.0 OK").await;
    peer.expect("221 ").await;
    peer.expect_end().await;
    assert_eq!(scene.provider.mail("a@example.com").len(), 5);
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("EHLO again\r\nRSET\r\nMAIL FROM:<{MAILBOX}> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")).await;
    let hello = peer.expect("250-relay.example").await;
    assert!(
        hello.contains("250-PIPELINING")
            && hello.contains("SMTPUTF8")
            && !hello.contains("AUTH")
            && !hello.contains("CHUNKING"),
        "{hello}"
    );
    for reply in ["250 2.0.0 Resetting", "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
    peer.send(format!("x\r\n.\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nRSET\r\nNOOP\r\nQUIT\r\n")).await;
    for reply in ["250 2.0.0 OK <", "250 2.1.0", "250 2.1.5", "250 2.0.0 Resetting", "250 2.0.0 OK", "221 "] {
        peer.expect(reply).await;
    }
    assert_eq!(scene.provider.mail("b@example.com").len(), 1);
}

#[tokio::test]
async fn the_upstreams_replies_come_back_as_they_are() {
    let scene = Scene::new().await;
    let multi = "550-5.1.1 no such user\r\n550 5.1.1 at all\r\n";
    scene.provider.faults(|faults| {
        faults.replies.insert("RCPT", multi);
    });
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<x@example.com>\r\n")).await;
    peer.expect("250 ").await;
    assert_eq!(peer.expect("550-5.1.1 ").await, multi);
    scene.provider.faults(|faults| {
        faults.replies.clear();
        faults.replies.insert("END", "554 5.2.252 SendAsDenied; a@x not allowed to send as b@y\r\n");
    });
    peer.send("RSET\r\n").await;
    peer.expect("250 ").await;
    until_data(&mut peer).await;
    peer.send("x\r\n.\r\n").await;
    peer.expect("554 5.2.252 SendAsDenied").await;
    scene.provider.faults(|faults| {
        faults.replies.insert("DATA", "452 4.3.1 no room\r\n");
    });
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")).await;
    for reply in ["250 ", "250 ", "452 4.3.1 no room"] {
        peer.expect(reply).await;
    }
    assert!(scene.provider.mail("a@example.com").is_empty());
}

/// A body whose DATA was refused is no list of commands.
#[tokio::test]
async fn a_client_that_does_not_wait_for_354_is_not_obeyed() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults.replies.insert("DATA", "452 4.3.1 no room\r\n");
    });
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!(
        "MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nRSET\r\nMAIL FROM:<evil@example.com>\r\n.\r\n"
    ))
    .await;
    for reply in ["250 ", "250 ", "452 4.3.1 no room", "421 4.4.2 "] {
        peer.expect(reply).await;
    }
    peer.expect_end().await;
}

/// Law 1: an upstream that breaks off before its final reply never becomes a 250.
#[tokio::test]
async fn a_broken_upstream_is_a_451_and_never_a_250() {
    for (broken, at_body) in [(Break::InBody(10), true), (Break::AfterBody, true), (Break::AtMail, false)] {
        let scene = Scene::new().await;
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        scene.provider.faults(|faults| faults.breaks = Some(broken));
        if at_body {
            until_data(&mut peer).await;
            peer.send("0123456789\r\n").await;
            peer.send([&vec![b'x'; 100_000][..], b"\r\n.\r\n"].concat()).await;
            peer.expect("451 4.4.2 ").await;
            peer.send("QUIT\r\n").await;
            peer.expect("221 ").await;
        } else {
            peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
            peer.expect("421 4.4.2 ").await;
        }
        peer.expect_end().await;
        assert!(scene.provider.mail("a@example.com").is_empty(), "{broken:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_delivers_nothing() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    until_data(&mut peer).await;
    peer.send("half a message\r\n.").await;
    drop(peer);
    drop(scene.logged_in(Protocol::Smtp).await);
    assert!(scene.provider.mail("a@example.com").is_empty());
}

/// Law 6; the attempts of SMTP smuggling among them.
#[tokio::test]
async fn bare_cr_bare_lf_and_nul_are_refused_and_nothing_of_the_message_is_delivered() {
    for body in [
        &b"x\n.\nMAIL FROM:<evil@example.com>\r\n"[..],
        b"x\r\n.\nx\r\n",
        b"x\n.\r\nx\r\n",
        b"x\r.\rx\r\n",
        b"x\0y\r\n",
    ] {
        let scene = Scene::new().await;
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        until_data(&mut peer).await;
        peer.send([body, &b".\r\n"[..]].concat()).await;
        peer.expect("550 5.6.11 ").await;
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        assert!(scene.provider.mail("a@example.com").is_empty(), "{body:?}");
    }
}

#[tokio::test]
async fn sizes_are_bounded_early_and_late() {
    let scene = Scene::with(Setting { limits: "message_octets = 2000", ..Setting::default() }).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}> SIZE=2001\r\nMAIL FROM:<{MAILBOX}> SIZE=99999999999999999999999\r\n"))
        .await;
    peer.expect("552 5.3.4 ").await;
    peer.expect("501 5.5.4 ").await;
    until_data(&mut peer).await;
    peer.send([&[b'x'; 1998][..], b"\r\n.\r\n"].concat()).await;
    peer.expect("250 ").await;
    until_data(&mut peer).await;
    peer.send([&[b'x'; 1999][..], b"\r\n.\r\n"].concat()).await;
    peer.expect("552 5.3.4 ").await;
    assert_eq!(scene.provider.mail("a@example.com").len(), 1);

    // A body that never ends is given up.
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    until_data(&mut peer).await;
    for _ in 0..4 {
        peer.send([b'x'; 1500]).await;
    }
    peer.expect("552 5.3.4 ").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_stop_finishes_the_message_under_way() {
    let Scene { provider, gatepost, directory: _directory, .. } = { Scene::new().await };
    let address = gatepost.listeners().iter().find(|(served, _)| *served == Protocol::Smtp).unwrap().1.tcp().unwrap();
    let connect = async || {
        let mut peer = Peer::connect(address).await;
        peer.expect("220 ").await;
        peer.send(format!("AUTH PLAIN {}\r\n", crate::scene::PLAIN)).await;
        peer.expect("235 ").await;
        peer
    };
    let (mut idle, mut busy) = (connect().await, connect().await);
    until_data(&mut busy).await;
    let stopping = tokio::spawn(gatepost.stop());
    idle.expect("421 4.3.2 ").await;
    busy.send("x\r\n.\r\n").await;
    busy.expect("250 2.0.0 OK").await;
    stopping.await.unwrap();
    assert_eq!(provider.mail("a@example.com").len(), 1);
}
