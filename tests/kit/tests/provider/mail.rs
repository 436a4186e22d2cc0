//! SMTP in, IMAP and POP3 out.

use gatepost_kit::{Dialect, Provider, Settings};

use crate::scene::{MESSAGE, USER, inbox, maildrop, submit};

/// The message as DATA carries it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let lines = message.split_inclusive(|&octet| octet == b'\n');
    lines.flat_map(|line| if line.starts_with(b".") { [b".", line].concat() } else { line.to_vec() }).collect()
}

#[tokio::test]
async fn what_smtp_takes_imap_and_pop3_give_byte_for_byte() {
    let provider = Provider::start().await;
    let mut peer = submit(&provider).await;
    peer.send("EHLO x\r\n").await;
    assert!(peer.expect("250-").await.contains("250-AUTH LOGIN XOAUTH2 OAUTHBEARER\r\n"));
    peer.send(format!("MAIL FROM:<a@example.com> SIZE=1 BODY=8BITMIME\r\nRCPT TO:<{USER}>\r\nRCPT TO:<SUPPORT@example.com>\r\nDATA\r\n")).await;
    for reply in ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
    let content = [MESSAGE, b"\r\n"].concat();
    peer.send([&stuffed(&content)[..], b".\r\nNOOP\r\nQUIT\r\n"].concat()).await;
    for reply in ["250 2.0.0 OK <simulated-1@", "250 ", "221 "] {
        peer.expect(reply).await;
    }
    peer.expect_end().await;

    let mail = provider.mail(USER);
    assert_eq!(mail.len(), 2);
    assert_eq!(
        (&mail[0].user[..], &mail[0].from[..], &mail[0].parameters[..]),
        (USER, "a@example.com", "SIZE=1 BODY=8BITMIME")
    );
    assert_eq!(mail[0].to, [USER, "SUPPORT@example.com"]);
    assert_eq!(mail[0].wire, stuffed(&content));
    assert_eq!(mail[0].content, content);

    let mut peer = inbox(&provider).await;
    peer.send("f FETCH 1 BODY[]\r\n").await;
    peer.expect(&format!("* 1 FETCH (BODY[] {{{}}}\r\n", content.len())).await;
    assert_eq!(peer.take(content.len()).await, content);
    peer.expect(" FLAGS (\\Seen))").await;
    peer.expect("f OK").await;
    let mut peer = maildrop(&provider).await;
    peer.send("RETR 1\r\n").await;
    peer.expect("+OK").await;
    assert_eq!(peer.multi_line().await, content);
}

#[tokio::test]
async fn data_ends_at_crlf_dot_crlf_alone() {
    let provider = Provider::with(Settings { dialect: Dialect::Google, ..Settings::default() }).await;
    for smuggled in [&b"\n.\n"[..], b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"x.\r\n"] {
        let mut peer = submit(&provider).await;
        peer.send(format!("MAIL FROM:<>\r\nRCPT TO:<{USER}>\r\nDATA\r\n")).await;
        for reply in ["250 2.1.0", "250 2.1.5", "354 "] {
            peer.expect(reply).await;
        }
        let body = [b"a", smuggled, b"MAIL FROM:<evil@example.com>\r\n"].concat();
        peer.send([&body[..], b".\r\n"].concat()).await;
        peer.expect("250 2.0.0 OK ").await;
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        let mail = provider.mail(USER).pop().unwrap();
        assert_eq!(mail.wire, body);
    }
    assert_eq!(provider.take_violations().len(), 5, "all but the last had a bare CR or LF");
    // Byte by byte, and a body of nothing.
    let mut peer = submit(&provider).await;
    for octet in format!("MAIL FROM:<>\r\nRCPT TO:<{USER}>\r\nDATA\r\n.\r\nRSET\r\n").bytes() {
        peer.send([octet]).await;
    }
    for reply in ["250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0", "250 2.1.5 Flushed"] {
        peer.expect(reply).await;
    }
    assert_eq!(provider.mail(USER).pop().unwrap().content, b"");
}

