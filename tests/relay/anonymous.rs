//! Devices that cannot log in: they send as an account, and only what they may.

use gatepost::model::Protocol;
use gatepost_kit::{Break, Peer};

use crate::log::Log;
use crate::scene::{MAILBOX, PLAIN, Scene, Setting, WRONG};

const OPEN: &str = r#"anonymous = { networks = ["127.0.0.1"], account = "evmail" }"#;

async fn open(smtp: &'static str) -> Scene {
    Scene::with(Setting { smtp, ..Setting::default() }).await
}

/// A message up to its end, a line at a time.
async fn send(peer: &mut Peer, to: &str) {
    for (line, reply) in [
        (format!("MAIL FROM:<{MAILBOX}>\r\n"), "250 2.1.0"),
        (format!("RCPT TO:<{to}>\r\n"), "250 2.1.5"),
        ("DATA\r\n".to_owned(), "354 "),
        ("Subject: scan\r\n\r\npage\r\n.\r\n".to_owned(), "250 2.0.0 OK <"),
    ] {
        peer.send(line).await;
        peer.expect(reply).await;
    }
}

#[tokio::test]
async fn scanners_and_ups_cards_send_without_a_login() {
    for hello in ["EHLO xerox\r\n", "HELO \r\n", ""] {
        let scene = open(OPEN).await;
        let mut peer = scene.client(Protocol::Smtp).await;
        if !hello.is_empty() {
            peer.send(hello).await;
            let told = peer.expect("250").await;
            assert!(hello.starts_with("HELO") || told.contains("250-AUTH PLAIN LOGIN"), "{told}");
        }
        assert!(scene.provider.logins().is_empty(), "nobody is logged in before there is a message");
        for _ in 0..2 {
            send(&mut peer, "a@example.com").await;
        }
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        peer.expect_end().await;
        let mail = scene.provider.mail("a@example.com");
        assert_eq!(mail.len(), 2);
        assert_eq!(mail[0].content, b"Subject: scan\r\n\r\npage\r\n");
        let logins = scene.provider.logins();
        assert_eq!((logins.len(), logins[0].user.as_str()), (1, MAILBOX));
    }
}

