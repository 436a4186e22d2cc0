//! Who may come in, and how each dialect says no.

use std::time::Duration;

use gatepost_kit::{Dialect, Login, Peer, Provider, Settings};

use crate::scene::{HOUR, USER, client, oauthbearer, xoauth2};

async fn google() -> Provider {
    Provider::with(Settings { dialect: Dialect::Google, ..Settings::default() }).await
}

/// Sends an initial response in the way the protocol wants it.
async fn authenticate(peer: &mut Peer, protocol: &str, mechanism: &str, response: &str) {
    if protocol == "imap" {
        return peer.send(format!("a AUTHENTICATE {mechanism} {response}\r\n")).await;
    }
    peer.send(format!("AUTH {mechanism}\r\n")).await;
    let go_ahead = if protocol == "smtp" { "334 \r\n" } else { "+ \r\n" };
    peer.expect(go_ahead).await;
    peer.send(format!("{response}\r\n")).await;
}

#[tokio::test]
async fn a_good_token_of_that_user_comes_in_by_both_mechanisms() {
    for provider in [Provider::start().await, google().await] {
        let ports = provider.ports;
        let odd = "a,b=c@example.com";
        let (token, odd_token) = (provider.issue_access_token(USER, HOUR), provider.issue_access_token(odd, HOUR));
        for (protocol, port, yes) in
            [("smtp", ports.smtps, "235 "), ("imap", ports.imaps, "a OK"), ("pop3", ports.pop3s, "+OK")]
        {
            for (mechanism, response, user) in
                [("XOAUTH2", xoauth2(USER, &token), USER), ("OAUTHBEARER", oauthbearer(odd, &odd_token), odd)]
            {
                let mut peer = client(&provider, port).await;
                authenticate(&mut peer, protocol, mechanism, &response).await;
                peer.read_until(yes).await;
                let granted = Login { protocol, mechanism: mechanism.into(), user: user.into(), granted: true };
                assert_eq!(provider.logins().last(), Some(&granted));
            }
        }
    }
}

#[tokio::test]
async fn expired_revoked_foreign_and_invented_tokens_are_refused() {
    let (microsoft, google) = (Provider::start().await, google().await);
    let good = |provider: &Provider| provider.issue_access_token(USER, HOUR);
    for (provider, challenges, refusals) in [
        (
            &microsoft,
            false,
            ["535 5.7.3 Authentication unsuccessful", "a NO AUTHENTICATE failed.", "-ERR Authentication failure"],
        ),
        (&google, true, ["535-5.7.8 Username and Password", "a NO [AUTHENTICATIONFAILED]", "-ERR [AUTH] Invalid"]),
    ] {
        let revoked = good(provider);
        provider.revoke_access_tokens_of("other@example.com");
        provider.revoke_access_tokens_of(USER);
        let foreign = provider.issue_access_token("other@example.com", HOUR);
        let expired = provider.issue_access_token(USER, Duration::ZERO);
        let ports = [("smtp", provider.ports.smtps), ("imap", provider.ports.imaps), ("pop3", provider.ports.pop3s)];
        for ((protocol, port), refusal) in ports.into_iter().zip(refusals) {
            for (token, status) in [(&expired[..], "401"), (&revoked, "401"), ("invented", "401"), (&foreign, "400")] {
                let mut peer = client(provider, port).await;
                authenticate(&mut peer, protocol, "XOAUTH2", &xoauth2(USER, token)).await;
                if challenges {
                    let challenge = peer.expect(if protocol == "smtp" { "334 " } else { "+ " }).await;
                    assert_eq!(decoded(&challenge)["status"], status);
                    peer.send("\r\n").await;
                }
                peer.expect(refusal).await;
                // The session goes on.
                authenticate(&mut peer, protocol, "XOAUTH2", &xoauth2(USER, &good(provider))).await;
                peer.read_until(if protocol == "imap" {
                    "a OK"
                } else if protocol == "smtp" {
                    "235"
                } else {
                    "+OK"
                })
                .await;
            }
        }
        assert_eq!(provider.logins().iter().filter(|login| login.granted).count(), 12);
        assert_eq!(provider.logins().len(), 24);
    }
}