#[tokio::test]
async fn smtp_keeps_its_order() {
    let provider = Provider::start().await;
    let mut peer = crate::scene::client(&provider, provider.ports.smtps).await;
    peer.send("MAIL FROM:<a@example.com>\r\n").await;
    peer.expect("530 5.7.57 ").await;
    let mut peer = submit(&provider).await;
    for (command, reply) in [
        ("RCPT TO:<a@example.com>", "503 "),
        ("DATA", "503 "),
        ("MAIL FROM:a", "501 "),
        ("MAIL FROM:<a> SIZE=999999999999", "552 5.3.4"),
        ("MAIL FROM:<a> BODY=BINARYMIME", "501 "),
        ("MAIL FROM:<a> FOO", "555 "),
        ("mail from:<a> smtputf8", "250 "),
        ("MAIL FROM:<a>", "503 "),
        ("DATA", "503 "),
        ("RCPT TO:<>", "501 "),
        ("RCPT TO:<b>", "250 "),
        ("RSET", "250 "),
        ("RCPT TO:<b>", "503 "),
        ("BDAT 3 LAST", "500 "),
        ("VRFY a", "252 "),
        ("STARTTLS", "503 "),
    ] {
        peer.send(format!("{command}\r\n")).await;
        peer.expect(reply).await;
    }
}

#[tokio::test]
async fn large_messages_pass() {
    let provider = Provider::start().await;
    let content: Vec<u8> = b".234567890 234567890 234567890 23456\r\n".repeat(25 * 1024 * 1024 / 38);
    let mut peer = submit(&provider).await;
    peer.send(format!("MAIL FROM:<>\r\nRCPT TO:<{USER}>\r\nDATA\r\n")).await;
    for reply in ["250 2.1.0", "250 2.1.5", "354 "] {
        peer.expect(reply).await;
    }
    peer.send(stuffed(&content)).await;
    peer.send(".\r\n").await;
    peer.expect("250 2.0.0 OK").await;
    let mut peer = inbox(&provider).await;
    peer.send("f FETCH 1 (BODY.PEEK[])\r\n").await;
    peer.expect("* 1 FETCH (BODY[] {").await;
    assert!(peer.take(content.len()).await == content);
    peer.tagged("f OK").await;
    let mut peer = maildrop(&provider).await;
    peer.send("RETR 1\r\n").await;
    peer.expect("+OK").await;
    assert!(peer.multi_line().await == content);
}

#[tokio::test]
async fn a_maildrop_changes_at_quit() {
    let provider = Provider::start().await;
    for content in [&b"Subject: 1\r\n\r\na\r\nb\r\nc\r\n"[..], b"Subject: 2\r\n\r\n"] {
        provider.deliver(USER, content);
    }
    let mut peer = maildrop(&provider).await;
    for (command, reply) in [
        ("CAPA", "+OK\r\nTOP\r\nUIDL\r\nSASL XOAUTH2 OAUTHBEARER\r\nUSER\r\n.\r\n"),
        ("STAT", "+OK 2 37\r\n"),
        ("LIST", "+OK\r\n1 23\r\n2 14\r\n.\r\n"),
        ("UIDL 2", "+OK 2 simulated-2\r\n"),
        ("TOP 1 2", "+OK\r\nSubject: 1\r\n\r\na\r\nb\r\n.\r\n"),
        ("TOP 2 0", "+OK\r\nSubject: 2\r\n\r\n.\r\n"),
        ("DELE 1", "+OK\r\n"),
        ("RSET", "+OK\r\n"),
        ("DELE 2", "+OK\r\n"),
        ("RETR 2", "-ERR The specified message is out of range.\r\n"),
        ("DELE 9", "-ERR The specified message is out of range.\r\n"),
        ("LIST", "+OK\r\n1 23\r\n.\r\n"),
        ("XYZZY", "-ERR Protocol error. 14\r\n"),
    ] {
        peer.send(format!("{command}\r\n")).await;
        assert_eq!(String::from_utf8(peer.take(reply.len()).await).unwrap(), reply, "{command}");
    }
    assert_eq!(provider.mail(USER).len(), 2, "not before QUIT");
    peer.send("QUIT\r\n").await;
    peer.expect("+OK").await;
    peer.expect_end().await;
    assert_eq!(provider.mail(USER).len(), 1);
}
