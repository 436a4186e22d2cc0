//! TLS on both sides: law 6.

use std::sync::Arc;
use std::time::Duration;

use gatepost::model::Protocol;
use gatepost_kit::{Authority, Certificate, Peer, tls_peer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion};

use crate::activation::Tidy;
use crate::reuse::until;
use crate::scene::{PLAIN, Scene, Setting, greeting, log_in, stage, try_later, yes};

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

/// Whether a client that trusts this authority comes in, and by which version.
async fn comes_in(scene: &Scene, client: &Arc<ClientConfig>) -> Option<ProtocolVersion> {
    let tcp = TcpStream::connect(scene.address(Protocol::Imap)).await.unwrap();
    let connector = TlsConnector::from(Arc::clone(client));
    let tls = connector.connect("localhost".try_into().unwrap(), tcp).await.ok()?;
    tls.get_ref().1.protocol_version()
}

#[tokio::test]
async fn a_listener_takes_nothing_below_its_lowest_version() {
    let client = |authority: &Authority| {
        let mut roots = tokio_rustls::rustls::RootCertStore::empty();
        let pem = authority.ca_pem().as_bytes();
        roots.add(tokio_rustls::rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[&tokio_rustls::rustls::version::TLS12]).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    };
    let usual = Setting { tls: "implicit", ..Setting::default() };
    let scene = Scene::with(usual).await;
    assert_eq!(comes_in(&scene, &client(&scene.authority)).await, Some(ProtocolVersion::TLSv1_2));
    assert_eq!(comes_in(&scene, &scene.authority.client()).await, Some(ProtocolVersion::TLSv1_3));
    let scene = Scene::with(Setting { tls: "implicit\"\nminimum_tls = \"1.3", ..usual }).await;
    assert_eq!(comes_in(&scene, &client(&scene.authority)).await, None);
    assert_eq!(comes_in(&scene, &scene.authority.client()).await, Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn a_new_certificate_serves_without_a_restart_and_sessions_go_on() {
    let limits = "certificate_check_seconds = 1";
    let scene = Scene::with(Setting { tls: "implicit", limits, ..Setting::default() }).await;
    let mut before = tls_peer(scene.address(Protocol::Imap), &scene.authority.client()).await;
    before.expect(greeting(Protocol::Imap)).await;
    let new = Authority::new(&["localhost"]);
    // The file of authorities is the provider's.
    for (name, content) in [("cert.pem", new.certificate_pem()), ("key.pem", new.key_pem())] {
        let beside = scene.directory.path().join("beside");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(beside, scene.directory.path().join(name)).unwrap();
    }
    let taken = async {
        while comes_in(&scene, &new.client()).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("the new certificate was never taken");
    assert_eq!(comes_in(&scene, &scene.authority.client()).await, None, "the old one is gone");
    log_in(&mut before, Protocol::Imap, PLAIN).await;
    before.expect(yes(Protocol::Imap)).await;
}

/// A disk that does not answer holds up neither handshakes nor the stop. Nobody writes into this pipe, so who reads waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_read_to_its_end_stops_nothing() {
    use std::process::{Command, Stdio};
    let limits = "certificate_check_seconds = 1";
    let address = r#""unix:PROTOCOL.sock""#;
    let (_provider, authority, directory) =
        stage(Setting { tls: "implicit", address, limits, ..Setting::default() }).await;
    let at = |name: &str| directory.path().join(name);
    let mut program = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    program.arg("serve").arg("--config").arg(at("gatepost.toml")).stderr(Stdio::null());
    let mut service = Tidy(program.spawn().unwrap());
    until(|| at("pop3.sock").exists()).await;
    let pipe = at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::rename(&pipe, at("cert.pem")).unwrap();
    // Opens once it is being read.
    let certificate = at("cert.pem");
    let opening = move || std::fs::OpenOptions::new().write(true).open(certificate).unwrap();
    let _held = tokio::task::spawn_blocking(opening).await.unwrap();
    let peer = Peer::connect_unix(&at("imap.sock")).await;
    peer.tls(&authority.client()).await.expect(greeting(Protocol::Imap)).await;
    let pid = service.0.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let stopped = tokio::task::spawn_blocking(move || service.0.wait().unwrap());
    let status = tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}
