//! The configuration is read again while sessions run: as a whole, or not at all.

use std::net::TcpStream;

use gatepost::cli::serve::Changes;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::{Peer, tls_peer};

use crate::log::Log;
use crate::reuse::until;
use crate::scene::{PLAIN, Scene, Setting, goes_on, greeting, log_in, wrong_password, yes};

/// What stands in the file from now on; and is served, if it can be.
async fn reload(scene: &Scene, change: impl FnOnce(String) -> String) -> Result<Changes, String> {
    let file = scene.directory.path().join("gatepost.toml");
    let text = change(std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, std::iter::empty()).map_err(|errors| errors.to_string())?;
    scene.gatepost.reload(config).await.map_err(|fault| format!("{fault:#}"))
}

async fn all_in(scene: &Scene) -> Vec<(Protocol, Peer)> {
    let mut peers = Vec::new();
    for protocol in Protocol::ALL {
        peers.push((protocol, scene.logged_in(protocol).await));
    }
    peers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_keeps_its_sockets_and_its_sessions() {
    let (log, _guard) = Log::open();
    let scene = Scene::new().await;
    let mut peers = all_in(&scene).await;
    let before = scene.gatepost.listeners();
    let changes = reload(&scene, |text| {
        let text = text.replace("[limits]", "[limits]\nlogin_attempts = 1");
        text + "[[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:0\"\n"
    })
    .await
    .unwrap();
    assert_eq!(changes.changed, ["limits.login_attempts added", "listeners changed"]);
    assert_eq!((changes.opened.len(), changes.closed.len(), changes.ended), (1, 0, 0), "{changes:?}");
    for (protocol, peer) in &mut peers {
        goes_on(peer, *protocol).await;
    }
    let now = scene.gatepost.listeners();
    assert_eq!(before[..], now[..3]);
    let mut new = Peer::connect(now[3].1.tcp().unwrap()).await;
    new.expect(greeting(Protocol::Imap)).await;
    log_in(&mut new, Protocol::Imap, PLAIN).await;
    new.expect(yes(Protocol::Imap)).await;
    // The new bound holds at the old socket.
    let mut wrong = scene.client(Protocol::Imap).await;
    log_in(&mut wrong, Protocol::Imap, crate::scene::WRONG).await;
    wrong.expect(wrong_password(Protocol::Imap)).await;
    wrong.expect("* BYE").await;
    wrong.expect_end().await;
    let told = log.events("config.reloaded");
    assert!(told.len() == 1 && told[0].contains("limits.login_attempts added"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_changes_nothing_and_says_why() {
    let (log, _guard) = Log::open();
    let scene = Scene::new().await;
    let mut peers = all_in(&scene).await;
    let before = scene.gatepost.listeners();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let good = std::fs::read_to_string(scene.directory.path().join("gatepost.toml")).unwrap();
    let listener = format!("[[listeners]]\nprotocol = \"imap\"\naddress = [\"127.0.0.1:0\", \"{taken}\"]\n");
    let cases = [
        (good.clone() + &listener, "another program listens there"),
        (good.replace("key.pem", "ca.pem"), "ca.pem"),
        (good.replace("ca = \"ca.pem\"", "ca = \"missing.pem\""), "missing.pem"),
        (good.replace("[store]", "[store]\nurl = \"sqlite:other.db\""), "store.url added: that needs a restart"),
        (good.clone() + "[admin]\naddress = \"0.0.0.0:0\"\ntls = true\n", "there is no administrator's password"),
    ];
    for (text, why) in cases {
        // An account that is gone with it would be locked out, if anything of it were in force.
        let fault = reload(&scene, |_| text.replace("EvMail", "somebody")).await.unwrap_err();
        assert!(fault.contains(why), "{why}: {fault}");
        assert_eq!(scene.gatepost.listeners(), before);
    }
    for (protocol, peer) in &mut peers {
        goes_on(peer, *protocol).await;
    }
    drop(all_in(&scene).await);
    assert_eq!(log.events("config.reload_failed").len(), 4, "one was refused as it was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_longer_allowed_is_ended_and_a_closed_listener_lets_go_of_its_sessions() {
    let scene = Scene::with(Setting { limits: "shutdown_seconds = 5", ..Setting::default() }).await;
    let mut smtp = scene.logged_in(Protocol::Smtp).await;
    let mut imap = scene.logged_in(Protocol::Imap).await;
    let gone = scene.address(Protocol::Imap);
    let changes = reload(&scene, |text| {
        let (head, rest) = text.split_once("[[listeners]]\nprotocol = \"imap\"").unwrap();
        let (_, tail) = rest.split_once("[[listeners]]").unwrap();
        format!("{head}[[listeners]]{tail}")
    })
    .await
    .unwrap();
    assert_eq!((changes.opened.len(), changes.closed.len(), changes.ended), (0, 1, 1), "{changes:?}");
    imap.expect("* BYE Service is stopping").await;
    imap.expect_end().await;
    // Until then, those who come are let in.
    until(|| TcpStream::connect(gone).is_err()).await;
    goes_on(&mut smtp, Protocol::Smtp).await;
    let changes = reload(&scene, |text| text.replace("EvMail", "somebody")).await.unwrap();
    assert_eq!(changes.changed, ["accounts.EvMail removed", "accounts.somebody added"]);
    assert_eq!(changes.ended, 1);
    smtp.expect("421 4.3.2 The administrator ended this session").await;
    smtp.expect_end().await;
}

/// From a port of its own to all addresses: the sockets are in each other's way, and at no time does nobody listen.
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_moves_to_an_address_that_overlaps_with_its_own() {
    let scene = Scene::with(Setting { limits: "shutdown_seconds = 5", ..Setting::default() }).await;
    let port = port_of_nobody();
    for (from, to, by) in [
        ("127.0.0.1:0".to_owned(), format!("127.0.0.1:{port}"), "127.0.0.1"),
        (format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}"), "127.0.0.2"),
        (format!("0.0.0.0:{port}"), format!("127.0.0.1:{port}"), "127.0.0.1"),
    ] {
        let mut before = scene.logged_in(Protocol::Imap).await;
        let [from, to] = [from, to].map(|at| format!("protocol = \"imap\"\naddress = \"{at}\""));
        let changes = reload(&scene, |text| text.replace(&from, &to)).await.unwrap();
        assert_eq!((changes.opened.len(), changes.closed.len()), (1, 1), "{changes:?}");
        let mut peer = Peer::connect(format!("{by}:{port}").parse().unwrap()).await;
        peer.expect(greeting(Protocol::Imap)).await;
        before.expect("* BYE Service is stopping").await;
        before.expect_end().await;
    }
}

/// A port that is free at every address and stays so: the system gives those from 32768 on to whoever asks for any.
fn port_of_nobody() -> u16 {
    let from = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (from..32_000).find(|port| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_file_stays_gets_another_mode_and_goes_with_its_listener() {
    use std::os::unix::fs::PermissionsExt as _;
    let setting = Setting { address: r#"["127.0.0.1:0", "unix:PROTOCOL.sock"]"#, ..Setting::default() };
    let scene = Scene::with(setting).await;
    let file = scene.directory.path().join("imap.sock");
    let mut peer = Peer::connect_unix(&file).await;
    peer.expect(greeting(Protocol::Imap)).await;
    reload(&scene, |text| text.replace("tls = \"none\"", "tls = \"none\"\nunix_mode = \"0660\"")).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o660);
    Peer::connect_unix(&file).await.expect(greeting(Protocol::Imap)).await;
    reload(&scene, |text| text.replace(", \"unix:imap.sock\"", "").replace("\nunix_mode = \"0660\"", ""))
        .await
        .unwrap();
    until(|| !file.exists()).await;
    peer.send("a NOOP\r\n").await;
    peer.expect("a OK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_bounds_are_read_again() {
    let scene = Scene::with(Setting { limits: "sessions = 1", ..Setting::default() }).await;
    let path = |name: &str| scene.directory.path().join(name);
    std::fs::write(path("secret"), "not the secret").unwrap();
    std::fs::set_permissions(path("secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let changes = reload(&scene, |text| {
        text.replace("client_secret = \"client s3cret\"", "client_secret = { file = \"secret\" }")
    })
    .await
    .unwrap();
    assert_eq!(changes.changed, ["tokens.support changed"]);
    // The access token that is there is good still.
    let _first = scene.logged_in(Protocol::Imap).await;
    std::fs::write(path("secret"), "client s3cret").unwrap();
    let changes = reload(&scene, |text| text.replace("sessions = 1", "sessions = 2")).await.unwrap();
    assert_eq!(changes.changed, ["limits.sessions changed"]);
    let mut second = scene.logged_in(Protocol::Imap).await;
    goes_on(&mut second, Protocol::Imap).await;
}

/// Whether the reload took it or, just before, whoever watches the files.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_read_again() {
    let limits = "certificate_check_seconds = 600";
    let scene = Scene::with(Setting { tls: "implicit", limits, ..Setting::default() }).await;
    let other = gatepost_kit::Authority::new(&["localhost"]);
    for (name, content) in [("cert.pem", other.certificate_pem()), ("key.pem", other.key_pem())] {
        std::fs::write(scene.directory.path().join(name), content).unwrap();
    }
    reload(&scene, std::convert::identity).await.unwrap();
    let mut peer = tls_peer(scene.address(Protocol::Imap), &other.client()).await;
    peer.expect(greeting(Protocol::Imap)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_come_move_and_go() {
    let scene = Scene::new().await;
    assert_eq!(scene.gatepost.admin(), None);
    let with = |address: &str, url: &str| {
        let text = std::fs::read_to_string(scene.directory.path().join("gatepost.toml")).unwrap();
        let text = text.split("[admin]").next().unwrap().to_owned();
        text + &format!("[admin]\naddress = \"{address}\"\npublic_url = \"{url}\"\n")
    };
    reload(&scene, |_| with("127.0.0.1:0", "http://localhost:1/")).await.unwrap();
    let first = scene.gatepost.admin().unwrap();
    reload(&scene, |_| with("127.0.0.1:0", "http://localhost:1/mail/")).await.unwrap();
    assert_eq!(scene.gatepost.admin(), Some(first.clone()), "the socket stays");
    let page = get(first.tcp().unwrap(), "/mail").await;
    assert!(page.contains("/mail/"), "{page}");
    let port = first.tcp().unwrap().port();
    reload(&scene, |_| with(&format!("127.0.0.1:{port}"), "http://localhost:1/")).await.unwrap();
    assert_eq!(scene.gatepost.admin(), Some(first.clone()), "another socket at the same address");
    get(first.tcp().unwrap(), "/").await;
    reload(&scene, |text| text.split("[admin]").next().unwrap().to_owned()).await.unwrap();
    assert_eq!(scene.gatepost.admin(), None);
    until(|| TcpStream::connect(first.tcp().unwrap()).is_err()).await;
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    answer
}