#[tokio::test]
async fn a_whole_session_in_one_packet_loses_nothing() {
    let scene = open(OPEN).await;
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(format!(
        "EHLO x\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    ))
    .await;
    for reply in ["250", "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
    peer.send(format!("x\r\n.\r\nMAIL FROM:<{MAILBOX}>\r\nRSET\r\nQUIT\r\n")).await;
    for reply in ["250 2.0.0 OK <", "250 2.1.0", "250 2.0.0", "221 "] {
        peer.expect(reply).await;
    }
    assert_eq!(scene.provider.mail("b@example.com").len(), 1);
}

#[tokio::test]
async fn a_login_works_beside_it() {
    let scene = open(OPEN).await;
    let mut peer = scene.client(Protocol::Smtp).await;
    for (line, reply) in [
        (format!("AUTH PLAIN {WRONG}\r\n"), "535 5.7.8"),
        (format!("AUTH PLAIN {PLAIN}\r\n"), "235 2.7.0"),
        (format!("MAIL FROM:<{MAILBOX}>\r\n"), "250 2.1.0"),
    ] {
        peer.send(line).await;
        peer.expect(reply).await;
    }
    // A wrong password is no way to keep others from sending.
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(format!("AUTH PLAIN {WRONG}\r\n")).await;
    peer.expect("535 5.7.8").await;
    send(&mut peer, "a@example.com").await;
}

#[tokio::test]
async fn elsewhere_and_for_accounts_that_may_not_a_login_is_required() {
    let elsewhere = r#"anonymous = { networks = ["10.0.0.0/8", "127.0.0.2"], account = "evmail" }"#;
    for (smtp, account) in [("", ""), (elsewhere, ""), (OPEN, "disabled = true"), (OPEN, "networks = [\"10.0.0.0/8\"]")]
    {
        let scene = Scene::with(Setting { smtp, account, ..Setting::default() }).await;
        let mut peer = scene.client(Protocol::Smtp).await;
        peer.send(format!("EHLO x\r\nMAIL FROM:<{MAILBOX}>\r\n")).await;
        peer.expect("250-").await;
        peer.expect("530 5.7.0 ").await;
        assert!(scene.provider.logins().is_empty(), "{smtp} {account}");
    }
}

/// Law 2: whatever is sick behind it, the device keeps its message and tries again, on the same connection or another.
#[tokio::test]
async fn what_is_sick_upstream_is_temporary_and_the_next_try_goes_through() {
    for sick in ["token", "login", "greeting"] {
        let scene = open(OPEN).await;
        scene.provider.faults(|faults| match sick {
            "token" => {
                let oops = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
                faults.token_answers.extend([oops.into(), oops.into(), oops.into()]);
            }
            "login" => faults.refuse_logins = 1000,
            _ => faults.greeting = Some("421 4.3.2 Service not available\r\n"),
        });
        let mut peer = scene.client(Protocol::Smtp).await;
        // The group behind it is answered, and nothing of it is done.
        peer.send(format!("EHLO x\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")).await;
        for reply in ["250-", "451 4.3.0 ", "451 4.3.0 ", "451 4.3.0 "] {
            peer.expect(reply).await;
        }
        if sick != "token" {
            scene.provider.faults(|faults| (faults.refuse_logins, faults.greeting) = (0, None));
            send(&mut peer, "a@example.com").await;
        }
    }
    // Law 1: no yes to MAIL but the upstream's.
    let scene = open(OPEN).await;
    scene.provider.faults(|faults| faults.breaks = Some(Break::AtMail));
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    peer.expect("421 4.4.2 ").await;
}

#[tokio::test]
async fn an_account_that_is_not_there_is_temporary_too() {
    let scene = Scene::with(Setting { smtp: OPEN, ..Setting::default() }).await;
    let file = scene.directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("account = \"evmail\"", "account = \"stored\"");
    std::fs::write(&file, text).unwrap();
    let gatepost = crate::scene::start(scene.directory.path()).await;
    let address = gatepost.listeners().iter().find(|(served, _)| *served == Protocol::Smtp).unwrap().1.tcp().unwrap();
    let mut peer = Peer::connect(address).await;
    peer.expect("220 ").await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\nAUTH PLAIN {PLAIN}\r\n")).await;
    peer.expect("451 4.3.0 ").await;
    peer.expect("235 ").await;
}

#[tokio::test]
async fn a_device_that_never_gives_up_is_sent_away() {
    let scene = Scene::with(Setting { smtp: OPEN, limits: "login_attempts = 2", ..Setting::default() }).await;
    scene.provider.faults(|faults| faults.greeting = Some("421 4.3.2 Service not available\r\n"));
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n").repeat(3)).await;
    for reply in ["451 4.3.0 ", "451 4.3.0 ", "421 4.7.0 "] {
        peer.expect(reply).await;
    }
    peer.expect_end().await;
}

#[tokio::test]
async fn only_listed_recipients_are_reached() {
    let (log, _logging) = Log::open();
    let scene = open(
        r#"anonymous = { networks = ["127.0.0.1"], account = "evmail", recipients = ["*@example.com", "boss@example.org"] }"#,
    )
    .await;
    let mut peer = scene.client(Protocol::Smtp).await;
    peer.send(format!(
        "MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@EXAMPLE.COM>\r\nRCPT TO:<a@example.net>\r\nRCPT TO:<@example.com:a@example.net>\r\nRCPT TO:<a%example.net@example.com>\r\nRCPT TO:<\"a@example.net\"@example.com>\r\nRCPT TO:<boss@example.org>\r\nDATA\r\n"
    ))
    .await;
    for reply in ["250 2.1.0", "250 2.1.5", "550 5.7.1 ", "550 5.7.1 ", "550 5.7.1 ", "550 5.7.1 ", "250 2.1.5", "354 "]
    {
        peer.expect(reply).await;
    }
    peer.send("x\r\n.\r\n").await;
    peer.expect("250 2.0.0 OK <").await;
    let mail = scene.provider.mail("boss@example.org");
    assert_eq!(mail[0].to, ["a@EXAMPLE.COM", "boss@example.org"]);

    let refused = log.events("message.refused");
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|line| line.contains("peer=127.0.0.1 stage=\"rcpt\"")), "{refused:?}");

    // Who logs in may write to anyone.
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    send(&mut peer, "a@example.net").await;
}

#[tokio::test]
async fn an_address_sends_so_many_messages_a_minute_over_all_its_connections() {
    let scene = open(r#"anonymous = { networks = ["127.0.0.1"], account = "evmail", messages_per_minute = 2 }"#).await;
    let mut first = scene.client(Protocol::Smtp).await;
    send(&mut first, "a@example.com").await;
    send(&mut first, "a@example.com").await;
    first.send(format!("MAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@example.com>\r\n")).await;
    first.expect("451 4.7.1 ").await;
    first.expect("451 4.7.1 ").await;
    // No upstream is bothered for a connection that may not send anyway.
    let logins = scene.provider.logins().len();
    let mut second = scene.client(Protocol::Smtp).await;
    second.send(format!("MAIL FROM:<{MAILBOX}>\r\n")).await;
    second.expect("451 4.7.1 ").await;
    assert_eq!(scene.provider.logins().len(), logins);
    // Nor does it count for who logs in.
    let mut known = scene.logged_in(Protocol::Smtp).await;
    send(&mut known, "a@example.com").await;
}

#[tokio::test]
async fn tls_is_not_needed_and_does_no_harm() {
    let setting = Setting { smtp: OPEN, tls: "starttls", plaintext_auth: "[]", ..Setting::default() };
    let scene = Scene::with(setting).await;
    let mut peer = scene.client(Protocol::Smtp).await;
    send(&mut peer, "a@example.com").await;
    let peer = scene.client(Protocol::Smtp).await;
    let mut peer = peer.starttls("STARTTLS\r\n", "220 ", &scene.authority.client()).await;
    peer.send("EHLO x\r\n").await;
    peer.expect("250-").await;
    send(&mut peer, "b@example.com").await;
    assert_eq!(scene.provider.mail("b@example.com").len(), 1);
}
