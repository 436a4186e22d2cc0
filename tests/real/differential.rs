//! Gatepost changes nothing: what is sent through it arrives as what is sent to Postfix directly, octet for octet, and
//! what Postfix refuses is refused with the same reply.

mod messages;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatepost_kit::Peer;
use messages::{Message, SHAPES, message};
use tokio_rustls::rustls::ClientConfig;

use crate::gatepost::{Gatepost, PLAIN, Setting};
use crate::peers::{Peers, peers, say};

const MESSAGES: u64 = 200;
/// In one session.
const AT_ONCE: u64 = 25;
/// The mailbox that the account sends as.
const NUMBER: u32 = 39;

/// What Postfix does not take.
const REFUSED: [&str; 2] = ["too many hops", "announced too large"];

/// How a message goes to Postfix.
#[derive(Clone)]
struct Way {
    name: &'static str,
    port: u16,
    ca: Arc<ClientConfig>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_through_arrives_as_what_goes_directly() {
    let Some(peers) = peers() else { return };
    let ca = gatepost::net::client_config(Some(&peers.directory.join("ca.pem"))).unwrap();
    let through: Vec<_> = ["none", "starttls", "implicit"]
        .into_iter()
        .map(|tls| {
            (
                tls,
                Gatepost::start(
                    peers,
                    Setting { number: NUMBER, tls, starttls_upstream: tls == "none", ..Setting::default() },
                ),
            )
        })
        .collect();
    let way = |name, port| Way { name, port, ca: Arc::clone(&ca) };
    let direct = tokio::spawn(way("direct", peers.port(8)).send_all());
    let sending: Vec<_> =
        through.iter().map(|(tls, gatepost)| (tls, tokio::spawn(way(tls, gatepost.smtp).send_all()))).collect();
    let direct = direct.await.unwrap();
    for (seed, replies) in (0..).zip(&direct) {
        let Message { shape, .. } = message(seed);
        assert_eq!(accepted(replies), !REFUSED.contains(&shape), "directly: seed {seed}, {shape}: {replies:?}");
    }
    for (tls, sent) in sending {
        let replies = sent.await.unwrap();
        for seed in 0..MESSAGES {
            let at = usize::try_from(seed).unwrap();
            let Message { shape, .. } = message(seed);
            assert_eq!(replies[at], direct[at], "other replies by {tls} than directly: seed {seed}, {shape}");
            if accepted(&direct[at]) {
                compare(peers, tls, seed, shape);
            }
        }
        say(&format!("differential, {tls}: {MESSAGES} messages as they arrive directly\n"));
    }
}

/// One of each shape, but for those that a policy refuses: their first line is no header line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_changes_its_own_lines_only() {
    let Some(peers) = peers() else { return };
    let ca = gatepost::net::client_config(Some(&peers.directory.join("ca.pem"))).unwrap();
    let account = "sender = { policy = \"rewrite\" }";
    let gatepost = Gatepost::start(peers, Setting { number: NUMBER, tls: "implicit", account, ..Setting::default() });
    let ways = [("kept", peers.port(8)), ("rewritten", gatepost.smtp)];
    let [kept, rewritten] = ways.map(|(name, port)| Way { name, port, ca: Arc::clone(&ca) });
    let (mut one, mut other) = (kept.open().await, rewritten.open().await);
    for seed in 0..SHAPES {
        let message = message(seed);
        let [kept, rewritten] = ["kept", "rewritten"].map(|way| recipient(way, seed));
        let replies = hand_in(&mut one, &message, &kept).await;
        if NO_HEADER.contains(&message.shape) {
            continue;
        }
        assert_eq!(hand_in(&mut other, &message, &rewritten).await, replies, "seed {seed}, {}", message.shape);
        if accepted(&replies) {
            let (before, after) = (arrived(peers, &kept), arrived(peers, &rewritten));
            assert!(contains(&after, OWN_FROM), "seed {seed}, {}", message.shape);
            assert!(without_policy(&before) == without_policy(&after), "seed {seed}, {}", message.shape);
        }
    }
    say(&format!("differential, sender = rewrite: {SHAPES} messages, none changed but in From and Reply-To\n"));
}

const NO_HEADER: [&str; 2] = ["nothing but one dot", "only a body"];

const OWN_FROM: &[u8] = b"From: user39@example.test\n";

fn contains(content: &[u8], line: &[u8]) -> bool {
    content.split_inclusive(|&octet| octet == b'\n').any(|own| own == line)
}

/// All but the lines that the policy writes, and those that it replaces.
fn without_policy(content: &[u8]) -> Vec<u8> {
    const OWN: [&[u8]; 3] = [OWN_FROM, b"Reply-To: a@example.test\n", b"From: a@example.test\n"];
    content.split_inclusive(|&octet| octet == b'\n').filter(|line| !OWN.contains(line)).flatten().copied().collect()
}

/// Whether the last reply, which is that to the end of data, was a yes.
fn accepted(replies: &[String]) -> bool {
    replies.len() == 4 && replies[3].starts_with('2')
}

