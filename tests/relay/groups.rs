//! What goes upstream: groups, extensions, regular lines.

use gatepost::model::Protocol;
use gatepost_kit::Command;

use crate::log::Log;
use crate::scene::{MAILBOX, PLAIN, Scene, Setting, log_in, yes};

fn shown(commands: &[Command]) -> Vec<String> {
    let mark = |command: &Command| if command.pipelined { " +" } else { "" };
    commands.iter().map(|command| format!("{}{}", command.line, mark(command))).collect()
}

const GROUP: &str = "MAIL FROM:<support@example.com>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";

#[tokio::test]
async fn a_group_goes_upstream_in_one_piece_where_that_is_offered() {
    for (offered, plus) in [(None, " +"), (Some(&["8BITMIME"][..]), "")] {
        let scene = Scene::new().await;
        scene.provider.faults(|faults| faults.extensions = offered);
        let mut peer = scene.logged_in(Protocol::Smtp).await;
        peer.send(GROUP).await;
        for reply in ["250 2.1.0 ", "250 2.1.5 ", "250 2.1.5 ", "354 "] {
            peer.expect(reply).await;
        }
        peer.send("x\r\n.\r\nNOOP\r\nQUIT\r\n").await;
        for reply in ["250 2.0.0 OK <", "250 2.0.0 OK\r\n", "221 "] {
            peer.expect(reply).await;
        }
        let told = shown(&scene.provider.commands());
        let expected = [
            format!("MAIL FROM:<{MAILBOX}>{plus}"),
            format!("RCPT TO:<a@example.com>{plus}"),
            format!("RCPT TO:<b@example.com>{plus}"),
            "DATA".into(),
            "NOOP".into(),
        ];
        assert_eq!(told, expected);
        assert_eq!(scene.provider.mail("b@example.com").len(), 1);
    }
}

/// More recipients than go at a time, in one packet of the client.
#[tokio::test]
async fn long_groups_are_answered_to_the_last() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    let recipients = "RCPT TO:<a@example.com>\r\n".repeat(1000);
    peer.send(format!("MAIL FROM:<{MAILBOX}>\r\n{recipients}DATA\r\n")).await;
    peer.expect("250 2.1.0 ").await;
    for _ in 0..1000 {
        peer.expect("250 2.1.5 ").await;
    }
    peer.expect("354 ").await;
    peer.send(".\r\n").await;
    peer.expect("250 2.0.0 OK <").await;
    assert_eq!(scene.provider.mail("a@example.com")[0].to.len(), 1000);
}

#[tokio::test]
async fn a_group_with_refusals_ends_as_the_upstream_says() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults.replies.insert("RCPT", "550 5.1.1 unknown\r\n");
        faults.replies.insert("DATA", "354 go on\r\n");
    });
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send(GROUP).await;
    for reply in ["250 ", "550 5.1.1 unknown", "550 5.1.1 unknown", "354 go on"] {
        peer.expect(reply).await;
    }
    // The scripted 354 reads no message: the dot is an unknown command there, which is a refusal as good as any.
    peer.send(".\r\nQUIT\r\n").await;
    peer.expect("500 5.3.3 ").await;
    peer.expect("221 ").await;
}

/// Law 5, and the one exception for devices whose lines strict servers refuse.
#[tokio::test]
async fn lines_go_upstream_as_received_unless_they_are_irregular() {
    let scene = Scene::new().await;
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    for (line, upstream) in [
        ("mail From:<a@example.com> Size=10 body=8BITMIME RET=HDRS", "="),
        ("RCPT TO: b@example.com ", "RCPT TO:<b@example.com>"),
        ("Rcpt To:<b@example.com> NOTIFY=NEVER", "="),
        ("RSET", "="),
        ("MAIL FROM: <a@example.com>", "MAIL FROM:<a@example.com>"),
        ("RSET ", "RSET"),
        ("MAIL FROM:<a@example.com> AUTH=b@example.com SIZE=1", "MAIL FROM:<a@example.com> AUTH=<> SIZE=1"),
    ] {
        peer.send(format!("{line}\r\n")).await;
        peer.expect("250 ").await;
        let told = scene.provider.commands().pop().unwrap().line;
        assert_eq!(told, if upstream == "=" { line } else { upstream });
    }
}

#[tokio::test]
async fn only_what_the_upstream_has_is_offered_and_taken() {
    let (log, _logging) = Log::open();
    let scene = Scene::new().await;
    scene.provider.faults(|faults| faults.extensions = Some(&["SIZE 1500", "PIPELINING"]));
    let mut peer = scene.logged_in(Protocol::Smtp).await;
    peer.send("EHLO x\r\n").await;
    assert_eq!(peer.expect("250-").await, "250-relay.example\r\n250-PIPELINING\r\n250 SIZE 1500\r\n");
    for (parameter, reply) in [
        ("SIZE=1501", "552 5.3.4 Message too large; the limit is 1500 octets"),
        ("BODY=8BITMIME", "554 5.6.3 "),
        ("SMTPUTF8", "550 5.6.7 "),
        ("ENVID=x", "555 5.5.4 "),
        ("BODY=BINARYMIME", "554 5.6.3 "),
        ("AUTH=+", "501 5.5.4 "),
    ] {
        peer.send(format!("MAIL FROM:<{MAILBOX}> {parameter}\r\n")).await;
        peer.expect(reply).await;
    }
    peer.send("RCPT TO:<a@example.com> NOTIFY=NEVER\r\nRCPT <a@example.com>\r\n").await;
    peer.expect("555 5.5.4 ").await;
    peer.expect("501 5.1.3 ").await;
    peer.send("BDAT 1 LAST\r\n").await;
    peer.expect("502 5.5.1 ").await;
    assert_eq!(scene.provider.commands(), []);
    let refused = log.events("message.refused");
    assert_eq!(refused.len(), 8);
    for (line, said) in [
        (&refused[0], r#"stage="mail" path="<support@example.com>" reason=552 5.3.4 Message too large"#),
        (&refused[6], r#"stage="rcpt" path="<a@example.com>" reason=555 5.5.4 "#),
        (&refused[7], r#"stage="rcpt" path="<a@example.com>" reason=501 5.1.3 "#),
    ] {
        assert!(line.contains(said), "{line}");
    }
}

/// Before login nobody knows whose the client is: it is promised what all upstreams had when they were last asked.
#[tokio::test]
async fn before_login_the_last_upstreams_extensions_are_offered() {
    // A session that another program has left behind still has what it had.
    let scene = Scene::with(Setting { limits: "smtp_kept_seconds = 0", ..Setting::default() }).await;
    let ehlo = async || {
        let mut peer = scene.client(Protocol::Smtp).await;
        peer.send("EHLO x\r\n").await;
        let offer = peer.expect("250-").await;
        log_in(&mut peer, Protocol::Smtp, PLAIN).await;
        peer.expect(yes(Protocol::Smtp)).await;
        ["8BITMIME", "SMTPUTF8", "DSN"].map(|keyword| offer.contains(keyword))
    };
    assert_eq!(ehlo().await, [true, true, false]);
    scene.provider.faults(|faults| faults.extensions = Some(&["DSN"]));
    assert_eq!(ehlo().await, [true, true, true]);
    assert_eq!(ehlo().await, [false, false, true]);
}