fn decoded(challenge: &str) -> serde_json::Value {
    use base64::Engine as _;
    let encoded = challenge.trim_end().split(' ').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

#[tokio::test]
async fn an_unanswered_challenge_hangs_and_a_wrong_answer_is_a_violation() {
    let provider = google().await;
    for (mechanism, response, answer, right) in [
        ("XOAUTH2", xoauth2(USER, "x"), "\r\n", true),
        ("XOAUTH2", xoauth2(USER, "x"), "AQ==\r\n", false),
        ("OAUTHBEARER", oauthbearer(USER, "x"), "AQ==\r\n", true),
        ("OAUTHBEARER", oauthbearer(USER, "x"), "\r\n", false),
    ] {
        let mut peer = client(&provider, provider.ports.smtps).await;
        authenticate(&mut peer, "smtp", mechanism, &response).await;
        peer.expect("334 ey").await;
        tokio::time::timeout(Duration::from_millis(50), peer.line()).await.unwrap_err();
        peer.send(answer).await;
        peer.expect("535-5.7.8 ").await;
        assert_eq!(provider.take_violations().is_empty(), right, "{mechanism} {answer:?}");
    }
}

#[tokio::test]
async fn passwords_are_refused_and_remembered() {
    let provider = Provider::start().await;
    let ports = provider.ports;
    for (port, command, refusal) in [
        (ports.smtps, "AUTH PLAIN AGEAYg==\r\n", "535 5.7.139 "),
        (ports.imaps, "a LOGIN a b\r\n", "a NO Basic authentication is disabled."),
        (ports.imaps, "a LOGIN {1+}\r\na {1+}\r\nb\r\n", "a NO Basic authentication is disabled."),
        (ports.pop3s, "USER a\r\n", "-ERR Basic authentication is disabled"),
    ] {
        let mut peer = client(&provider, port).await;
        peer.send(command).await;
        peer.expect(refusal).await;
        let login = provider.logins().pop().unwrap();
        assert_eq!((login.mechanism.as_str(), login.granted), ("PASSWORD", false));
    }
}

#[tokio::test]
async fn exchange_takes_pop3_logins_in_two_lines_only() {
    let provider = Provider::start().await;
    let token = provider.issue_access_token(USER, HOUR);
    for response in [xoauth2(USER, &token), "dXNlcj0=".into()] {
        let mut peer = client(&provider, provider.ports.pop3s).await;
        peer.send(format!("AUTH XOAUTH2 {response}\r\n")).await;
        peer.expect("-ERR Protocol error. Connection is closed. 10").await;
        peer.expect_end().await;
    }
    let provider = google().await;
    let token = provider.issue_access_token(USER, HOUR);
    let mut peer = client(&provider, provider.ports.pop3s).await;
    peer.send(format!("AUTH XOAUTH2 {}\r\n", xoauth2(USER, &token))).await;
    peer.expect("+OK Welcome.").await;
}

#[tokio::test]
async fn a_login_can_be_cancelled_and_long_commands_are_noticed() {
    let provider = Provider::start().await;
    let mut peer = client(&provider, provider.ports.smtps).await;
    peer.send("AUTH XOAUTH2\r\n*\r\n").await;
    peer.expect("334 ").await;
    peer.expect("501 ").await;
    let token = provider.issue_access_token(USER, HOUR);
    peer.send(format!("AUTH XOAUTH2 {}\r\n", xoauth2(USER, &token))).await;
    peer.expect("235 ").await;
    peer.send("AUTH XOAUTH2\r\n").await;
    peer.expect("503 ").await;
    assert_eq!(provider.take_violations().len(), 1, "the command was longer than 512 octets");
    let mut peer = client(&provider, provider.ports.imaps).await;
    peer.send("a AUTHENTICATE XOAUTH2\r\n*\r\n").await;
    peer.expect("+ ").await;
    peer.expect("a BAD").await;
}

#[tokio::test]
async fn refused_logins_are_refused_so_many_times() {
    let provider = Provider::start().await;
    let token = provider.issue_access_token(USER, HOUR);
    provider.faults(|faults| faults.refuse_logins = 2);
    let mut peer = client(&provider, provider.ports.pop3s).await;
    for reply in ["-ERR", "-ERR", "+OK"] {
        authenticate(&mut peer, "pop3", "XOAUTH2", &xoauth2(USER, &token)).await;
        peer.expect(reply).await;
    }
}