impl Way {
    /// What was answered to each message.
    async fn send_all(self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for first in (0..MESSAGES).step_by(usize::try_from(AT_ONCE).unwrap()) {
            let mut peer = self.open().await;
            for seed in first..(first + AT_ONCE).min(MESSAGES) {
                all.push(hand_in(&mut peer, &message(seed), &recipient(self.name, seed)).await);
            }
            peer.send("QUIT\r\n").await;
            peer.expect("221 ").await;
        }
        all
    }

    async fn open(&self) -> Peer {
        let address = Gatepost::address(self.port);
        let mut peer = Peer::connect(address).await;
        if ["implicit", "rewritten"].contains(&self.name) {
            peer = peer.tls(&self.ca).await;
        }
        peer.expect("220 ").await;
        peer.send("EHLO client.example.test\r\n").await;
        peer.expect("250-").await;
        if self.name == "starttls" {
            peer = peer.starttls("STARTTLS\r\n", "220 ", &self.ca).await;
            peer.send("EHLO client.example.test\r\n").await;
            peer.expect("250-").await;
        }
        if !["direct", "kept"].contains(&self.name) {
            peer.send(format!("AUTH PLAIN {PLAIN}\r\n")).await;
            peer.expect("235 ").await;
        }
        peer
    }
}

/// A mailbox of its own, for a message need not hold anything that it could be known by.
fn recipient(way: &str, seed: u64) -> String {
    format!("{way}-{seed}@example.test")
}

/// The replies to MAIL, RCPT, DATA and the end of data, as far as it came. What comes after a MAIL that was refused is
/// refused for that reason, or for the order of commands: either will do.
async fn hand_in(peer: &mut Peer, message: &Message, recipient: &str) -> Vec<String> {
    let mail = format!("MAIL FROM:<user{NUMBER}@example.test>{}\r\n", message.parameters);
    let commands = [mail, format!("RCPT TO:<{recipient}>\r\n"), "DATA\r\n".to_owned()];
    let mut replies = Vec::new();
    if message.pipelined {
        peer.send(commands.concat()).await;
    }
    for command in &commands {
        if !message.pipelined {
            peer.send(command).await;
        }
        replies.push(reply(peer).await);
    }
    if replies[2].starts_with("354") {
        let rest: &[u8] = if message.pipelined { b"NOOP\r\n" } else { b"" };
        peer.send([&message.wire()[..], rest].concat()).await;
        replies.push(reply(peer).await);
        if message.pipelined {
            peer.expect("250 ").await;
        }
    } else {
        peer.send("RSET\r\n").await;
        peer.expect("250 ").await;
    }
    if !replies[0].starts_with('2') {
        assert!(replies[1..].iter().all(|reply| reply.starts_with('5')), "{replies:?}");
        replies.truncate(1);
    }
    replies
}

/// The code of a reply and, where there is one, its enhanced code.
async fn reply(peer: &mut Peer) -> String {
    let said = peer.expect("").await;
    let line = said.lines().last().unwrap_or_default();
    line.split(' ').take(2).filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

fn compare(peers: &Peers, tls: &str, seed: u64, shape: &str) {
    let [direct, through] = ["direct", tls].map(|way| arrived(peers, &recipient(way, seed)));
    if direct != through {
        let at = direct.iter().zip(&through).take_while(|(one, other)| one == other).count();
        let around = |content: &[u8]| {
            String::from_utf8_lossy(&content[at.saturating_sub(40).min(content.len())..content.len().min(at + 40)])
                .into_owned()
        };
        panic!(
            "other octets by {tls} than directly: seed {seed}, {shape}, from octet {at} of {} and {}: {:?} directly, {:?} through",
            direct.len(),
            through.len(),
            around(&direct),
            around(&through)
        );
    }
}

/// The one message of a mailbox, without the headers that Postfix and Dovecot put in front.
fn arrived(peers: &Peers, mailbox: &str) -> Vec<u8> {
    let end = Instant::now() + Duration::from_mins(1);
    let directory = peers.directory.join("mail").join(mailbox).join("new");
    let file = loop {
        if let Some(file) = only(&directory) {
            break file;
        }
        assert!(Instant::now() < end, "nothing was delivered to {mailbox}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let stored = std::fs::read(file).unwrap();
    let mut content = &stored[..];
    for header in ["Return-Path: ", "Delivered-To: ", "Received: ", "Received: "] {
        assert!(
            content.starts_with(header.as_bytes()),
            "no {header}in front: {}",
            String::from_utf8_lossy(&stored[..stored.len().min(800)])
        );
        content = &content[line_length(content)..];
        while content.starts_with(b" ") || content.starts_with(b"\t") {
            content = &content[line_length(content)..];
        }
    }
    content.to_vec()
}

fn line_length(content: &[u8]) -> usize {
    content.iter().position(|&octet| octet == b'\n').map_or(content.len(), |at| at + 1)
}

fn only(directory: &Path) -> Option<PathBuf> {
    let files: Vec<_> = std::fs::read_dir(directory).ok()?.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() < 2, "delivered more than once: {}", directory.display());
    files.into_iter().next()
}
