//! Sessions that are ended from outside: by the administrator, or because their account or password changed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost::activity::Activity;
use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::log::Log;
use crate::reuse::until;
use crate::scene::{MAILBOX, PLAIN, Scene, Setting, goes_on, log_in, stage, yes};

/// A scene that is watched.
async fn watched() -> (Scene, Arc<Activity>) {
    watched_with("").await
}

async fn watched_with(more: &str) -> (Scene, Arc<Activity>) {
    let (provider, authority, directory) = stage(Setting::default()).await;
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + more).unwrap();
    std::fs::write(directory.path().join("odd.pem"), "no certificate").unwrap();
    let config = Config::load(&file, std::iter::empty()).unwrap();
    let activity = Arc::<Activity>::default();
    let gatepost = Running::watched(config, Arc::clone(&activity)).await.unwrap();
    (Scene { provider, gatepost, authority, directory }, activity)
}

/// Another process.
fn run(scene: &Scene, arguments: &[&str], password: &str) {
    let file: PathBuf = scene.directory.path().join("gatepost.toml");
    let mut program = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    program.args(arguments).arg("--config").arg(&file).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// Someone of an account of the store; the service knows it within a look.
async fn come_in(scene: &Scene, protocol: Protocol, user: &str, password: &str) -> Peer {
    let plain = STANDARD.encode(format!("\0{user}\0{password}"));
    for _ in 0..200 {
        let mut peer = scene.client(protocol).await;
        log_in(&mut peer, protocol, &plain).await;
        if peer.line().await.starts_with(yes(protocol)) {
            return peer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{user} never came in");
}

/// A client sees the end a moment before its session has left the roll.
async fn settles_at(open: usize, activity: &Activity) {
    for _ in 0..6000 {
        if activity.roll.open() == open {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} are open, not {open}", activity.roll.open());
}

/// What an ended session hears last.
const fn ended(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "421 4.3.2 The administrator ended this session\r\n",
        Protocol::Imap => "* BYE The administrator ended this session\r\n",
        Protocol::Pop3 => "-ERR [SYS/TEMP] The administrator ended this session\r\n",
    }
}

async fn is_ended(mut peer: Peer, protocol: Protocol) {
    peer.expect(ended(protocol)).await;
    peer.expect_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_has_no_sessions_and_others_of_its_token_go_on() {
    let (scene, activity) = watched().await;
    run(&scene, &["account", "add", "desk", "--token", "support"], "pw\n");
    let mut others = Vec::new();
    let mut desks = Vec::new();
    for protocol in Protocol::ALL {
        desks.push((protocol, come_in(&scene, protocol, "desk", "pw").await));
        others.push((protocol, scene.logged_in(protocol).await));
    }
    assert_eq!((activity.roll.open_of("desk"), activity.roll.open_of("EvMail")), (3, 3));
    run(&scene, &["account", "disable", "desk"], "");
    for (protocol, desk) in desks {
        is_ended(desk, protocol).await;
    }
    for (protocol, other) in &mut others {
        goes_on(other, *protocol).await;
    }
    settles_at(3, &activity).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_password_ends_its_own_sessions_alone() {
    let (scene, _activity) = watched().await;
    run(&scene, &["account", "add", "desk", "--token", "support"], "pw\n");
    run(&scene, &["account", "password", "desk", "--label", "phone"], "ring\n");
    run(&scene, &["account", "password", "desk", "--label", "pc"], "type\n");
    let (protocol, mut others) = (Protocol::Imap, Vec::new());
    let phone = come_in(&scene, protocol, "desk", "ring").await;
    for password in ["pw", "type"] {
        others.push(come_in(&scene, protocol, "desk", password).await);
    }
    run(&scene, &["account", "password", "desk", "--remove-label", "phone"], "");
    is_ended(phone, protocol).await;
    for other in &mut others {
        goes_on(other, protocol).await;
    }
    // The same word under another limit is another matter, and so is another account.
    run(&scene, &["account", "password", "desk", "--label", "pc", "--protocol", "smtp"], "type\n");
    is_ended(others.pop().unwrap(), protocol).await;
    goes_on(&mut others[0], protocol).await;
    run(&scene, &["account", "remove", "desk", "--yes"], "");
    is_ended(others.pop().unwrap(), protocol).await;
}

/// Another provider's authorities cannot be read: that is no reason to let anybody stay.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_provider_keeps_nobody_in() {
    let (scene, activity) =
        watched_with("[providers.odd]\ntoken_url = \"https://odd.test/token\"\nca = \"odd.pem\"\n").await;
    run(&scene, &["account", "add", "desk", "--token", "support"], "pw\n");
    let desk = come_in(&scene, Protocol::Imap, "desk", "pw").await;
    let mut other = scene.logged_in(Protocol::Imap).await;
    let odd = ["token", "add", "odd", "--provider", "odd", "--grant", "refresh_token", "--mailbox", "a@odd.test"];
    run(&scene, &[&odd[..], &["--client-id", "client"]].concat(), "");
    run(&scene, &["account", "disable", "desk"], "");
    is_ended(desk, Protocol::Imap).await;
    goes_on(&mut other, Protocol::Imap).await;
    settles_at(1, &activity).await;
}

#[tokio::test]
async fn the_administrator_ends_one_session_and_the_log_says_so() {
    let (log, _guard) = Log::open();
    let (scene, activity) = watched().await;
    for protocol in Protocol::ALL {
        let mut other = scene.logged_in(protocol).await;
        let one = scene.logged_in(protocol).await;
        let list = activity.roll.list();
        let [first, second] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((second.account.as_str(), second.protocol), ("EvMail", protocol));
        assert!(activity.roll.end(&second.id));
        is_ended(one, protocol).await;
        goes_on(&mut other, protocol).await;
        let before = (first.sent, first.received);
        let after = activity.roll.line(&first.id).unwrap().seen();
        assert!((after.sent, after.received) > before, "{protocol}: octets are counted while it is under way");
        assert!(activity.roll.end(&first.id));
        is_ended(other, protocol).await;
    }
    settles_at(0, &activity).await;
    let closed = log.events("session.closed");
    let told = |line: &&String| line.contains("INFO") && line.contains("reason=\"ended by the administrator\"");
    assert_eq!(closed.iter().filter(told).count(), 6, "{closed:?}");
}

/// A literal that is under way gets no words of Gatepost's into it.
#[tokio::test]
async fn last_words_never_end_up_within_a_message() {
    let (scene, activity) = watched().await;
    let mut peer = scene.logged_in(Protocol::Imap).await;
    scene.provider.faults(|faults| {
        faults.replies.insert("NOOP", "OK odd\r\n* 1 FETCH (BODY[] {100}\r\nSubject: x\r\n");
    });
    peer.send("n NOOP\r\n").await;
    peer.expect("n OK").await;
    peer.expect("* 1 FETCH").await;
    peer.expect("Subject").await;
    assert!(activity.roll.end(&activity.roll.list()[0].id));
    peer.expect_end().await;
}

#[tokio::test]
async fn a_message_under_way_is_finished_first() {
    let (scene, activity) = watched().await;
    let mut peer = scene.client(Protocol::Smtp).await;
    log_in(&mut peer, Protocol::Smtp, PLAIN).await;
    peer.expect("235 ").await;
    for (command, reply) in [
        (format!("MAIL FROM:<{MAILBOX}>"), "250 "),
        ("RCPT TO:<a@example.com>".into(), "250 "),
        ("DATA".into(), "354 "),
    ] {
        peer.send(format!("{command}\r\n")).await;
        peer.expect(reply).await;
    }
    assert!(activity.roll.end(&activity.roll.list()[0].id));
    peer.send("Subject: x\r\n\r\nwhole\r\n.\r\n").await;
    peer.expect("250 2.0.0 OK").await;
    is_ended(peer, Protocol::Smtp).await;
    assert_eq!(scene.provider.mail("a@example.com").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_has_left_no_session_behind() {
    let limits = "smtp_kept_seconds = 3600\nsmtp_kept_lifetime_seconds = 3600";
    let scene = Scene::with(Setting { limits, ..Setting::default() }).await;
    run(&scene, &["account", "add", "desk", "--token", "support"], "pw\n");
    let leaves = async |mut peer: Peer| {
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        peer.expect_end().await;
    };
    leaves(come_in(&scene, Protocol::Smtp, "desk", "pw").await).await;
    assert_eq!(scene.provider.sessions("smtp", MAILBOX), 1);
    run(&scene, &["account", "disable", "desk"], "");
    until(|| scene.provider.sessions("smtp", MAILBOX) == 0).await;
    leaves(scene.logged_in(Protocol::Smtp).await).await;
    assert_eq!(scene.provider.logins().len(), 2);
}
