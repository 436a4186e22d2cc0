//! TLS on both sides: law 6.

use gatepost::model::Protocol;
use gatepost_kit::{Certificate, tls_peer};

use crate::scene::{PLAIN, Scene, Setting, greeting, log_in, try_later, yes};

const STARTTLS: [(Protocol, &str, &str); 3] = [
    (Protocol::Smtp, "STARTTLS\r\n", "220 "),
    (Protocol::Imap, "s STARTTLS\r\n", "s OK "),
    (Protocol::Pop3, "STLS\r\n", "+OK "),
];

#[tokio::test]
async fn listeners_with_starttls_and_implicit_tls() {
    let scene = Scene::with(Setting { tls: "starttls", plaintext_auth: "[]", ..Setting::default() }).await;
    for (protocol, command, go_ahead) in STARTTLS {
        let mut peer = scene.client(protocol).await;
        log_in(&mut peer, protocol, PLAIN).await;
        let required = match protocol {
            Protocol::Smtp => "538 5.7.11 ",
            Protocol::Imap => "a NO [PRIVACYREQUIRED] ",
            Protocol::Pop3 => "-ERR [AUTH] ",
        };
        peer.expect(required).await;
        peer.send(command).await;
        peer.expect(go_ahead).await;
        let mut peer = peer.tls(&scene.authority.client()).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
    }
    let scene = Scene::with(Setting { tls: "implicit", plaintext_auth: "[]", ..Setting::default() }).await;
    for protocol in Protocol::ALL {
        let mut peer = tls_peer(scene.address(protocol), &scene.authority.client()).await;
        peer.expect(greeting(protocol)).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
    }
}

/// CVE-2011-0411, from the client's side.
#[tokio::test]
async fn bytes_between_starttls_and_the_handshake_end_the_session() {
    let scene = Scene::with(Setting { tls: "starttls", ..Setting::default() }).await;
    for (protocol, command, _) in STARTTLS {
        let mut peer = scene.client(protocol).await;
        peer.send(format!("{command}NOOP\r\n")).await;
        let refusal = match protocol {
            Protocol::Smtp => "554 5.5.1 ",
            Protocol::Imap => "* BYE ",
            Protocol::Pop3 => "-ERR ",
        };
        peer.expect(refusal).await;
        peer.expect_end().await;
    }
}

/// The same from the upstream's side: no token is sent over a leg that was tampered with.
#[tokio::test]
async fn an_upstream_that_tampers_with_starttls_gets_no_token() {
    let scene = Scene::with(Setting { starttls: true, ..Setting::default() }).await;
    for (protocol, injected) in [
        (Protocol::Smtp, "250 injected\r\n"),
        (Protocol::Imap, "* CAPABILITY IMAP4rev1\r\n"),
        (Protocol::Pop3, "+OK injected\r\n"),
    ] {
        scene.provider.faults(|faults| faults.after_starttls = Some(injected));
        let mut peer = scene.client(protocol).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(try_later(protocol)).await;
    }
    scene.provider.faults(|faults| {
        faults.after_starttls = None;
        faults.greeting = Some("* PREAUTH welcome\r\n");
    });
    let mut peer = scene.client(Protocol::Imap).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(try_later(Protocol::Imap)).await;
    assert!(scene.provider.logins().is_empty());
}

#[tokio::test]
async fn an_upstream_whose_certificate_is_not_trusted_gets_no_token() {
    for starttls in [false, true] {
        let scene = Scene::with(Setting { trusted: false, starttls, ..Setting::default() }).await;
        for protocol in Protocol::ALL {
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(try_later(protocol)).await;
        }
        assert!(scene.provider.logins().is_empty() && scene.provider.token_requests().is_empty());
    }
}

/// The certificate has to be for this host, for today, and by someone who is trusted; a token is at hand here.
#[tokio::test]
async fn an_upstream_with_a_bad_certificate_gets_no_token() {
    for certificate in [Certificate::WrongName, Certificate::Expired, Certificate::SelfSigned] {
        for starttls in [false, true] {
            let scene = Scene::with(Setting { certificate, starttls, ..Setting::default() }).await;
            for protocol in Protocol::ALL {
                let mut peer = scene.client(protocol).await;
                log_in(&mut peer, protocol, PLAIN).await;
                peer.expect(try_later(protocol)).await;
            }
            assert!(scene.provider.logins().is_empty(), "{certificate:?}");
            assert!(!scene.provider.token_requests().is_empty(), "there was no token to lose");
        }
    }
}
