//! The configuration is read again while sessions run: as a whole, or not at all.

use gatepost::cli::serve::Changes;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::log::Log;
use crate::scene::{PLAIN, Scene, Setting, greeting, log_in, wrong_password, yes};

/// What stands in the file from now on; and is served, if it can be.
async fn reload(scene: &Scene, change: impl FnOnce(String) -> String) -> Result<Changes, String> {
    let file = scene.directory.path().join("gatepost.toml");
    let text = change(std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, std::iter::empty()).map_err(|errors| errors.to_string())?;
    scene.gatepost.reload(config).await.map_err(|fault| format!("{fault:#}"))
}

async fn goes_on(peer: &mut Peer, protocol: Protocol) {
    let (command, answer) = match protocol {
        Protocol::Smtp => ("NOOP\r\n", "250 "),
        Protocol::Imap => ("n NOOP\r\n", "n OK"),
        Protocol::Pop3 => ("NOOP\r\n", "+OK"),
    };
    peer.send(command).await;
    peer.expect(answer).await;
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
    while tokio::net::TcpStream::connect(gone).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    goes_on(&mut smtp, Protocol::Smtp).await;
    let changes = reload(&scene, |text| text.replace("EvMail", "somebody")).await.unwrap();
    assert_eq!(changes.changed, ["accounts.EvMail removed", "accounts.somebody added"]);
    assert_eq!(changes.ended, 1);
    smtp.expect("421 4.3.2 The administrator ended this session").await;
    smtp.expect_end().await;
}
