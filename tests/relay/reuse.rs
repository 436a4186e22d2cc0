//! SMTP sessions at the provider that serve one program after the other.

use std::time::Duration;

use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::{Break, Client, How, Peer, Point};
use tokio::time::sleep;

use crate::log::Log;
use crate::scene::{MAILBOX, PLAIN, Scene, Setting, log_in};

const RECIPIENT: &str = "a@example.com";

/// `\0twin\0pass word` and `\0other\0pass word`, of [`neighbours`].
const TWIN: &str = "AHR3aW4AcGFzcyB3b3Jk";
const OTHER: &str = "AG90aGVyAHBhc3Mgd29yZA==";

async fn scene(limits: &'static str) -> Scene {
    Scene::with(Setting { limits, ..Setting::default() }).await
}

/// A program before its message.
async fn program(scene: &Scene, plain: &str) -> Peer {
    let mut peer = scene.client(Protocol::Smtp).await;
    log_in(&mut peer, Protocol::Smtp, plain).await;
    peer.expect("235 ").await;
    peer
}

async fn deliver(peer: &mut Peer) {
    until_body(peer).await;
    peer.send("Subject: x\r\n\r\nbody\r\n.\r\n").await;
    peer.expect("250 2.0.0 OK <").await;
}

async fn until_body(peer: &mut Peer) {
    for (command, reply) in [
        (format!("MAIL FROM:<{MAILBOX}>\r\n"), "250 "),
        (format!("RCPT TO:<{RECIPIENT}>\r\n"), "250 "),
        ("DATA\r\n".into(), "354 "),
    ] {
        peer.send(command).await;
        peer.expect(reply).await;
    }
}

/// Its upstream session is kept when this returns, if it is at all.
async fn quit(mut peer: Peer) {
    peer.send("QUIT\r\n").await;
    peer.expect("221 ").await;
    peer.expect_end().await;
}

/// Connects, sends a message and leaves.
async fn send(scene: &Scene, plain: &str) {
    let mut peer = program(scene, plain).await;
    deliver(&mut peer).await;
    quit(peer).await;
}

fn logins(scene: &Scene) -> usize {
    scene.provider.logins().iter().filter(|login| login.protocol == "smtp" && login.granted).count()
}

fn arrived(scene: &Scene) -> usize {
    scene.provider.mail(RECIPIENT).len()
}

/// Until the provider has so many sessions of the mailbox.
async fn until_sessions(scene: &Scene, count: u32) {
    until(|| scene.provider.sessions("smtp", MAILBOX) == count).await;
}

/// Until it is so, for as long as a very slow machine may take.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it never was");
}

fn told(scene: &Scene) -> Vec<String> {
    scene.provider.commands().into_iter().map(|command| command.line).collect()
}

/// The usual account, one more of the same identity, and one of another.
async fn neighbours(limits: &'static str, provider: &'static str) -> Scene {
    let hash = gatepost::account::hash_password(&"pass word".into()).unwrap();
    let hash = hash.as_str();
    let more = format!(
        "[accounts.twin]\npassword_hash = {hash:?}\ntoken = \"support\"\n[accounts.other]\npassword_hash = {hash:?}\ntoken = \"support\"\nsmtp_user = \"other@example.com\"\n{provider}"
    );
    let scene = Scene::with(Setting { limits, account: more.leak(), ..Setting::default() }).await;
    scene.provider.register(Client::new("client", MAILBOX).secret("client s3cret").mailbox("other@example.com"));
    scene
}

#[tokio::test]
async fn the_next_program_takes_the_session_that_the_last_one_left() {
    let (log, _guard) = Log::open();
    let scene = scene("").await;
    for _ in 0..3 {
        send(&scene, PLAIN).await;
    }
    assert_eq!((logins(&scene), arrived(&scene)), (1, 3));
    let message = [format!("MAIL FROM:<{MAILBOX}>"), format!("RCPT TO:<{RECIPIENT}>"), "DATA".into()];
    let expected = [&message[..], &["RSET".into()], &message[..], &["RSET".into()], &message[..]].concat();
    assert_eq!(told(&scene)[..expected.len()], expected);
    let entered = log.events("session.login");
    let reused: Vec<_> = entered.iter().map(|line| line.contains("reused=true")).collect();
    assert_eq!(reused, [false, true, true], "{entered:?}");
}

