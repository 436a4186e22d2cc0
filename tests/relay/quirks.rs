//! What old clients do, from the first byte to the message that arrives.

use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::log::Log;
use crate::scene::{MAILBOX, PASSWORD, PLAIN, Scene, Setting};

fn lenient() -> Setting {
    Setting { listener: "newline = \"lenient\"", ..Setting::default() }
}

/// The replies to what was sent, in order.
async fn expect_all(peer: &mut Peer, replies: &[&str]) {
    for reply in replies {
        peer.expect(reply).await;
    }
}

/// A script over netcat: it reads nothing, and everything ends in a bare LF.
#[tokio::test]
async fn a_shell_script_of_bare_lf_delivers_one_message_each() {
    let scene = Scene::with(lenient()).await;
    let mut peer = Peer::connect(scene.address(Protocol::Smtp)).await;
    let message = format!("MAIL FROM:<{MAILBOX}>\nRCPT TO:<a@example.com>\nDATA\n");
    peer.send(format!("HELO cron\nAUTH PLAIN {PLAIN}\n{message}Subject: x\n\n..dot\nend\n.\n{message}2\n.\nQUIT\n"))
        .await;
    let sent = ["250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0 OK"];
    expect_all(&mut peer, &["220 ", "250 relay.example", "235 "]).await;
    expect_all(&mut peer, &sent).await;
    expect_all(&mut peer, &sent).await;
    peer.expect("221 ").await;
    peer.expect_end().await;
    let contents: Vec<_> = scene.provider.mail("a@example.com").into_iter().map(|mail| mail.content.clone()).collect();
    assert_eq!(contents, [&b"Subject: x\r\n\r\n.dot\r\nend\r\n"[..], b"2\r\n"]);
}

/// Good commands, and a body as a file holds it. What stands in the file ends nothing.
#[tokio::test]
async fn sendemail_and_blat_send_files_of_bare_lf_between_good_commands() {
    let scene = Scene::with(lenient()).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    let message = format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n");
    peer.send(&message).await;
    expect_all(&mut peer, &["250 ", "250 ", "354 "]).await;
    let smuggled = "MAIL FROM:<evil@example.com>\nRCPT TO:<b@example.com>\nDATA\n";
    // In pieces: what is held back between them is not lost.
    for piece in ["hello\n", ".", "\n", smuggled, "\n.", "\r", "\nbye\n\r\n", ".\r\n"] {
        peer.send(piece).await;
        tokio::task::yield_now().await;
    }
    peer.expect("250 2.0.0 OK").await;
    peer.send("QUIT\r\n").await;
    peer.expect("221 ").await;
    let mails = scene.provider.mail("a@example.com");
    let content =
        "hello\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n\r\n.\r\nbye\r\n\r\n";
    assert_eq!(mails.iter().map(|mail| mail.content.as_slice()).collect::<Vec<_>>(), [content.as_bytes()]);
    assert!(scene.provider.mail("b@example.com").is_empty());
}

/// It waits in vain, and at least the log says why; half a message is no message.
#[tokio::test]
async fn a_dot_whose_line_breaks_contradict_those_of_commands_ends_nothing() {
    let (log, _logging) = Log::open();
    let scene = Scene::with(lenient()).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")).await;
    expect_all(&mut peer, &["250 ", "250 ", "354 "]).await;
    peer.send("hello\n.\r\n").await;
    peer.shutdown().await;
    peer.rest().await;
    assert!(scene.provider.mail("a@example.com").is_empty());
    let text = log.text();
    assert!(
        text.contains("went away during the message: it sent DATA with CRLF, and then a dot with a bare LF"),
        "{text}"
    );
}

