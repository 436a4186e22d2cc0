//! Limits of the mailbox: who waits, who is refused, and what a provider's own word about it leads to.

use std::time::{Duration, Instant};

use gatepost::account::hash_password;
use gatepost::model::Protocol;
use gatepost_kit::{Client, How, Peer, Point};
use tokio::time::sleep;

use crate::scene::{MAILBOX, PLAIN, Scene, Setting, log_in, yes};

const THREE: &str = "[providers.simulated.limits]\nsmtp_sessions = 3\nimap_sessions = 2";

/// `\0other\0pass word`, of [`with_another_mailbox`].
const OTHER: &str = "AG90aGVyAHBhc3Mgd29yZA==";

async fn scene(limits: &'static str, provider: &'static str) -> Scene {
    Scene::with(Setting { limits, account: provider, ..Setting::default() }).await
}

async fn mail(peer: &mut Peer) -> String {
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    peer.expect("").await
}

async fn deliver(peer: &mut Peer) {
    let reply = mail(peer).await;
    assert!(reply.starts_with("250 "), "{reply}");
    peer.send("RCPT TO:<a@example.com>\r\n").await;
    peer.expect("250 ").await;
    peer.send("DATA\r\n").await;
    peer.expect("354 ").await;
    peer.send("Subject: x\r\n\r\nbody\r\n.\r\n").await;
    peer.expect("250 ").await;
}

async fn quit(mut peer: Peer) {
    peer.send("QUIT\r\n").await;
    peer.expect("221 ").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn ten_programs_share_three_sessions() {
    let scene = scene("", THREE).await;
    // An upstream that refuses a fourth.
    scene.provider.faults(|faults| faults.sessions = Some(3));
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let address = scene.address(Protocol::Smtp);
        programs.spawn(async move {
            let mut peer = Peer::connect(address).await;
            peer.expect("220 ").await;
            log_in(&mut peer, Protocol::Smtp, PLAIN).await;
            peer.expect("235 ").await;
            deliver(&mut peer).await;
            deliver(&mut peer).await;
            quit(peer).await;
        });
    }
    while let Some(ended) = programs.join_next().await {
        ended.unwrap();
    }
    assert_eq!(scene.provider.mail("a@example.com").len(), 20);
    assert_eq!(scene.provider.most_sessions("smtp", MAILBOX), 3);
}

#[tokio::test]
async fn who_waits_in_vain_is_told_to_try_later_and_a_free_place_is_for_the_next() {
    let scene = scene("gate_seconds = 1", "[providers.simulated.limits]\nsmtp_sessions = 1\nimap_sessions = 1").await;
    for (protocol, busy) in
        [(Protocol::Smtp, "451 4.3.2 the mailbox is in use"), (Protocol::Imap, "a NO [LIMIT] the mailbox is in use")]
    {
        let first = scene.logged_in(protocol).await;
        let mut second = scene.client(protocol).await;
        log_in(&mut second, protocol, PLAIN).await;
        second.expect(busy).await;
        log_in(&mut second, protocol, PLAIN).await;
        drop(first);
        second.expect(yes(protocol)).await;
    }
    // POP3 has no such limit.
    let _first = scene.logged_in(Protocol::Pop3).await;
    drop(scene.logged_in(Protocol::Pop3).await);
}

/// As [`scene`], with an account of another mailbox.
async fn with_another_mailbox(limits: &'static str) -> Scene {
    let hash = hash_password(&"pass word".into()).unwrap();
    let other = format!(
        "[accounts.other]\npassword_hash = {:?}\ntoken = \"support\"\nmailbox = \"other@example.com\"\nsmtp_user = \"other@example.com\"",
        hash.as_str()
    );
    let scene = scene(limits, other.leak()).await;
    scene.provider.register(Client::new("client", MAILBOX).secret("client s3cret").mailbox("other@example.com"));
    scene
}