/// A program that goes without QUIT, between two messages.
#[tokio::test]
async fn whoever_just_closes_leaves_its_session_too() {
    let scene = scene("").await;
    let mut peer = program(&scene, PLAIN).await;
    deliver(&mut peer).await;
    drop(peer);
    until(|| told(&scene).contains(&"RSET".into())).await;
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (1, 2));
}

/// Its provider may wait for the body that it announced: nobody else may have that session.
#[tokio::test]
async fn whoever_dies_before_its_body_leaves_nothing() {
    let scene = scene("").await;
    for _ in 0..5 {
        let mut peer = program(&scene, PLAIN).await;
        peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n")).await;
        // What it has not read makes the end of its connection a reset.
        drop(peer);
    }
    until_sessions(&scene, 0).await;
    assert!(!told(&scene).contains(&"RSET".into()), "{:?}", told(&scene));
    send(&scene, PLAIN).await;
    assert_eq!(arrived(&scene), 1);
}

#[tokio::test]
async fn accounts_of_one_identity_share_and_others_never_do() {
    let scene = neighbours("", "").await;
    for plain in [PLAIN, TWIN, OTHER, PLAIN, OTHER, TWIN] {
        send(&scene, plain).await;
    }
    let users: Vec<_> = scene.provider.logins().into_iter().map(|login| login.user).collect();
    assert_eq!(users, [MAILBOX, "other@example.com"]);
    let senders = scene.provider.mail(RECIPIENT);
    let senders: Vec<_> = senders.iter().map(|mail| mail.user.as_str()).collect();
    let other = "other@example.com";
    assert_eq!(senders, [MAILBOX, MAILBOX, other, MAILBOX, other, MAILBOX]);
}

/// Another access token is another session, whatever has become of the first.
#[tokio::test]
async fn a_session_is_as_good_as_its_access_token() {
    let scene = scene("").await;
    scene.provider.set_life(Duration::from_secs(2));
    send(&scene, PLAIN).await;
    sleep(Duration::from_secs(2)).await;
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (2, 2));
}

#[tokio::test]
async fn after_any_refusal_a_session_is_not_kept() {
    let scene = scene("").await;
    scene.provider.faults(|faults| {
        faults.replies.insert("RCPT", "550 5.1.1 no such user\r\n");
    });
    let mut peer = program(&scene, PLAIN).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<x@example.com>\r\nRSET\r\n")).await;
    for reply in ["250 ", "550 ", "250 "] {
        peer.expect(reply).await;
    }
    quit(peer).await;
    scene.provider.faults(|faults| faults.replies.clear());
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (2, 1));
}

#[tokio::test]
async fn a_transaction_that_is_open_is_not_left_to_the_next() {
    let scene = scene("").await;
    let mut peer = program(&scene, PLAIN).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<evil@example.com>\r\n")).await;
    peer.expect("250 ").await;
    peer.expect("250 ").await;
    quit(peer).await;
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (2, 1));
    assert!(scene.provider.mail("evil@example.com").is_empty());
}

/// One that ends while it is kept is seen at once.
#[tokio::test]
async fn a_session_that_ends_meanwhile_is_not_used() {
    for how in [How::Close, How::Bye, How::Garbage, How::EarlyYes] {
        let scene = scene("").await;
        send(&scene, PLAIN).await;
        until(|| told(&scene).contains(&"RSET".into())).await;
        scene.provider.cut_smtp(how);
        send(&scene, PLAIN).await;
        assert_eq!((logins(&scene), arrived(&scene)), (2, 2), "{how:?}");
    }
}

/// Nor need a program hear of one that ends while it has it, before it has said something that counts.
#[tokio::test]
async fn a_session_that_dies_before_its_first_answer_is_replaced_in_silence() {
    for how in [How::Close, How::Bye, How::Garbage, How::Silence] {
        let scene = scene("smtp_kept_reply_seconds = 1").await;
        send(&scene, PLAIN).await;
        let mut peer = program(&scene, PLAIN).await;
        assert_eq!(logins(&scene), 1, "{how:?}");
        // The reply to RSET comes first.
        until(|| told(&scene).contains(&"RSET".into())).await;
        scene.provider.cut_smtp(how);
        deliver(&mut peer).await;
        quit(peer).await;
        assert_eq!((logins(&scene), arrived(&scene)), (2, 2), "{how:?}");
    }
}