/// Lenient is no licence for what cannot be mended, nor for endless bodies.
#[tokio::test]
async fn bare_cr_and_nul_are_refused_all_the_same() {
    let setting = Setting { limits: "message_octets = 2000", ..lenient() };
    for (body, refusal) in [("x\r.\r\n.\n", "550 5.6.11 bare CR"), ("x\0\n.\n", "550 5.6.11 NUL")] {
        let scene = Scene::with(setting).await;
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        peer.send(format!("MAIL FROM:<{MAILBOX}>\nRCPT TO:<a@example.com>\nDATA\n")).await;
        expect_all(&mut peer, &["250 ", "250 ", "354 "]).await;
        peer.send(body).await;
        peer.expect(refusal).await;
        assert!(scene.provider.mail("a@example.com").is_empty());
    }
    let scene = Scene::with(setting).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\nRCPT TO:<a@example.com>\nDATA\n\0")).await;
    expect_all(&mut peer, &["250 ", "250 ", "354 "]).await;
    for _ in 0..4 {
        peer.send([b'x'; 1500]).await;
    }
    peer.expect("552 5.3.4 ").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn bare_lf_logs_in_to_imap_and_pop3_where_it_may() {
    let scene = Scene::with(lenient()).await;
    let mut peer = scene.client(Protocol::Imap).await;
    peer.send(format!("1 CAPABILITY\na LOGIN {{6}}\nevmail \"{PASSWORD}\"\n")).await;
    peer.tagged("1 OK ").await;
    peer.expect("+ OK").await;
    peer.tagged("a OK ").await;
    let mut peer = scene.client(Protocol::Pop3).await;
    peer.send(format!("USER evmail\nPASS {PASSWORD}\nSTAT\r\n")).await;
    expect_all(&mut peer, &["+OK", "+OK Logged in", "+OK 0 0"]).await;

    let strict = Scene::new().await;
    for (protocol, refusal) in [(Protocol::Smtp, "500 5.5.2 "), (Protocol::Imap, "a BAD "), (Protocol::Pop3, "-ERR ")] {
        let mut peer = strict.client(protocol).await;
        peer.send("a NOOP\n").await;
        peer.expect(refusal).await;
    }
}

#[tokio::test]
async fn mailkit_says_ehlo_again_after_auth_and_auth_again_is_out_of_place() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("EHLO again\r\nAUTH PLAIN {PLAIN}\r\nMAIL FROM:<{MAILBOX}>\r\nAUTH LOGIN\r\nQUIT\r\n")).await;
    let hello = peer.expect("250-relay.example").await;
    assert!(!hello.contains("AUTH") && !hello.contains("STARTTLS"), "{hello}");
    expect_all(&mut peer, &["503 5.5.1 ", "250 2.1.0", "503 5.5.1 ", "221 "]).await;
}

/// UPS cards and the like: one packet, sent before the banner was read.
#[tokio::test]
async fn a_client_that_waits_for_nothing_is_answered_in_order() {
    let scene = Scene::new().await;
    let mut peer = Peer::connect(scene.address(Protocol::Smtp)).await;
    peer.send(format!("EHLO ups\r\nAUTH PLAIN {PLAIN}\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")).await;
    expect_all(&mut peer, &["220 ", "250-relay", "235 ", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0 OK", "221 "])
        .await;
    peer.expect_end().await;
    assert_eq!(scene.provider.mail("a@example.com").len(), 1);
}

/// What Outlook, Windows and old IMAP programs make of a user name, up to the provider.
#[tokio::test]
async fn user_names_come_with_and_without_their_domain() {
    let top = "default_domain = \"example.com\"";
    let scene = Scene::with(Setting { top, ..Setting::default() }).await;
    for user in ["EVMAIL", "CORP\\EvMail", "evmail@example.com", "corp\\evmail@Example.com", "evmail%example.com"] {
        let mut peer = scene.client(Protocol::Imap).await;
        peer.send(format!("a LOGIN {user} \"{PASSWORD}\"\r\n")).await;
        peer.tagged("a OK ").await;
        let mut peer = scene.client(Protocol::Pop3).await;
        peer.send(format!("USER {user} \r\nPASS {PASSWORD}\r\n")).await;
        expect_all(&mut peer, &["+OK", "+OK Logged in"]).await;
    }
    assert!(scene.provider.logins().iter().all(|login| login.user == MAILBOX));
    for user in ["evmail@example.org", "evmail@example.com@host", "evmail#inbox"] {
        let mut peer = scene.client(Protocol::Imap).await;
        peer.send(format!("a LOGIN {user} \"{PASSWORD}\"\r\n")).await;
        peer.tagged("a NO [AUTHENTICATIONFAILED] ").await;
    }
}

/// Printers and scripts that leave without QUIT: that is how they are, and nobody has to be woken.
#[tokio::test]
async fn a_client_that_leaves_without_a_word_is_no_error() {
    let (log, _logging) = Log::open();
    let scene = Scene::new().await;
    for protocol in Protocol::ALL {
        drop(Peer::connect(scene.address(protocol)).await);
        drop(scene.client(protocol).await);
        drop(scene.logged_in(protocol).await);
    }
    // A stop waits for the sessions.
    scene.gatepost.stop().await;
    let text = log.text();
    let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
    assert_eq!((count("session.opened"), count("session.closed")), (9, 9), "{text}");
    assert_eq!((count(" WARN "), count("ERROR ")), (0, 0), "{text}");
}
