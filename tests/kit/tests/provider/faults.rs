//! Every way to misbehave, once.

use std::time::{Duration, Instant};

use gatepost_kit::{Break, Faults, Peer, Provider, tls_peer};
use tokio::net::TcpStream;

use crate::scene::{USER, endpoint, inbox, local, submit};

#[tokio::test]
async fn greetings() {
    let provider = Provider::start().await;
    let ports = provider.ports;
    for port in [ports.smtps, ports.imaps, ports.pop3s] {
        provider.faults(|faults| faults.greeting = Some("* PREAUTH welcome\r\n"));
        let mut peer = tls_peer(local(port), &provider.authority.client()).await;
        peer.expect("* PREAUTH welcome").await;
        provider.faults(|faults| faults.greeting = Some(""));
        let mut peer = tls_peer(local(port), &provider.authority.client()).await;
        peer.expect_end().await;
        provider.faults(|faults| faults.silent = true);
        let mut peer = tls_peer(local(port), &provider.authority.client()).await;
        tokio::time::timeout(Duration::from_millis(50), peer.line()).await.unwrap_err();
        provider.faults(|faults| *faults = Faults::default());
    }
}

#[tokio::test]
async fn scripted_replies() {
    let provider = Provider::start().await;
    let refusal = "550-5.1.1 no such user\r\n550 5.1.1 at all\r\n";
    for verb in ["MAIL", "RCPT", "DATA", "END"] {
        let mut peer = submit(&provider).await;
        provider.faults(|faults| {
            faults.replies.insert(verb, refusal);
        });
        for (at, command) in
            [("MAIL", "MAIL FROM:<>"), ("RCPT", "RCPT TO:<support@example.com>"), ("DATA", "DATA"), ("END", "x\r\n.")]
        {
            peer.send(format!("{command}\r\n")).await;
            if at == verb {
                assert_eq!(peer.expect("550-").await, refusal);
                break;
            }
            peer.expect(if at == "DATA" { "354" } else { "250" }).await;
        }
        provider.faults(|faults| faults.replies.clear());
    }
    assert!(provider.mail(USER).is_empty());
    let mut peer = submit(&provider).await;
    provider.faults(|faults| {
        faults.replies.insert("MAIL", "421 4.4.2 rate\r\n");
    });
    peer.send("MAIL FROM:<>\r\nNOOP\r\n").await;
    peer.expect("421 4.4.2 rate").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn breaks() {
    let provider = Provider::start().await;
    for (broken, last) in
        [(Break::AtMail, 0), (Break::AtRcpt, 1), (Break::AtData, 2), (Break::InBody(10), 3), (Break::AfterBody, 3)]
    {
        let mut peer = submit(&provider).await;
        provider.faults(|faults| faults.breaks = Some(broken));
        let commands = ["MAIL FROM:<>\r\n", "RCPT TO:<support@example.com>\r\n", "DATA\r\n", "0123456789\r\n.\r\n"];
        for (command, reply) in commands.iter().zip(["250", "250", "354"]).take(last) {
            peer.send(command).await;
            peer.expect(reply).await;
        }
        peer.send(commands[last]).await;
        peer.expect_end().await;
        provider.faults(|faults| faults.breaks = None);
    }
    assert!(provider.mail(USER).is_empty());
}

#[tokio::test]
async fn delays() {
    let provider = Provider::start().await;
    let mut peer = submit(&provider).await;
    let delay = Duration::from_millis(60);
    provider.faults(|faults| {
        faults.delays.insert("NOOP", delay);
    });
    let start = Instant::now();
    peer.send("NOOP\r\n").await;
    peer.expect("250").await;
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn servers_that_are_gone() {
    let provider = Provider::start().await;
    let mut peer = inbox(&provider).await;
    provider.stop_mail_servers();
    peer.expect_end().await;
    drop(endpoint(&provider).await);
    provider.stop_token_endpoint();
    for port in [provider.ports.smtp, provider.ports.imaps, provider.ports.token] {
        let gone = async {
            while TcpStream::connect(local(port)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    }
}

#[tokio::test]
#[should_panic(expected = "broke the rules")]
async fn a_violation_that_nobody_took_ends_the_test() {
    let provider = Provider::start().await;
    let mut peer = Peer::connect(local(provider.ports.smtp)).await;
    peer.expect("220 ").await;
    peer.send("AUTH XOAUTH2\r\n").await;
    peer.expect("504 ").await;
}
