//! An upstream that goes wrong at any point of a message: the client hears 4xx for the right command, and no message is
//! acknowledged that was not taken (law 1).

use gatepost::model::Protocol;
use gatepost_kit::{How, Peer, Point};

use crate::scene::{MAILBOX, Scene, Setting};

/// Whether a client sends its commands as a group or waits for each reply.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Groups,
    Steps,
}

/// A client's transaction: every reply code that it heard until the connection ended or the message was done.
async fn transact(peer: &mut Peer, manner: Manner) -> Vec<String> {
    let commands = [
        format!("MAIL FROM:<{MAILBOX}>\r\n"),
        "RCPT TO:<a@example.com>\r\n".into(),
        "RCPT TO:<a@example.com>\r\n".into(),
        "DATA\r\n".into(),
    ];
    let mut codes = Vec::new();
    if let Manner::Groups = manner {
        peer.send(commands.concat()).await;
    }
    for command in commands {
        if let Manner::Steps = manner {
            peer.send(command).await;
        }
        match code(peer).await {
            Some(code) => codes.push(code),
            None => return codes,
        }
        if codes.last().is_some_and(|code| code == "421") {
            return codes;
        }
    }
    if codes.last().is_some_and(|code| code == "354") {
        peer.send([&b"Subject: x\r\n\r\n"[..], &b"all work and no play\r\n".repeat(10_000), b".\r\n"].concat()).await;
        codes.extend(code(peer).await);
    }
    codes
}

async fn code(peer: &mut Peer) -> Option<String> {
    let line = peer.line().await;
    assert_ne!(line.get(3..4), Some("-"), "{line}");
    line.get(..3).map(str::to_owned)
}

const POINTS: [(Point, &str); 8] = [
    (Point::Mail, ""),
    (Point::Rcpt(1), "250 "),
    (Point::Rcpt(2), "250 250 "),
    (Point::Data, "250 250 250 "),
    (Point::GoAhead, "250 250 250 354 "),
    (Point::Body(10), "250 250 250 354 "),
    (Point::End, "250 250 250 354 "),
    (Point::Taken, "250 250 250 354 "),
];

/// Plays every point, in both manners; `last` is what the client hears in the end.
async fn everywhere(how: How, last: impl Fn(Point) -> &'static str) {
    let limits = "upstream_reply_seconds = 1\nend_of_data_seconds = 1";
    let scene = Scene::with(Setting { limits, ..Setting::default() }).await;
    let mut taken = 0;
    for manner in [Manner::Groups, Manner::Steps] {
        for (point, heard) in POINTS {
            scene.provider.faults(|faults| faults.mishap = Some((point, how)));
            let mut peer = scene.logged_in(Protocol::Smtp).await;
            let codes = transact(&mut peer, manner).await.join(" ");
            assert_eq!(codes, format!("{heard}{}", last(point)), "{how:?} at {point:?}, {manner:?}");
            peer.send("QUIT\r\n").await;
            let end = String::from_utf8(peer.rest().await).unwrap();
            assert!(["", "221 2.0.0 Bye\r\n"].contains(&&*end), "{how:?} at {point:?}, {manner:?}: {end}");
            taken += 2 * usize::from(point == Point::Taken);
            assert_eq!(scene.provider.mail("a@example.com").len(), taken, "{how:?} at {point:?}, {manner:?}");
        }
    }
}

/// 421 between messages, 451 for a message: it may be sent again.
const fn broken(point: Point) -> &'static str {
    match point {
        Point::Idle | Point::Mail | Point::Rcpt(_) | Point::Data => "421",
        Point::GoAhead | Point::Body(_) | Point::End | Point::Taken => "451",
    }
}

#[tokio::test]
async fn an_upstream_that_closes() {
    everywhere(How::Close, broken).await;
}

#[tokio::test]
async fn an_upstream_that_says_421() {
    everywhere(How::Bye, |_| "421").await;
}

#[tokio::test]
async fn an_upstream_that_falls_silent() {
    everywhere(How::Silence, broken).await;
}

#[tokio::test]
async fn an_upstream_that_talks_garbage() {
    everywhere(How::Garbage, broken).await;
}

/// Before any command the client is told at once, or with its first command.
#[tokio::test]
async fn an_upstream_that_leaves_an_idle_session() {
    let scene = Scene::with(Setting { limits: "upstream_reply_seconds = 1", ..Setting::default() }).await;
    for how in [How::Close, How::Bye, How::Garbage, How::EarlyYes, How::Silence] {
        scene.provider.faults(|faults| faults.mishap = Some((Point::Idle, how)));
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        if how == How::Silence {
            assert_eq!(transact(&mut peer, Manner::Groups).await, ["421"]);
        } else {
            peer.expect("421 4.4.2 ").await;
        }
        peer.expect_end().await;
    }
}

/// A yes that answers nothing is not taken for the answer to what comes next.
#[tokio::test]
async fn an_upstream_that_says_yes_too_early() {
    let scene = Scene::with(Setting { limits: "upstream_reply_seconds = 1", ..Setting::default() }).await;
    for (point, heard) in [(Point::Data, "250 250 250 421"), (Point::GoAhead, "250 250 250 354 451")] {
        scene.provider.faults(|faults| faults.mishap = Some((point, How::EarlyYes)));
        for manner in [Manner::Groups, Manner::Steps] {
            let mut peer = scene.logged_in(Protocol::Smtp).await;
            assert_eq!(transact(&mut peer, manner).await.join(" "), heard, "{point:?}, {manner:?}");
        }
    }
    // A message that comes in one piece leaves no pause to hear it in.
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")).await;
    for reply in ["250 ", "250 ", "354 "] {
        peer.expect(reply).await;
    }
    peer.send("x\r\n.\r\n").await;
    peer.expect("451 4.4.2 ").await;
    assert!(scene.provider.mail("a@example.com").is_empty());
}