#[tokio::test]
async fn one_waiter_too_many_is_refused_at_once_and_one_that_leaves_makes_room() {
    let limits = "gate_waiters = 1\ngate_seconds = 600\nlogin_attempts = 1000";
    let scene = scene(limits, "[providers.simulated.limits]\nimap_sessions = 1").await;
    let first = scene.logged_in(Protocol::Imap).await;
    let (mut a, mut b) = (scene.client(Protocol::Imap).await, scene.client(Protocol::Imap).await);
    log_in(&mut a, Protocol::Imap, PLAIN).await;
    log_in(&mut b, Protocol::Imap, PLAIN).await;
    let is_a = tokio::select! {
        _ = a.expect("a NO [LIMIT] too many") => true,
        _ = b.expect("a NO [LIMIT] too many") => false,
    };
    let (mut refused, leaving) = if is_a { (a, b) } else { (b, a) };
    drop(leaving);
    let mut first = Some(first);
    loop {
        log_in(&mut refused, Protocol::Imap, PLAIN).await;
        let reply = tokio::select! {
            reply = refused.expect("a ") => reply,
            // No answer: it waits, so the other one does not any more.
            () = sleep(Duration::from_millis(300)), if first.is_some() => {
                drop(first.take());
                refused.expect("a ").await
            }
        };
        if reply.starts_with("a OK") {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert!(first.is_none());
}

#[tokio::test]
async fn an_idle_session_gives_its_place_to_one_that_waits_and_a_busy_one_does_not() {
    let scene = scene("gate_idle_seconds = 1", "[providers.simulated.limits]\nsmtp_sessions = 2").await;
    let (mut idle, mut busy) = (scene.logged_in(Protocol::Smtp).await, scene.logged_in(Protocol::Smtp).await);
    assert!(mail(&mut busy).await.starts_with("250 "));
    let mut third = scene.client(Protocol::Smtp).await;
    log_in(&mut third, Protocol::Smtp, PLAIN).await;
    idle.expect("421 4.3.2 ").await;
    idle.expect_end().await;
    third.expect("235 ").await;
    deliver(&mut third).await;
    busy.send("RSET\r\n").await;
    busy.expect("250 ").await;
    deliver(&mut busy).await;
}

/// Its client is still seen off, or has its message still to end.
#[tokio::test]
async fn a_session_whose_upstream_broke_holds_no_place() {
    let scene = scene("gate_seconds = 4", "[providers.simulated.limits]\nsmtp_sessions = 1").await;
    for (point, rest) in [(Point::End, ".\r\n"), (Point::Body(10), "")] {
        scene.provider.faults(|faults| faults.mishap = Some((point, How::Close)));
        let mut broken = scene.logged_in(Protocol::Smtp).await;
        assert!(mail(&mut broken).await.starts_with("250 "));
        broken.send("RCPT TO:<a@example.com>\r\nDATA\r\n").await;
        broken.expect("250 ").await;
        broken.expect("354 ").await;
        broken.send(format!("Subject: longer than that\r\n\r\n{rest}")).await;
        // In vain while the place is taken.
        let next = scene.logged_in(Protocol::Smtp).await;
        broken.send(if rest.is_empty() { ".\r\nQUIT\r\n" } else { "QUIT\r\n" }).await;
        broken.expect("451 4.4.2 ").await;
        broken.expect("221 ").await;
        quit(next).await;
    }
}

#[tokio::test]
async fn a_message_too_many_in_a_minute_is_not_sent_upstream() {
    let scene = scene("gate_seconds = 1", "[providers.simulated.limits]\nmessages_per_minute = 4").await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    deliver(&mut peer).await;
    deliver(&mut peer).await;
    // Whatever reaches the upstream from now on is answered so.
    scene.provider.faults(|faults| {
        faults.replies.insert("MAIL", "599 it went upstream\r\n");
    });
    let reply = mail(&mut peer).await;
    assert!(reply.starts_with("451 4.3.2 the mailbox has sent as many messages as it may"), "{reply}");
    peer.send("RCPT TO:<a@example.com>\r\nRSET\r\n").await;
    peer.expect("451 4.3.2 the mailbox has sent").await;
    peer.expect("250 ").await;
}

#[tokio::test]
async fn after_one_too_many_the_mailbox_rests_and_then_delivers() {
    let scene = scene("", "").await;
    scene.provider.faults(|faults| faults.sessions = Some(0));
    let mut smtp = scene.logged_in(Protocol::Smtp).await;
    let reply = mail(&mut smtp).await;
    assert!(reply.starts_with("432 4.3.2 Concurrent connections limit exceeded"), "as the provider said: {reply}");
    let mut imap = scene.client(Protocol::Imap).await;
    log_in(&mut imap, Protocol::Imap, PLAIN).await;
    imap.expect("a NO [LIMIT] the mail provider slows this mailbox down").await;
    let attempts = scene.provider.logins().len();
    scene.provider.faults(|faults| faults.sessions = None);

    let begun = Instant::now();
    log_in(&mut imap, Protocol::Imap, PLAIN).await;
    deliver(&mut smtp).await;
    imap.expect("a OK").await;
    assert!(begun.elapsed() > Duration::from_secs(4));
    assert_eq!(scene.provider.logins().len(), attempts + 1, "no fresh token was tried");
    assert_eq!(scene.provider.token_requests().len(), 1);
}

const THROTTLED: &str = "NO Request is throttled. Suggested Backoff Time: 120000 milliseconds\r\n";

#[tokio::test]
async fn a_long_pause_is_refused_at_once_and_is_one_mailboxs_own() {
    let scene = with_another_mailbox("").await;
    let mut peer = scene.client(Protocol::Imap).await;
    scene.provider.faults(|faults| {
        faults.replies.insert("AUTHENTICATE", THROTTLED);
    });
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect("a NO [UNAVAILABLE] the mail provider slows this mailbox down").await;
    scene.provider.faults(|faults| faults.replies.clear());
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect("a NO [LIMIT] the mail provider slows this mailbox down; try again in 2 minutes").await;
    log_in(&mut peer, Protocol::Imap, OTHER).await;
    peer.expect("a OK").await;
    drop(scene.logged_in(Protocol::Smtp).await);
}

#[tokio::test]
async fn what_comes_after_the_login_counts_as_well() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults.replies.insert("SELECT", THROTTLED);
    });
    let mut peer = scene.logged_in(Protocol::Imap).await;
    peer.send("b SELECT INBOX\r\n").await;
    peer.tagged("b NO Request is throttled").await;
    let mut next = scene.client(Protocol::Imap).await;
    log_in(&mut next, Protocol::Imap, PLAIN).await;
    next.expect("a NO [LIMIT] the mail provider slows this mailbox down; try again in 2 minutes").await;
}

