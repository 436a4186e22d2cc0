//! Many sessions at once need the same token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_kit::Peer;
use tokio::task::JoinSet;

use super::scene::Scene;
use crate::gatepost::{Gatepost, PASSWORD};
use crate::mail::login;
use crate::peers::{client_of, peers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_sessions_at_an_expired_token_make_one_refresh() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let (client, ttl) =
        (client_of(15), |seconds| peers.oauth(&format!("/ttl?client={}&seconds={seconds}", client_of(15))));
    let arguments = ["--grant", "client_credentials", "--client-id", &client, "--scope", "mail"];
    ttl(1);
    scene.declare("user15", &[&arguments[..], &["--client-secret-file", "app.secret"]].concat());
    assert!(login(&scene, "user15").starts_with("+OK"));
    ttl(3600);
    // The one refresh may be the service's own, ahead of everybody.
    let before = peers.token_requests(15);
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let plain = STANDARD.encode(format!("\0user15\0{PASSWORD}"));
    let ways = [
        (scene.smtp, format!("AUTH PLAIN {plain}"), "235 "),
        (scene.imap, format!("a AUTHENTICATE PLAIN {plain}"), "a OK"),
        (scene.pop3, format!("AUTH PLAIN {plain}"), "+OK"),
    ];
    let mut sessions = JoinSet::new();
    for (port, command, yes) in ways.into_iter().cycle().take(64) {
        sessions.spawn(async move {
            let mut peer = Peer::connect(Gatepost::address(port)).await;
            peer.line().await;
            peer.send(format!("{command}\r\n")).await;
            peer.expect(yes).await;
        });
    }
    sessions.join_all().await;
    // None, where the service's own was under way already when its tokens came to live for longer.
    let now = peers.token_requests(15);
    assert!((before..=before + 1).contains(&now), "{before} {now}");
    scene.heard_of("session.login", 65);
}