/// The whole group is said again, and what was said to the dead one delivers nothing.
#[tokio::test]
async fn a_group_is_said_again_as_it_was() {
    let scene = scene("smtp_kept_reply_seconds = 1").await;
    send(&scene, PLAIN).await;
    let mut peer = program(&scene, PLAIN).await;
    until(|| told(&scene).contains(&"RSET".into())).await;
    scene.provider.cut_smtp(How::Silence);
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<{RECIPIENT}>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")).await;
    for reply in ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
    peer.send("x\r\n.\r\n").await;
    peer.expect("250 2.0.0 OK <").await;
    quit(peer).await;
    assert_eq!((logins(&scene), arrived(&scene), scene.provider.mail("b@example.com").len()), (2, 2, 1));
}

#[tokio::test]
async fn a_session_whose_login_has_died_is_replaced_once() {
    for refusal in ["530 5.7.57 Client not authenticated to send mail.\r\n", "421 4.3.2 closing\r\n"] {
        let scene = scene("").await;
        send(&scene, PLAIN).await;
        let mut peer = program(&scene, PLAIN).await;
        scene.provider.faults(|faults| {
            faults.replies.insert("MAIL", refusal);
        });
        peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
        // What the second one says is what counts.
        peer.expect(&refusal[..8]).await;
        assert_eq!((logins(&scene), arrived(&scene)), (2, 1), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_server_that_will_not_reset_has_its_session_replaced() {
    let scene = scene("").await;
    scene.provider.faults(|faults| {
        faults.replies.insert("RSET", "500 5.5.1 what?\r\n");
    });
    send(&scene, PLAIN).await;
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (2, 2));
}

/// Law 1, and nothing is said twice that may have had an effect.
#[tokio::test]
async fn once_a_server_has_answered_its_death_is_told() {
    for (point, reply) in [(Point::Data, "421 4.4.2 "), (Point::Body(10), "451 4.4.2 "), (Point::Taken, "451 4.4.2 ")] {
        let scene = scene("").await;
        send(&scene, PLAIN).await;
        let mut peer = program(&scene, PLAIN).await;
        scene.provider.faults(|faults| faults.mishap = Some((point, How::Close)));
        peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n")).await;
        peer.expect("250 ").await;
        peer.expect("250 ").await;
        if point != Point::Data {
            peer.expect("354 ").await;
            peer.send("Subject: x\r\n\r\na body of more than ten octets\r\n.\r\n").await;
        }
        peer.expect(reply).await;
        let there = if point == Point::Taken { 2 } else { 1 };
        assert_eq!((logins(&scene), arrived(&scene)), (1, there), "{point:?}");
    }
    let scene = scene("").await;
    send(&scene, PLAIN).await;
    let mut peer = program(&scene, PLAIN).await;
    scene.provider.faults(|faults| faults.breaks = Some(Break::AtMail));
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    peer.expect("421 4.4.2 ").await;
    assert_eq!(logins(&scene), 2, "once, and not again and again");
}

/// A login that needs the place gets it; the provider never sees one too many.
#[tokio::test]
async fn a_place_that_somebody_waits_for_is_given_up_at_once() {
    let second = "[tokens.second]\nprovider = \"simulated\"\ngrant = \"client_credentials\"\nmailbox = \"support@example.com\"\nclient_id = \"client\"\nclient_secret = \"client s3cret\"\n[providers.simulated.limits]\nsmtp_sessions = 1";
    let scene = neighbours("gate_idle_seconds = 600\ngate_seconds = 600", second).await;
    send(&scene, PLAIN).await;
    let file = scene.directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // Another token of the same mailbox makes other sessions.
    let text = text.replacen("[accounts.twin]", "[accounts.third]", 1).replacen(
        "token = \"support\"\n[accounts.other]",
        "token = \"second\"\n[accounts.other]",
        1,
    );
    std::fs::write(&file, text).unwrap();
    scene.gatepost.reload(Config::load(&file, std::iter::empty()).unwrap()).await.unwrap();
    send(&scene, PLAIN).await;
    // `\0third\0pass word`
    send(&scene, "AHRoaXJkAHBhc3Mgd29yZA==").await;
    assert_eq!((arrived(&scene), scene.provider.most_sessions("smtp", MAILBOX)), (3, 1));
}

#[tokio::test]
async fn a_session_is_kept_for_so_many_messages_and_no_longer() {
    let scene = scene("smtp_kept_messages = 2").await;
    for _ in 0..5 {
        send(&scene, PLAIN).await;
    }
    assert_eq!((logins(&scene), arrived(&scene)), (3, 5));
}

#[tokio::test]
async fn none_is_kept_where_that_is_switched_off() {
    let scene = scene("smtp_kept_seconds = 0").await;
    send(&scene, PLAIN).await;
    send(&scene, PLAIN).await;
    assert_eq!((logins(&scene), arrived(&scene)), (2, 2));
    assert!(!told(&scene).contains(&"RSET".into()));
}

#[tokio::test]
async fn a_session_that_nobody_takes_says_goodbye() {
    for limits in ["smtp_kept_seconds = 1", "smtp_kept_lifetime_seconds = 1"] {
        let scene = scene(limits).await;
        send(&scene, PLAIN).await;
        until_sessions(&scene, 0).await;
        send(&scene, PLAIN).await;
        assert_eq!(logins(&scene), 2, "{limits}");
    }
}

/// A mailbox has half of its places kept at most: others than this service use it too.
#[tokio::test]
async fn half_of_the_places_are_for_others() {
    let scene = neighbours("", "[providers.simulated.limits]\nsmtp_sessions = 4").await;
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(program(&scene, PLAIN).await);
    }
    for peer in peers {
        quit(peer).await;
    }
    until_sessions(&scene, 2).await;
}

#[tokio::test]
async fn a_reload_ends_what_is_kept_and_so_does_a_stop() {
    let scene = scene("").await;
    let file = scene.directory.path().join("gatepost.toml");
    send(&scene, PLAIN).await;
    scene.gatepost.reload(Config::load(&file, std::iter::empty()).unwrap()).await.unwrap();
    until_sessions(&scene, 0).await;
    send(&scene, PLAIN).await;
    assert_eq!(scene.provider.sessions("smtp", MAILBOX), 1);
    let Scene { provider, gatepost, .. } = scene;
    let ended = gatepost.stop().await;
    assert_eq!((ended.unfinished, ended.sessions), (0, 0));
    until(|| provider.sessions("smtp", MAILBOX) == 0).await;
}

/// Who waits for a place gets the session with it, in turn with the others.
#[tokio::test]
async fn a_session_goes_on_to_the_one_that_waits_for_its_place() {
    let scene =
        neighbours("gate_idle_seconds = 600\ngate_seconds = 600", "[providers.simulated.limits]\nsmtp_sessions = 1")
            .await;
    let mut first = program(&scene, PLAIN).await;
    deliver(&mut first).await;
    let mut waiting = Vec::new();
    for plain in [PLAIN, TWIN, PLAIN] {
        let mut peer = scene.client(Protocol::Smtp).await;
        log_in(&mut peer, Protocol::Smtp, plain).await;
        waiting.push(tokio::spawn(async move {
            peer.expect("235 ").await;
            deliver(&mut peer).await;
            quit(peer).await;
        }));
    }
    quit(first).await;
    for program in waiting {
        program.await.unwrap();
    }
    assert_eq!((logins(&scene), arrived(&scene), scene.provider.most_sessions("smtp", MAILBOX)), (1, 4, 1));
}

/// What its provider asks a mailbox, it asks of all its sessions.
#[tokio::test]
async fn a_mailbox_that_is_slowed_down_uses_no_session_that_is_kept() {
    let scene = scene("gate_seconds = 1").await;
    let (first, mut second) = (program(&scene, PLAIN).await, program(&scene, PLAIN).await);
    quit(first).await;
    assert_eq!(scene.provider.sessions("smtp", MAILBOX), 2);
    scene.provider.faults(|faults| {
        faults.replies.insert("END", "451 4.7.500 Server busy. Please try again later\r\n");
    });
    until_body(&mut second).await;
    second.send("x\r\n.\r\n").await;
    second.expect("451 4.7.500 ").await;
    until_sessions(&scene, 1).await;
    let mut third = scene.client(Protocol::Smtp).await;
    log_in(&mut third, Protocol::Smtp, PLAIN).await;
    third.expect("451 4.3.2 the mail provider slows this mailbox down").await;
}
