//! What is waited for, counted in round trips to the provider.

use std::time::Duration;

use gatepost::cli::serve::Running;
use gatepost::model::Protocol;
use gatepost_kit::bench::{Laid, Line};
use gatepost_kit::{Peer, Provider};

use crate::scene::{MAILBOX, PASSWORD, PLAIN, Setting, greeting, stage, start};

struct Scene {
    /// Keeps what it is served by.
    _provider: Provider,
    gatepost: Running,
    line: Laid,
    protocol: Protocol,
    _directory: tempfile::TempDir,
}

impl Scene {
    /// The provider stands at the end of a line that counts.
    async fn of(protocol: Protocol) -> Self {
        let (provider, _, directory) = stage(Setting::default()).await;
        let ports = provider.ports;
        let port = match protocol {
            Protocol::Smtp => ports.smtps,
            Protocol::Imap => ports.imaps,
            Protocol::Pop3 => ports.pop3s,
        };
        let line = Line::new(Duration::ZERO).to(([127, 0, 0, 1], port).into()).await.unwrap();
        let file = directory.path().join("gatepost.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let moved = text.replace(&format!("port = {port},"), &format!("port = {},", line.address().port()));
        assert_ne!(text, moved);
        std::fs::write(&file, moved).unwrap();
        let gatepost = start(directory.path()).await;
        Self { _provider: provider, gatepost, line, protocol, _directory: directory }
    }

    async fn client(&self) -> Peer {
        let address = self.gatepost.listeners().into_iter().find(|(served, _)| *served == self.protocol).unwrap().1;
        let mut peer = Peer::connect(address.tcp().unwrap()).await;
        peer.expect(greeting(self.protocol)).await;
        peer
    }

    /// How many round trips this takes.
    async fn round_trips(&self, deed: impl Future<Output = ()>) -> usize {
        let before = self.line.round_trips();
        deed.await;
        self.line.round_trips() - before
    }
}

async fn say(peer: &mut Peer, words: &str, answers: &[&str]) {
    peer.send(words).await;
    for answer in answers {
        peer.read_until(answer).await;
    }
}

/// The login itself takes 6: connection, TLS, greeting, capabilities before and after, and its yes.
#[tokio::test]
async fn what_an_imap_client_sends_behind_its_login_costs_one_round_trip() {
    let scene = Scene::of(Protocol::Imap).await;
    let mut peer = scene.client().await;
    let login = format!("a LOGIN evmail \"{PASSWORD}\"\r\n");
    let rest = "b SELECT INBOX\r\nc FETCH 1:* FLAGS\r\nd NOOP\r\ne LOGOUT\r\n";
    let commands = login.clone() + rest;
    let all = say(&mut peer, &commands, &["a OK", "b OK", "d OK", "* BYE"]);
    let together = scene.round_trips(all).await;
    let mut peer = scene.client().await;
    let alone = scene.round_trips(say(&mut peer, &login, &["a OK"])).await;
    assert_eq!((alone, together), (6, 7));
}

#[tokio::test]
async fn what_a_pop3_client_sends_together_costs_one_round_trip() {
    let scene = Scene::of(Protocol::Pop3).await;
    let mut peer = scene.client().await;
    let login = format!("USER evmail\r\nPASS {PASSWORD}\r\n");
    let commands = login.clone() + "STAT\r\nNOOP\r\nQUIT\r\n";
    let all = say(&mut peer, &commands, &["+OK"; 5]);
    let together = scene.round_trips(all).await;
    let mut peer = scene.client().await;
    let alone = scene.round_trips(say(&mut peer, &login, &["+OK"; 2])).await;
    assert_eq!((alone, together), (5, 6));
}

const BODY: &str = "Subject: x\r\n\r\nx\r\n.\r\n";

#[tokio::test]
async fn a_group_of_smtp_commands_costs_one_round_trip_and_each_alone_as_much_as_it_would_direct() {
    let scene = Scene::of(Protocol::Smtp).await;
    let mut peer = scene.client().await;
    let group = format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    let login = scene.round_trips(say(&mut peer, &format!("AUTH PLAIN {PLAIN}\r\n"), &["235 "])).await;
    let envelope = scene.round_trips(say(&mut peer, &group, &["250 ", "250 ", "250 ", "354 "])).await;
    let body = scene.round_trips(say(&mut peer, BODY, &["250 "])).await;
    assert_eq!((login, envelope, body), (6, 1, 1));
    let mut each = Vec::new();
    for (command, answer) in group.split_inclusive("\r\n").zip(["250 ", "250 ", "250 ", "354 "]) {
        each.push(scene.round_trips(say(&mut peer, command, &[answer])).await);
    }
    each.push(scene.round_trips(say(&mut peer, BODY, &["250 "])).await);
    assert_eq!(each, [1; 5]);
}

#[tokio::test]
async fn what_an_smtp_client_sends_behind_its_login_costs_one_round_trip() {
    let scene = Scene::of(Protocol::Smtp).await;
    let mut peer = scene.client().await;
    let group = format!("AUTH PLAIN {PLAIN}\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n");
    let all = scene.round_trips(say(&mut peer, &group, &["235 ", "250 ", "250 ", "354 "])).await;
    assert_eq!(all, 7);
}
