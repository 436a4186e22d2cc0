//! `gatepost trace`: what clients and upstream say to each other, without their secrets.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_kit::Peer;

use crate::gatepost;
use crate::place::{PASSWORD, Place};

/// Nothing takes so long unless it is broken.
const LONG: Duration = Duration::from_mins(1);
const BODY: &str = "S3cretOfTheMessage";

/// A trace under way, into a file.
fn trace(place: &Place, whose: &str) -> Child {
    let output = std::fs::File::create(place.path("trace")).unwrap();
    let config = place.path("gatepost.toml");
    let mut command = gatepost(&["trace", whose, "--minutes", "1", "--config", config.to_str().unwrap()]);
    let child = command.stdout(output).stderr(Stdio::inherit()).spawn().unwrap();
    soon(place, "watching for a minute");
    child
}

fn soon(place: &Place, what: &str) -> String {
    let end = Instant::now() + LONG;
    loop {
        let text = place.read("trace");
        if text.contains(what) {
            return text;
        }
        assert!(Instant::now() < end, "{what} is not in:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn client(place: &Place, protocol: usize) -> Peer {
    let mut peer = Peer::connect(SocketAddr::from(([127, 0, 0, 1], place.port(protocol)))).await;
    peer.line().await;
    peer
}

async fn asks(peer: &mut Peer, command: &str, answer: &str) {
    peer.send(format!("{command}\r\n")).await;
    loop {
        let line = peer.line().await;
        if line.starts_with(answer) {
            return;
        }
        assert!(!line.is_empty(), "{command}: no {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_shown_live_and_no_secret_of_it() {
    let mut place = Place::new().await;
    place.serve();
    let mut watching = trace(&place, "EVMAIL");
    let plain = STANDARD.encode(format!("\0evmail\0{PASSWORD}"));

    let mut smtp = client(&place, 0).await;
    asks(&mut smtp, "EHLO program", "250 ").await;
    asks(&mut smtp, &format!("AUTH PLAIN {plain}"), "235 ").await;
    asks(&mut smtp, "MAIL FROM:<support@example.com>", "250 ").await;
    asks(&mut smtp, "RCPT TO:<me@example.com>", "250 ").await;
    asks(&mut smtp, "DATA", "354 ").await;
    asks(&mut smtp, &format!("Subject: {BODY}\r\n\r\nMAIL FROM:<{BODY}>\r\n."), "250 ").await;
    asks(&mut smtp, "QUIT", "221 ").await;

    let mut imap = client(&place, 1).await;
    asks(&mut imap, &format!("a1 LOGIN evmail \"{PASSWORD}\""), "a1 OK").await;
    asks(&mut imap, "a2 SELECT INBOX", "a2 OK").await;
    let message = format!("Subject: {BODY}\r\n\r\na3 SELECT {BODY}\r\n");
    asks(&mut imap, &format!("a3 APPEND INBOX {{{}+}}\r\n{message}", message.len()), "a3 ").await;
    asks(&mut imap, "a4 FETCH 1:* (FLAGS BODY.PEEK[])", "a4 ").await;
    asks(&mut imap, "a5 LOGOUT", "a5 ").await;

    let mut pop3 = client(&place, 2).await;
    asks(&mut pop3, "USER evmail", "+OK").await;
    asks(&mut pop3, &format!("PASS {PASSWORD}"), "+OK").await;
    asks(&mut pop3, "STAT", "+OK").await;
    asks(&mut pop3, "QUIT", "+OK").await;

    // Somebody else, who is nobody's business here.
    let mut other = client(&place, 1).await;
    asks(&mut other, "x1 LOGIN nobody wrongwrong", "x1 NO").await;

    let shown = soon(&place, "client → upstream: QUIT");
    for line in [
        "smtp client → gatepost: EHLO program",
        &format!("smtp client → gatepost: AUTH PLAIN [{} octets]", plain.len()),
        "smtp gatepost → upstream: AUTH XOAUTH2",
        "smtp upstream → gatepost: 235",
        "smtp gatepost → upstream: MAIL FROM <support@example.com>",
        "smtp upstream → gatepost: 354 ",
        "octets of a message]",
        "smtp upstream → gatepost: 250 ",
        "imap client → gatepost: a1 LOGIN [18 octets]",
        "imap gatepost → upstream: ",
        "imap client → upstream: a2 SELECT INBOX",
        "imap upstream → client: a2 OK",
        "imap client → upstream: a3 APPEND INBOX [",
        "imap client → upstream: a4 FETCH 1:* FLAGS BODY.PEEK",
        "imap upstream → client: a5 OK",
        "pop3 client → gatepost: PASS [9 octets]",
        "pop3 client → upstream: STAT",
        "pop3 upstream → client: +OK",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    // The simulated provider's tokens are full of these, as they are and in base64.
    let tokens = ["simulated.access".to_owned(), "xxxxxxxx".to_owned(), STANDARD.encode("xxxxxxxxx")];
    let mut secrets = vec![PASSWORD.to_owned(), plain, BODY.to_owned(), "nobody".to_owned(), "wrongwrong".to_owned()];
    secrets.extend(tokens);
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret} is in:\n{shown}");
    }

    assert!(place.read("log").contains("\"trace.started\""));
    watching.kill().unwrap();
    watching.wait().unwrap();
    let end = Instant::now() + LONG;
    while !place.read("log").contains("\"trace.ended\"") {
        assert!(Instant::now() < end, "{}", place.read("log"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut rest = String::new();
    std::fs::File::open(place.path("trace")).unwrap().read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("watching for a minute"));
}
