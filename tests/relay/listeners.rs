//! Where clients come from: addresses, socket files, proxies.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost::net::Address;
use gatepost_kit::{Peer, tls_peer};

use crate::scene::{PLAIN, Scene, Setting, greeting, log_in, stage, yes};

fn everywhere() -> Setting {
    Setting { address: r#"["127.0.0.1:0", "[::1]:0", "unix:PROTOCOL.sock"]"#, ..Setting::default() }
}

/// From proxies only, and for one client only.
fn proxied() -> Setting {
    Setting {
        listener: r#"proxy_protocol = ["127.0.0.1"]"#,
        plaintext_auth: r#"["192.0.2.0/24", "2001:db8::/32"]"#,
        account: r#"networks = ["192.0.2.7", "2001:db8::7"]"#,
        ..Setting::default()
    }
}

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.5 12345 25\r\n";
const V1_OF_ANOTHER: &[u8] = b"PROXY TCP4 192.0.2.8 10.0.0.5 12345 25\r\n";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

/// Version 2, IPv6, with a TLV behind the addresses.
fn v2() -> Vec<u8> {
    let client = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x29"[..], &client, &[0; 16], &[0x30, 0x39, 0, 25], &[4, 0, 2, 9, 9]].concat()
}

fn socket_file(scene: &Scene, protocol: Protocol) -> PathBuf {
    scene.directory.path().join(format!("{protocol}.sock"))
}

#[tokio::test]
async fn every_address_of_a_listener_is_served() {
    let scene = Scene::with(Setting { plaintext_auth: r#"["127.0.0.1", "::1"]"#, ..everywhere() }).await;
    assert_eq!(scene.gatepost.listeners().len(), 9);
    for (protocol, address) in scene.gatepost.listeners() {
        let mut peer = match address {
            Address::Tcp(address) => Peer::connect(address).await,
            Address::Unix(path) => Peer::connect_unix(&path).await,
        };
        peer.expect(greeting(protocol)).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
    }
}

#[tokio::test]
async fn a_socket_file_is_for_its_owner_and_counts_as_loopback() {
    let account = r#"networks = ["127.0.0.1"]"#;
    let scene = Scene::with(Setting { account, ..everywhere() }).await;
    let path = socket_file(&scene, Protocol::Imap);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut peer = Peer::connect_unix(&path).await;
    peer.expect(greeting(Protocol::Imap)).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;
    peer.send("b LOGOUT\r\n").await;
    peer.tagged("b OK").await;
    peer.expect_end().await;
    scene.gatepost.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn tls_through_a_socket_file() {
    let scene = Scene::with(Setting { tls: "starttls", plaintext_auth: "[]", ..everywhere() }).await;
    let mut peer = Peer::connect_unix(&socket_file(&scene, Protocol::Imap)).await;
    peer.expect(greeting(Protocol::Imap)).await;
    let mut peer = peer.starttls("s STARTTLS\r\n", "s OK ", &scene.authority.client()).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;
}

/// The other listeners are closed again, and their files are gone.
#[tokio::test]
async fn a_start_that_fails_leaves_nothing_open() {
    let (_provider, _authority, directory) = stage(everywhere()).await;
    std::fs::write(directory.path().join("pop3.sock"), "precious").unwrap();
    let config = Config::load(&directory.path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let error = format!("{:#}", Running::start(config).await.unwrap_err());
    assert!(error.starts_with("listeners[2].address (pop3): cannot listen on unix:"), "{error}");
    assert!(
        error.ends_with("pop3.sock: a file is there that is no socket; remove it, or choose another path"),
        "{error}"
    );
    assert!(!directory.path().join("smtp.sock").exists());
    assert_eq!(std::fs::read_to_string(directory.path().join("pop3.sock")).unwrap(), "precious");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_provider, _authority, directory) = stage(Setting::default()).await;
    let file = directory.path().join("gatepost.toml");
    let address = taken.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(&file).unwrap().replacen("127.0.0.1:0", &address, 1);
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, std::iter::empty()).unwrap();
    let error = format!("{:#}", Running::start(config).await.unwrap_err());
    assert!(
        error.contains(&format!("listeners[0].address (smtp): cannot listen on {address}"))
            && error.contains("another program listens there"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_is_who_the_proxy_says() {
    let scene = Scene::with(proxied()).await;
    for protocol in Protocol::ALL {
        for header in [V1.to_vec(), v2()] {
            // In the same packet as the client's first words, and octet by octet.
            let mut peer = Peer::connect(scene.address(protocol)).await;
            let command = if protocol == Protocol::Imap { "a AUTHENTICATE" } else { "AUTH" };
            peer.send([&header[..], format!("{command} PLAIN {PLAIN}\r\n").as_bytes()].concat()).await;
            peer.expect(greeting(protocol)).await;
            peer.expect(yes(protocol)).await;
            let mut peer = Peer::connect(scene.address(protocol)).await;
            for octet in header {
                peer.send([octet]).await;
            }
            peer.expect(greeting(protocol)).await;
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(yes(protocol)).await;
        }
    }
}

#[tokio::test]
async fn the_proxys_own_address_lets_nobody_in() {
    let scene = Scene::with(proxied()).await;
    let mut peer = Peer::connect(scene.address(Protocol::Pop3)).await;
    peer.send(V1_OF_ANOTHER).await;
    peer.expect("+OK").await;
    log_in(&mut peer, Protocol::Pop3, PLAIN).await;
    peer.expect("-ERR [AUTH] this account is disabled, or not allowed").await;
    // The proxy for itself: it may not even send a password.
    for own in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        let mut peer = Peer::connect(scene.address(Protocol::Smtp)).await;
        peer.send(own).await;
        peer.expect("220 ").await;
        log_in(&mut peer, Protocol::Smtp, PLAIN).await;
        peer.expect("538 5.7.11 ").await;
    }
    assert!(scene.provider.logins().is_empty());
}

#[tokio::test]
async fn a_header_comes_before_tls() {
    let scene = Scene::with(Setting { tls: "implicit", plaintext_auth: "[]", ..proxied() }).await;
    let mut peer = Peer::connect(scene.address(Protocol::Imap)).await;
    peer.send(v2()).await;
    let mut peer = peer.tls(&scene.authority.client()).await;
    peer.expect(greeting(Protocol::Imap)).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;
}

#[tokio::test]
async fn a_proxy_without_a_header_hears_nothing() {
    let scene = Scene::with(Setting { limits: "proxy_header_seconds = 1", ..proxied() }).await;
    for said in [&b"EHLO me\r\n"[..], b"\x16\x03\x01\x02\x00", b"PROXY TCP4 nobody\r\n", b"PROXY ", b""] {
        let mut peer = Peer::connect(scene.address(Protocol::Smtp)).await;
        peer.send(said).await;
        // Closed with unread bytes: the end may be a reset.
        assert_eq!(peer.rest().await, b"");
    }
}

/// Whoever is no proxy cannot become somebody else.
#[tokio::test]
async fn a_header_from_elsewhere_is_garbage() {
    let listener = r#"proxy_protocol = ["10.0.0.5", "::1"]"#;
    let scene = Scene::with(Setting { listener, ..proxied() }).await;
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(V1).await;
    peer.expect("500 ").await;
    log_in(&mut peer, Protocol::Smtp, PLAIN).await;
    peer.expect("538 5.7.11 ").await;
    let mut peer = scene.client(Protocol::Imap).await;
    peer.send(V1).await;
    peer.expect("PROXY BAD ").await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect("a NO [PRIVACYREQUIRED] ").await;
    let scene = Scene::with(Setting { listener, tls: "implicit", ..proxied() }).await;
    let mut peer = Peer::connect(scene.address(Protocol::Imap)).await;
    peer.send(V1).await;
    assert!(!String::from_utf8_lossy(&peer.rest().await).contains("OK"));
    let mut peer = tls_peer(scene.address(Protocol::Imap), &scene.authority.client()).await;
    peer.expect(greeting(Protocol::Imap)).await;
}

fn header(client: &str) -> String {
    format!("PROXY TCP4 {client} 10.0.0.5 12345 25\r\n")
}

/// Through a socket file, from a proxy of this machine: who may do what is decided by the address that the proxy tells, before
/// TLS and under it.
#[tokio::test]
async fn a_proxy_at_a_socket_file_before_devices_and_people() {
    let smtp = r#"anonymous = { networks = ["192.0.2.9", "198.51.100.9"], account = "evmail" }"#;
    let account = r#"networks = ["192.0.2.0/24", "198.51.100.7"]"#;
    let address = r#""unix:PROTOCOL.sock""#;
    let plaintext_auth = r#"["192.0.2.0/24"]"#;
    let scene = Scene::with(Setting { tls: "starttls", address, smtp, account, plaintext_auth, ..proxied() }).await;
    let file = socket_file(&scene, Protocol::Smtp);
    let mail = format!("MAIL FROM:<{}>\r\n", crate::scene::MAILBOX);
    for (introduction, in_clear, under_tls, without) in [
        (header("192.0.2.9"), "235 2.7.0", "235 2.7.0", "250 2.1.0"),
        (header("192.0.2.7"), "235 2.7.0", "235 2.7.0", "530 5.7.0"),
        (header("198.51.100.7"), "538 5.7.11", "235 2.7.0", "530 5.7.0"),
        // A device that the account is not for.
        (header("198.51.100.9"), "538 5.7.11", "525 5.7.13", "530 5.7.0"),
        ("PROXY UNKNOWN\r\n".into(), "538 5.7.11", "525 5.7.13", "530 5.7.0"),
    ] {
        let introduced = async || {
            let mut peer = Peer::connect_unix(&file).await;
            peer.send(&introduction).await;
            peer.expect("220 ").await;
            peer
        };
        let tls = async || introduced().await.starttls("STARTTLS\r\n", "220 ", &scene.authority.client()).await;
        for (mut peer, login) in [(introduced().await, in_clear), (tls().await, under_tls)] {
            log_in(&mut peer, Protocol::Smtp, PLAIN).await;
            peer.expect(login).await;
        }
        for mut peer in [introduced().await, tls().await] {
            peer.send(&mail).await;
            peer.expect(without).await;
        }
    }
}
