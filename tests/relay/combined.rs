//! What old devices bring together: no login, bare LF, groups, a policy that rewrites, and a mailbox that is in use.

use std::time::Duration;

use gatepost::model::Protocol;
use gatepost_kit::{How, Peer, Point};
use tokio::time::timeout;

use crate::scene::{MAILBOX, Scene, Setting};

const SETTING: Setting = Setting {
    limits: "gate_seconds = 20\nupstream_reply_seconds = 1\nend_of_data_seconds = 1",
    listener: "newline = \"lenient\"",
    smtp: r#"anonymous = { networks = ["127.0.0.1"], account = "evmail", recipients = ["*@example.com"] }"#,
    account: "sender = { policy = \"rewrite\" }\n[providers.simulated.limits]\nsmtp_sessions = 1\nmessages_per_minute = 600",
    ..Setting::USUAL
};

/// All its commands in one packet, none of them with CRLF.
const GROUP: &str =
    "HELO scan\nMAIL FROM: scan@device.local\nRCPT TO:<evil@example.net>\nRCPT TO:a@example.com\nDATA\n";
const MESSAGE: &str = "From: \"2nd floor\" <scan@device.local>\nSubject: scan\n\n..page\n.\n";
const ARRIVES: &str =
    "From: \"2nd floor\" <support@example.com>\r\nReply-To: scan@device.local\r\nSubject: scan\r\n\r\n.page\r\n";

async fn device(scene: &Scene) -> Peer {
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(GROUP).await;
    peer.expect("250 relay.example").await;
    peer
}

async fn has_its_turn(peer: &mut Peer) {
    for reply in ["250 2.1.0", "550 5.7.1", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
}

async fn waits(peer: &mut Peer) {
    let early = timeout(Duration::from_millis(300), peer.expect("")).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
}

#[tokio::test]
async fn devices_wait_for_each_other_and_none_that_left_holds_the_others_up() {
    let scene = Scene::with(SETTING).await;
    let mut first = device(&scene).await;
    has_its_turn(&mut first).await;
    let mut vanishing = device(&scene).await;
    waits(&mut vanishing).await;
    let mut third = device(&scene).await;
    waits(&mut third).await;
    drop(vanishing);
    first.send(MESSAGE).await;
    first.expect("250 2.0.0 OK <").await;
    first.send("QUIT\n").await;
    first.expect("221 ").await;
    has_its_turn(&mut third).await;

    // In the middle of its message.
    third.send(&MESSAGE[..20]).await;
    drop(third);
    let mut last = device(&scene).await;
    has_its_turn(&mut last).await;
    last.send(format!("{MESSAGE}QUIT\n")).await;
    last.expect("250 2.0.0 OK <").await;
    last.expect("221 ").await;

    let mail = scene.provider.mail("a@example.com");
    assert_eq!(mail.len(), 2);
    for mail in mail {
        assert_eq!((mail.from.as_str(), String::from_utf8_lossy(&mail.content)), (MAILBOX, ARRIVES.into()));
    }
    assert_eq!(scene.provider.most_sessions("smtp", MAILBOX), 1);
    assert_eq!(scene.provider.take_violations(), Vec::<String>::new());
}

/// Whatever it says or does not say: 4xx, no message that was not taken is acknowledged, and the next device has its turn.
#[tokio::test]
async fn an_upstream_that_goes_wrong_makes_room_for_the_next() {
    let scene = Scene::with(SETTING).await;
    let mut taken = 0;
    for how in [How::Bye, How::Close, How::Silence, How::Garbage] {
        for point in
            [Point::Mail, Point::Rcpt(1), Point::Data, Point::GoAhead, Point::Body(10), Point::End, Point::Taken]
        {
            scene.provider.faults(|faults| faults.mishap = Some((point, how)));
            let mut unlucky = device(&scene).await;
            let reply = loop {
                let reply = unlucky.expect("").await;
                if reply.starts_with("354") {
                    unlucky.send(MESSAGE).await;
                } else if reply.starts_with('4') {
                    break reply;
                }
                assert!(!reply.starts_with("250 2.0.0"), "{how:?} at {point:?}: {reply}");
            };
            assert!(reply.starts_with("421 ") || reply.starts_with("451 "), "{how:?} at {point:?}: {reply}");
            taken += usize::from(point == Point::Taken);
            assert_eq!(scene.provider.mail("a@example.com").len(), taken, "{how:?} at {point:?}");

            scene.provider.faults(|faults| faults.mishap = None);
            let mut next = device(&scene).await;
            has_its_turn(&mut next).await;
        }
    }
}

/// The message under way is finished; who waited for it is told to come again.
#[tokio::test]
async fn a_stop_finishes_the_message_and_takes_no_other() {
    let scene = Scene::with(SETTING).await;
    let (mut sending, provider) = (device(&scene).await, &scene.provider);
    has_its_turn(&mut sending).await;
    sending.send(&MESSAGE[..20]).await;
    let mut waiting = device(&scene).await;
    waits(&mut waiting).await;
    let stopping = tokio::spawn(scene.gatepost.stop());
    sending.send(&MESSAGE[20..]).await;
    sending.expect("250 2.0.0 OK <").await;
    sending.expect("421 4.3.2 ").await;
    for reply in ["451 4.3.", "451 4.3.", "451 4.3.", "451 4.3.", "421 4.3.2 "] {
        waiting.expect(reply).await;
    }
    stopping.await.unwrap();
    assert_eq!(provider.mail("a@example.com").len(), 1);
}
