//! Bounds of sessions and of wrong passwords, with real clients' addresses, which a proxy tells.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::log::Log;
use crate::scene::{PLAIN, Scene, Setting, greeting, log_in, try_later, wrong_password, yes};

/// Every client says where it is.
const PROXIED: &str = r#"proxy_protocol = ["127.0.0.1"]"#;

const fn anywhere(limits: &'static str) -> Setting {
    Setting { listener: PROXIED, plaintext_auth: r#"["0.0.0.0/0", "::/0"]"#, limits, ..Setting::USUAL }
}

fn plain(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

async fn from(scene: &Scene, protocol: Protocol, address: &str) -> Peer {
    let mut peer = Peer::connect(scene.address(protocol)).await;
    let family = if address.contains(':') { "TCP6 " } else { "TCP4 " };
    let us = if address.contains(':') { "::1" } else { "10.0.0.5" };
    peer.send(format!("PROXY {family}{address} {us} 12345 25\r\n")).await;
    peer
}

async fn client(scene: &Scene, protocol: Protocol, address: &str) -> Peer {
    let mut peer = from(scene, protocol, address).await;
    peer.expect(greeting(protocol)).await;
    peer
}

/// Presents a password; expects an answer that begins so.
async fn answers(peer: &mut Peer, protocol: Protocol, (user, password): (&str, &str), expected: &str) {
    log_in(peer, protocol, &plain(user, password)).await;
    peer.expect(expected).await;
}

#[tokio::test]
async fn guesses_are_refused_for_a_while_without_a_hash_and_only_there() {
    const LIMITS: &str = "login_failures_per_login = 2\nlogin_delay_seconds = 0\nlogin_attempts = 100";
    for protocol in Protocol::ALL {
        let (log, _guard) = Log::open();
        let scene = Scene::with(anywhere(LIMITS)).await;
        let mut guesser = client(&scene, protocol, "192.0.2.1").await;
        for password in ["one", "two"] {
            answers(&mut guesser, protocol, ("evmail", password), wrong_password(protocol)).await;
        }
        // Nobody learns any more whether it is right: not even who guessed it.
        for password in ["three", "pass word"] {
            answers(&mut guesser, protocol, ("EvMail", password), try_later(protocol)).await;
        }
        // What was wrong before is wrong.
        answers(&mut guesser, protocol, ("evmail", "one"), wrong_password(protocol)).await;
        // A name that is nobody's is no different.
        for (password, expected) in
            [("a", wrong_password(protocol)), ("b", wrong_password(protocol)), ("c", try_later(protocol))]
        {
            answers(&mut guesser, protocol, ("nobody", password), expected).await;
        }
        let mut elsewhere = client(&scene, protocol, "192.0.2.2").await;
        answers(&mut elsewhere, protocol, ("evmail", "pass word"), yes(protocol)).await;
        // A password that is known needs no leave.
        answers(&mut guesser, protocol, ("evmail", "pass word"), yes(protocol)).await;
        let reached = log.events("limit.reached");
        assert_eq!(reached.len(), 2, "{reached:?}");
        assert!(reached[0].contains("limit=login_failures_per_login peer=192.0.2.1:12345 user=evmail"), "{reached:?}");
        assert!(reached[1].contains("user=nobody"), "{reached:?}");
        let failed = log.events("session.login_failed");
        let of = |reason: &str| failed.iter().filter(|line| line.contains(reason)).count();
        assert_eq!(of("unknown user or wrong password"), 4, "{failed:?}");
        assert_eq!(of("the same wrong password as before"), 1, "{failed:?}");
        assert_eq!(of(" WARN "), 4 + 2, "who waits is told of once in a while: {failed:?}");
    }
}

#[tokio::test]
async fn an_account_has_so_many_sessions_and_the_next_one_is_told_to_try_later() {
    for (protocol, busy) in
        [(Protocol::Smtp, "451 4.3.2 "), (Protocol::Imap, "a NO [LIMIT] "), (Protocol::Pop3, "-ERR [SYS/TEMP] ")]
    {
        let scene = Scene::with(anywhere("sessions_per_account = 1\nlogin_attempts = 1000")).await;
        let mut first = client(&scene, Protocol::Imap, "192.0.2.1").await;
        log_in(&mut first, Protocol::Imap, PLAIN).await;
        first.expect(yes(Protocol::Imap)).await;
        let logins = scene.provider.logins().len();
        let mut second = client(&scene, protocol, "192.0.2.2").await;
        answers(&mut second, protocol, ("evmail", "pass word"), busy).await;
        assert_eq!(scene.provider.logins().len(), logins, "the upstream was not bothered");
        first.send("z LOGOUT\r\n").await;
        first.rest().await;
        drop(first);
        // The place is free once the session's end has been seen.
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            log_in(&mut second, protocol, PLAIN).await;
            let answer = second.line().await;
            if answer.starts_with(yes(protocol)) {
                break;
            }
            assert!(answer.starts_with(busy) && Instant::now() < end, "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn silence_ends_a_session_with_a_goodbye_where_the_protocol_has_one() {
    let limits = "smtp_idle_seconds = 1\nimap_idle_seconds = 1\npop3_idle_seconds = 1";
    let scene = Scene::with(Setting { limits, ..Setting::USUAL }).await;
    for (protocol, goodbye) in
        [(Protocol::Smtp, "421 4.4.2 Idle"), (Protocol::Imap, "* BYE Idle for too long"), (Protocol::Pop3, "")]
    {
        let mut peer = scene.logged_in(protocol).await;
        let last = String::from_utf8(peer.rest().await).unwrap();
        assert!(last.starts_with(goodbye) && last.is_empty() == goodbye.is_empty(), "{protocol}: {last:?}");
    }
    // Whoever asked for it may be silent (RFC 2177).
    let mut idling = scene.logged_in(Protocol::Imap).await;
    idling.send("i IDLE\r\n").await;
    idling.expect("+").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    idling.send("DONE\r\n").await;
    idling.expect("i OK").await;
}

#[tokio::test]
async fn a_session_that_has_lasted_as_long_as_it_may_ends_between_two_messages() {
    let scene = Scene::with(Setting { limits: "smtp_session_seconds = 1", ..Setting::USUAL }).await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send("MAIL FROM:<support@example.com>\r\n").await;
    peer.expect("250 ").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    peer.send("RCPT TO:<a@example.org>\r\n").await;
    peer.expect("250 ").await;
    peer.send("DATA\r\n").await;
    peer.expect("354 ").await;
    peer.send("Subject: a\r\n\r\nb\r\n.\r\n").await;
    peer.expect("250 ").await;
    peer.expect("421 4.3.2 This session has lasted").await;
    peer.expect_end().await;
    assert_eq!(scene.provider.mail("a@example.org").len(), 1);
}

#[tokio::test]
async fn clients_that_do_not_log_in_make_room_for_others() {
    let (log, _guard) = Log::open();
    let scene = Scene::with(anywhere("sessions = 6\npending_logins = 4")).await;
    let mut real = client(&scene, Protocol::Imap, "192.0.2.1").await;
    answers(&mut real, Protocol::Imap, ("evmail", "pass word"), yes(Protocol::Imap)).await;
    // One who came early and is slow, and many of one address who say nothing, or nothing that makes sense.
    let mut slow = client(&scene, Protocol::Smtp, "192.0.2.9").await;
    let mut flood = Vec::new();
    for number in 0..20 {
        let mut one = client(&scene, Protocol::Pop3, "192.0.2.66").await;
        if number % 2 == 0 {
            one.send("\r\nBLAH\r\n").await;
        }
        flood.push(one);
    }
    assert!(String::from_utf8(flood.remove(1).rest().await).unwrap().starts_with("-ERR [SYS/TEMP] Too many sessions"));
    for protocol in Protocol::ALL {
        let mut another = client(&scene, protocol, "192.0.2.2").await;
        answers(&mut another, protocol, ("evmail", "pass word"), yes(protocol)).await;
    }
    answers(&mut slow, Protocol::Smtp, ("evmail", "pass word"), yes(Protocol::Smtp)).await;
    real.send("b NOOP\r\n").await;
    real.tagged("b OK").await;
    let reached = log.events("limit.reached");
    assert!(!reached.is_empty() && reached.len() <= 2, "one line of each bound: {reached:?}");
    assert!(reached[0].contains("limit=\"pending_logins\""), "{reached:?}");
}

#[tokio::test]
async fn an_address_has_so_many_sessions_and_the_next_one_is_told_to_try_later() {
    let scene = Scene::with(anywhere("sessions_per_address = 1")).await;
    for protocol in Protocol::ALL {
        let mut first = client(&scene, protocol, "192.0.2.1").await;
        answers(&mut first, protocol, ("evmail", "pass word"), yes(protocol)).await;
        let mut second = from(&scene, protocol, "192.0.2.1").await;
        let busy = match protocol {
            Protocol::Smtp => "421 4.3.2 ",
            Protocol::Imap => "* BYE [UNAVAILABLE] ",
            Protocol::Pop3 => "-ERR [SYS/TEMP] ",
        };
        second.expect(busy).await;
        second.expect_end().await;
        drop(client(&scene, protocol, "192.0.2.2").await);
        drop(first);
        let let_in = async {
            while !from(&scene, protocol, "192.0.2.1").await.line().await.starts_with(greeting(protocol)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), let_in).await.expect("nobody is let in again");
    }
}

#[tokio::test]
async fn who_talks_on_and_on_without_a_login_is_sent_away() {
    let scene = Scene::with(Setting { limits: "login_commands = 10", ..Setting::USUAL }).await;
    for (protocol, command) in
        [(Protocol::Smtp, "NOOP\r\n"), (Protocol::Imap, "a NOOP\r\n"), (Protocol::Pop3, "CAPA\r\n")]
    {
        let mut peer = scene.client(protocol).await;
        peer.send(command.repeat(10)).await;
        let said = String::from_utf8(peer.rest().await).unwrap();
        assert!(said.trim_end().ends_with("Too many commands before login"), "{said}");
    }
}
