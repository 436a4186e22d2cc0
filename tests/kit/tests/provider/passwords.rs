//! App passwords at the mail servers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_kit::{Dialect, Login, Peer, Provider, Settings};

use crate::scene::{HOUR, USER, client, local, opens};

const PASSWORD: &str = "abcd efgh";

/// Lines that log in, each with what begins its answer, the last two with a good and a wrong password.
type Exchange = (&'static str, Vec<(String, &'static str)>, &'static str, &'static str);

fn plain(password: &str) -> String {
    STANDARD.encode(format!("\0{USER}\0{password}"))
}

fn exchanges(password: &str) -> Vec<(&'static str, Exchange)> {
    let (user, secret, plain) = (STANDARD.encode(USER), STANDARD.encode(password), plain(password));
    let line = |text: &str, answer| (format!("{text}\r\n"), answer);
    let smtp = |mechanism, lines| ("smtp", (mechanism, lines, "235 2.7.0", "535"));
    let imap = |mechanism, lines| ("imap", (mechanism, lines, "a OK", "a NO"));
    let pop3 = |mechanism, lines| ("pop3", (mechanism, lines, "+OK", "-ERR"));
    vec![
        smtp("PLAIN", vec![line(&format!("AUTH PLAIN {plain}"), "")]),
        smtp("PLAIN", vec![line("AUTH PLAIN", "334 \r\n"), line(&plain, "")]),
        smtp("LOGIN", vec![line("AUTH LOGIN", "334 VXNlcm5hbWU6"), line(&user, "334 UGFzc3dvcmQ6"), line(&secret, "")]),
        smtp("LOGIN", vec![line(&format!("AUTH login {user}"), "334 UGFzc3dvcmQ6"), line(&secret, "")]),
        imap("PLAIN", vec![line(&format!("a AUTHENTICATE PLAIN {plain}"), "")]),
        imap("PLAIN", vec![line("a AUTHENTICATE PLAIN", "+ "), line(&plain, "")]),
        imap("LOGIN", vec![line(&format!("a LOGIN {USER} \"{password}\""), "")]),
        pop3("PLAIN", vec![line("AUTH PLAIN", "+ "), line(&plain, "")]),
        pop3("USER", vec![line(&format!("USER {USER}"), "+OK"), line(&format!("PASS {password}"), "")]),
    ]
}

fn port(provider: &Provider, protocol: &str) -> u16 {
    match protocol {
        "smtp" => provider.ports.smtps,
        "imap" => provider.ports.imaps,
        _ => provider.ports.pop3s,
    }
}

/// The answer to the last line.
async fn answer(provider: &Provider, protocol: &str, lines: &[(String, &str)]) -> String {
    let mut peer = client(provider, port(provider, protocol)).await;
    let ((last, _), others) = lines.split_last().unwrap();
    for (line, expected) in others {
        peer.send(line).await;
        peer.expect(expected).await;
    }
    peer.send(last).await;
    loop {
        let line = peer.line().await;
        // Gmail's capabilities come before the tagged line.
        if !line.starts_with("* ") {
            return line;
        }
    }
}

#[tokio::test]
async fn an_app_password_comes_in_by_whatever_carries_one() {
    for dialect in [Dialect::Microsoft, Dialect::Google] {
        let provider = Provider::with(Settings { dialect, ..Settings::default() }).await;
        provider.app_password("Support@example.com", PASSWORD);
        for (protocol, (mechanism, lines, yes, _)) in exchanges(PASSWORD) {
            let answer = answer(&provider, protocol, &lines).await;
            assert!(answer.starts_with(yes), "{lines:?}: {answer}");
            let granted = Login { protocol, mechanism: mechanism.into(), user: USER.into(), granted: true };
            assert_eq!(provider.logins().last(), Some(&granted));
        }
        for (protocol, (mechanism, lines, _, no)) in exchanges("wrong") {
            let answer = answer(&provider, protocol, &lines).await;
            assert!(answer.starts_with(no), "{lines:?}: {answer}");
            let login = provider.logins().pop().unwrap();
            assert_eq!((&login.mechanism[..], login.granted), (mechanism, false));
        }
        // Tokens still do.
        assert!(opens(&provider, &provider.issue_access_token(USER, HOUR), USER).await);
    }
}

#[tokio::test]
async fn exchange_names_passwords_only_where_it_takes_them() {
    let provider = Provider::start().await;
    let told = async || {
        let mut told = Vec::new();
        for (protocol, question, end) in
            [("smtp", "EHLO x\r\n", "250 "), ("imap", "a CAPABILITY\r\n", "a "), ("pop3", "CAPA\r\n", ".")]
        {
            let mut peer = client(&provider, port(&provider, protocol)).await;
            peer.send(question).await;
            told.push(peer.read_until(end).await);
        }
        told
    };
    let before = told().await;
    assert!(before.iter().all(|told| !told.contains("PLAIN")), "{before:?}");
    assert!(before[1].contains("LOGINDISABLED"));
    provider.app_password(USER, PASSWORD);
    let after = told().await;
    assert!(after.iter().all(|told| told.contains("PLAIN")), "{after:?}");
    assert!(!after[1].contains("LOGINDISABLED"));
}

#[tokio::test]
async fn a_password_in_clear_is_never_taken() {
    let provider = Provider::start().await;
    provider.app_password(USER, PASSWORD);
    let ports = provider.ports;
    for (port, line, refusal) in [
        (ports.smtp, format!("AUTH PLAIN {}\r\n", plain(PASSWORD)), "504 "),
        (ports.imap, format!("a LOGIN {USER} \"{PASSWORD}\"\r\n"), "a BAD"),
        (ports.pop3, format!("PASS {PASSWORD}\r\n"), "-ERR"),
    ] {
        let mut peer = Peer::connect(local(port)).await;
        peer.line().await;
        peer.send(line).await;
        peer.expect(refusal).await;
        assert_eq!(provider.take_violations().len(), 1);
    }
}

#[tokio::test]
async fn an_exchange_with_a_password_can_be_cancelled_or_malformed() {
    let provider = Provider::start().await;
    provider.app_password(USER, PASSWORD);
    let mut peer = client(&provider, provider.ports.smtps).await;
    peer.send("AUTH LOGIN\r\n").await;
    peer.expect("334 ").await;
    peer.send(format!("{}\r\n", STANDARD.encode(USER))).await;
    peer.expect("334 ").await;
    peer.send("*\r\n").await;
    peer.expect("501 ").await;
    assert!(provider.take_violations().is_empty());
    for message in ["no zeros", "other\0support@example.com\0abcd efgh"] {
        peer.send(format!("AUTH PLAIN {}\r\n", STANDARD.encode(message))).await;
        peer.expect("535 ").await;
        assert_eq!(provider.take_violations().len(), 1);
    }
}
