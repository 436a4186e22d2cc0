//! The upstream and the programs agree, directly, over a line, and beside a wrong token.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls;

use super::*;
use crate::authority::{Authority, Certificate};

const OCTETS: usize = 300_000;

struct Scene {
    authority: Authority,
    upstream: Upstream,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new(&["localhost"]);
        let mut tls = rustls::ServerConfig::clone(&authority.server(Certificate::Good));
        // One that comes before the client's next word counts as an answer, one that comes after does not.
        tls.send_tls13_tickets = 0;
        let upstream = Upstream::start(Arc::new(tls), OCTETS).unwrap();
        Self { authority, upstream }
    }

    fn program(&self, protocol: Protocol, tls: Tls) -> Program {
        let ports = self.upstream.ports;
        let port = match (protocol, tls) {
            (Protocol::Smtp, Tls::Implicit) => ports.smtps,
            (Protocol::Smtp, _) => ports.smtp,
            (Protocol::Imap, Tls::Implicit) => ports.imaps,
            (Protocol::Imap, _) => ports.imap,
            (Protocol::Pop3, Tls::Implicit) => ports.pop3s,
            (Protocol::Pop3, _) => ports.pop3,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Program::new(protocol, address, &self.authority, vec!["one@example.com".into(), "two@example.com".into()])
            .tls(tls)
    }
}

const PROTOCOLS: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];

const fn errand(protocol: Protocol) -> Errand {
    if matches!(protocol, Protocol::Smtp) { Errand::Message } else { Errand::Login }
}

#[tokio::test]
async fn programs_visit_in_every_protocol_under_both_kinds_of_tls() {
    let scene = Scene::new();
    for protocol in PROTOCOLS {
        for tls in [Tls::Implicit, Tls::Starttls] {
            let program = scene.program(protocol, tls);
            program
                .visit(0, errand(protocol))
                .await
                .unwrap_or_else(|trouble| panic!("{protocol:?} {tls:?}: {trouble}"));
        }
    }
}

#[tokio::test]
async fn passwords_are_no_tokens_and_nothing_goes_without_tls() {
    let scene = Scene::new();
    for protocol in PROTOCOLS {
        for program in [scene.program(protocol, Tls::None), scene.program(protocol, Tls::Implicit).password("secret")] {
            let visit = program.visit(0, Errand::Login).await;
            assert!(matches!(visit, Err(Trouble::No(_))), "{protocol:?}: {visit:?}");
        }
    }
}

#[tokio::test]
async fn whole_messages_go_both_ways() {
    let scene = Scene::new();
    for protocol in PROTOCOLS {
        let program = scene.program(protocol, Tls::Implicit).message(OCTETS);
        let transfer = transfer(&program, errand(protocol), 2, 3)
            .await
            .unwrap_or_else(|trouble| panic!("{protocol:?}: {trouble}"));
        // The dot and its CRLF are sent with a message.
        let extra = if protocol == Protocol::Smtp { 3 } else { 0 };
        assert_eq!(transfer.octets, 6 * (OCTETS + extra), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_crowd_is_counted_and_still_there_when_it_leaves() {
    let scene = Scene::new();
    let mut crowd = crowd(&scene.program(Protocol::Imap, Tls::Implicit), 20, 4).await;
    assert_eq!((crowd.sessions.len(), crowd.failures, &crowd.trouble), (20, 0, &None));
    for session in &mut crowd.sessions {
        session.select().await.unwrap();
        session.idle().await.unwrap();
    }
    assert_eq!(crowd.leave().await, 20);
}

#[tokio::test]
async fn visits_are_counted_and_so_are_failures() {
    let scene = Scene::new();
    let program = scene.program(Protocol::Imap, Tls::Implicit);
    let fine = rate(&program, Errand::Login, 3, Duration::ZERO, Duration::from_millis(300)).await;
    assert!(fine.all > 0 && fine.failures == 0 && fine.counted == fine.times.values().len(), "{fine:?}");
    let wrong = rate(&program.password("secret"), Errand::Login, 1, Duration::ZERO, Duration::from_millis(100)).await;
    assert!(wrong.all == 0 && wrong.failures > 0 && wrong.trouble.is_some(), "{wrong:?}");
}

/// TCP, TLS, greeting, then commands: as the client waits for them.
#[tokio::test]
async fn a_line_counts_the_round_trips_of_a_login() {
    let scene = Scene::new();
    for (protocol, tls, expected) in [
        // TCP, TLS, the greeting after the handshake's last flight, AUTHENTICATE or AUTH, and leaving.
        (Protocol::Imap, Tls::Implicit, 5),
        (Protocol::Pop3, Tls::Implicit, 5),
        // TCP, greeting, EHLO, STARTTLS, TLS, EHLO, AUTH, MAIL, RCPT, DATA, the message, QUIT.
        (Protocol::Smtp, Tls::Starttls, 12),
    ] {
        let program = scene.program(protocol, tls);
        let line = Line::new(Duration::ZERO).to(program.address()).await.unwrap();
        program.at(line.address()).visit(0, errand(protocol)).await.unwrap();
        assert_eq!(line.round_trips(), expected, "{protocol:?}");
    }
}

#[tokio::test]
async fn its_token_endpoint_issues_what_its_servers_take() {
    use crate::peer::tls_peer;
    let scene = Scene::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, scene.upstream.ports.token));
    let mut peer = tls_peer(address, &Arc::clone(&scene.authority.client())).await;
    for _ in 0..2 {
        peer.send("POST /token HTTP/1.1\r\nContent-Length: 5\r\n\r\na=b&c").await;
        peer.expect("HTTP/1.1 200 ").await;
        let length = peer.read_until("Content-Length: ").await;
        peer.expect("\r\n").await;
        let length = length.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
        let issued: serde_json::Value = serde_json::from_slice(&peer.take(length).await).unwrap();
        assert_eq!(issued["access_token"], TOKEN);
    }
}
