//! STARTTLS, its misuse, and certificates.

use std::sync::Arc;

use gatepost_kit::{Authority, Certificate, Peer, Provider, Settings};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::scene::{HOUR, USER, local, xoauth2};

/// Greeting, command and go-ahead by port.
fn entrances(provider: &Provider) -> [(u16, &'static str, &'static str, &'static str); 3] {
    let ports = provider.ports;
    [
        (ports.smtp, "220 ", "STARTTLS\r\n", "220 2.0.0"),
        (ports.imap, "* OK", "a STARTTLS\r\n", "a OK"),
        (ports.pop3, "+OK", "STLS\r\n", "+OK"),
    ]
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before_and_what_comes_behind() {
    let provider = Provider::start().await;
    let commands =
        [("NOOP\r\n", "250 ", "QUIT\r\n"), ("a NOOP\r\n", "a OK", "a LOGOUT\r\n"), ("CAPA\r\n", "+OK", "QUIT\r\n")];
    let goodbyes = ["221 ", "* BYE", "+OK Microsoft Exchange POP3 server signing off."];
    for (((port, greeting, starttls, go_ahead), (noop, done, quit)), goodbye) in
        entrances(&provider).into_iter().zip(commands).zip(goodbyes)
    {
        let mut peer = Peer::connect(local(port)).await;
        peer.expect(greeting).await;
        let mut peer = peer.starttls(starttls, go_ahead, &provider.authority.client()).await;
        peer.send(noop).await;
        peer.expect(done).await;
        assert!(provider.take_violations().is_empty());

        let mut peer = Peer::connect(local(port)).await;
        peer.expect(greeting).await;
        let injected = format!("{starttls}{noop}");
        let mut peer = peer.starttls(&injected, go_ahead, &provider.authority.client()).await;
        // The command in clear was dropped: the first answer is to the one under TLS.
        peer.send(quit).await;
        peer.expect(goodbye).await;
        assert_eq!(provider.take_violations().len(), 1, "{starttls}");
    }
}

#[tokio::test]
async fn a_token_in_clear_is_never_taken() {
    let provider = Provider::start().await;
    let response = xoauth2(USER, &provider.issue_access_token(USER, HOUR));
    for (port, greeting, ..) in entrances(&provider) {
        let mut peer = Peer::connect(local(port)).await;
        peer.expect(greeting).await;
        let (command, refusal) = match greeting {
            "220 " => (format!("AUTH XOAUTH2 {response}\r\n"), "504 "),
            "+OK" => ("AUTH XOAUTH2\r\n".to_owned(), "-ERR"),
            _ => (format!("a AUTHENTICATE XOAUTH2 {response}\r\n"), "a BAD"),
        };
        peer.send(command).await;
        peer.expect(refusal).await;
        assert_eq!(provider.take_violations().len(), 1);
    }
    assert!(provider.logins().is_empty());
}

#[tokio::test]
async fn injected_bytes_follow_the_go_ahead_in_clear() {
    let provider = Provider::start().await;
    provider.faults(|faults| faults.after_starttls = Some("injected\r\n"));
    for (port, greeting, command, go_ahead) in entrances(&provider) {
        let mut peer = Peer::connect(local(port)).await;
        peer.expect(greeting).await;
        peer.send(command).await;
        peer.expect(go_ahead).await;
        peer.expect("injected").await;
    }
}

#[tokio::test]
async fn bad_certificates_are_bad() {
    for certificate in [Certificate::Good, Certificate::WrongName, Certificate::Expired, Certificate::SelfSigned] {
        let provider = Provider::with(Settings { certificate, ..Settings::default() }).await;
        let outcome = handshake(provider.ports.imaps, &provider.authority).await;
        assert_eq!(outcome.is_ok(), certificate == Certificate::Good, "{certificate:?}: {outcome:?}");
        handshake(provider.ports.token, &provider.authority).await.unwrap();
        handshake(provider.ports.token, &Authority::new(&["localhost"])).await.unwrap_err();
    }
}

async fn handshake(port: u16, trusted: &Authority) -> std::io::Result<()> {
    let tcp = TcpStream::connect(local(port)).await?;
    let connector = TlsConnector::from(Arc::clone(&trusted.client()));
    connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.map(drop)
}

#[test]
fn an_authority_writes_itself_down() {
    let directory = std::env::temp_dir().join(format!("gatepost-kit-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let authority = Authority::new(&["localhost"]);
    authority.write(&directory).unwrap();
    for (name, content) in
        [("ca.pem", authority.ca_pem()), ("cert.pem", authority.certificate_pem()), ("key.pem", authority.key_pem())]
    {
        assert_eq!(std::fs::read_to_string(directory.join(name)).unwrap(), content);
    }
    std::fs::remove_dir_all(directory).unwrap();
}