#[tokio::test]
async fn a_spent_day_is_no_end_of_the_message() {
    for (stage, reply) in [
        (
            "END",
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message\r\n",
        ),
        (
            "MAIL",
            "550-5.4.5 Daily user sending limit exceeded. For more information go to\r\n550 5.4.5 https://support.google.com/a/answer/166852 x - gsmtp\r\n",
        ),
        ("RCPT", "550 5.4.5 Daily user sending limit exceeded\r\n"),
    ] {
        let scene = with_another_mailbox("").await;
        scene.provider.faults(|faults| {
            faults.replies.insert(stage, reply);
        });
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        let mut answers = vec![mail(&mut peer).await];
        for command in ["RCPT TO:<a@example.com>\r\n", "DATA\r\n", "x\r\n.\r\n"] {
            if answers.iter().all(|answer| answer.starts_with(['2', '3'])) {
                peer.send(command).await;
                answers.push(peer.expect("").await);
            }
        }
        let last = answers.pop().unwrap();
        assert!(last.starts_with("451 4.3.2 the mailbox has sent"), "{stage}: {last}");
        peer.send("RSET\r\n").await;
        peer.expect("250 ").await;
        let paused = mail(&mut peer).await;
        assert!(
            paused.starts_with("451 4.3.2 the mail provider slows this mailbox down; try again in 15 minutes"),
            "{paused}"
        );

        scene.provider.faults(|faults| faults.replies.clear());
        let mut other = scene.client(Protocol::Smtp).await;
        log_in(&mut other, Protocol::Smtp, OTHER).await;
        other.expect("235 ").await;
        other.send("MAIL FROM:<other@example.com>\r\n").await;
        other.expect("250 ").await;
    }
}

#[tokio::test]
async fn a_busy_mailbox_delays_no_other() {
    let scene = with_another_mailbox("").await;
    scene.provider.faults(|faults| {
        faults.replies.insert("MAIL", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)\r\n");
    });
    let mut busy = scene.logged_in(Protocol::Smtp).await;
    assert!(mail(&mut busy).await.starts_with("451 4.7.500 Server busy"));
    scene.provider.faults(|faults| faults.replies.clear());
    let mut waiting = scene.client(Protocol::Smtp).await;
    log_in(&mut waiting, Protocol::Smtp, PLAIN).await;
    busy.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    let mut other = scene.client(Protocol::Smtp).await;
    log_in(&mut other, Protocol::Smtp, OTHER).await;
    tokio::select! {
        biased;
        _ = waiting.expect("") => panic!("it was not left in peace"),
        _ = busy.expect("") => panic!("it was not left in peace"),
        _ = other.expect("235 ") => {}
    }
    deliver(&mut other).await;
}

#[tokio::test]
async fn a_stop_awaits_nobody_who_waits_for_a_mailbox() {
    let scene = scene("", THREE).await;
    let _held = [scene.logged_in(Protocol::Imap).await, scene.logged_in(Protocol::Imap).await];
    let mut waiting = scene.client(Protocol::Imap).await;
    log_in(&mut waiting, Protocol::Imap, PLAIN).await;
    sleep(Duration::from_millis(300)).await;
    let stopping = tokio::spawn(scene.gatepost.stop());
    waiting.expect("a NO [UNAVAILABLE] the service is stopping").await;
    waiting.expect("* BYE ").await;
    stopping.await.unwrap();
}
