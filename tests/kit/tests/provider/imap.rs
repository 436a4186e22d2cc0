//! IMAP after login.

use gatepost_kit::{Peer, Provider};

use crate::scene::{USER, inbox};

async fn with_mail() -> (Provider, Peer) {
    let provider = Provider::start().await;
    for number in 1..=3 {
        provider.deliver(USER, format!("Subject: number {number}\r\nTo: x\r\n\r\nbody\r\n").as_bytes());
    }
    let peer = inbox(&provider).await;
    (provider, peer)
}

#[tokio::test]
async fn commands_and_their_answers() {
    let (_provider, mut peer) = with_mail().await;
    for (command, answer) in [
        (
            "CAPABILITY",
            "* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+\r\na OK",
        ),
        ("ID NIL", "* ID (\"name\" \"simulated\")\r\na OK"),
        ("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\na OK"),
        ("LIST \"\" *", "* LIST (\\HasNoChildren) \"/\" INBOX\r\na OK"),
        ("LSUB \"\" Sent", "a OK"),
        ("STATUS inbox (MESSAGES UNSEEN UIDNEXT)", "* STATUS INBOX (MESSAGES 3 UNSEEN 3 UIDNEXT 4)\r\na OK"),
        ("SEARCH ALL", "* SEARCH 1 2 3\r\na OK"),
        ("UID SEARCH CHARSET UTF-8 SUBJECT \"Number 2\"", "* SEARCH 2\r\na OK"),
        ("SEARCH NOT SUBJECT 2 2:*", "* SEARCH 3\r\na OK"),
        ("SEARCH (OR HEADER Subject 1 UID 3) UNSEEN", "* SEARCH 1 3\r\na OK"),
        ("SEARCH SUBJECT", "a BAD"),
        ("SEARCH XYZZY", "a BAD"),
        ("FETCH 2 (UID RFC822.SIZE FLAGS)", "* 2 FETCH (UID 2 RFC822.SIZE 34 FLAGS ())\r\na OK"),
        ("UID FETCH 3:* FLAGS", "* 3 FETCH (UID 3 FLAGS ())\r\na OK"),
        (
            "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
            "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {21}\r\nSubject: number 1\r\n\r\n)\r\na OK",
        ),
        ("FETCH 1 BODY[TEXT]<0.3>", "* 1 FETCH (BODY[TEXT]<0> {3}\r\nbod FLAGS (\\Seen))\r\na OK"),
        ("FETCH 1 INTERNALDATE", "* 1 FETCH (INTERNALDATE \"01-Jan-2026 00:00:00 +0000\")\r\na OK"),
        ("FETCH 1 ENVELOPE", "a BAD"),
        ("FETCH x FLAGS", "a BAD"),
        ("STORE 2 +FLAGS (\\Deleted \\Flagged)", "* 2 FETCH (FLAGS (\\Deleted \\Flagged))\r\na OK"),
        ("STORE 2 -FLAGS.SILENT \\Flagged", "a OK"),
        ("SEARCH DELETED UNFLAGGED", "* SEARCH 2\r\na OK"),
        ("COPY 1 Archive", "a NO [TRYCREATE]"),
        ("EXPUNGE", "* 2 EXPUNGE\r\na OK"),
        ("FETCH 2 UID", "* 2 FETCH (UID 3)\r\na OK"),
        ("SELECT Archive", "a NO"),
        ("FETCH 1 UID", "a BAD"),
        ("LOGIN a b", "a BAD"),
        ("LOGOUT", "* BYE Microsoft Exchange Server IMAP4 server signing off.\r\na OK"),
    ] {
        peer.send(format!("a {command}\r\n")).await;
        let end = answer.rsplit('\n').next().unwrap();
        let got = peer.tagged(end).await;
        assert!(got.starts_with(answer), "{command}: {got}");
    }
    peer.expect_end().await;
}

#[tokio::test]
async fn append_by_both_kinds_of_literal() {
    let (provider, mut peer) = with_mail().await;
    peer.send("a APPEND INBOX (\\Seen) \"01-Jan-2026 00:00:00 +0000\" {5}\r\n").await;
    peer.expect("+ ").await;
    peer.send("a\r\nb\0\r\nb APPEND inbox {3+}\r\n)\r\n\r\n").await;
    peer.tagged("a OK [APPENDUID 1 4]").await;
    peer.tagged("b OK [APPENDUID 1 5]").await;
    peer.send("c FETCH 4:5 (FLAGS BODY.PEEK[])\r\n").await;
    let expected = b"* 4 FETCH (FLAGS (\\Seen) BODY[] {5}\r\na\r\nb\0)\r\n* 5 FETCH (FLAGS () BODY[] {3}\r\n)\r\n)\r\n";
    assert_eq!(peer.take(expected.len()).await, expected);
    peer.expect("c OK").await;
    peer.send("d APPEND Sent {1+}\r\nx\r\n").await;
    peer.expect("d NO [TRYCREATE]").await;
    assert_eq!(provider.mail(USER).len(), 5);
}

#[tokio::test]
async fn examine_changes_nothing() {
    let (_provider, mut peer) = with_mail().await;
    peer.send("a EXAMINE INBOX\r\nb FETCH 1 BODY[TEXT]\r\nc STORE 1 +FLAGS \\Seen\r\nd FETCH 1 FLAGS\r\n").await;
    peer.tagged("a OK [READ-ONLY]").await;
    assert!(!peer.tagged("b OK").await.contains("Seen"));
    peer.tagged("c BAD").await;
    assert!(peer.tagged("d OK").await.starts_with("* 1 FETCH (FLAGS ())"));
}

#[tokio::test]
async fn news_come_while_idle_and_after_a_command() {
    let (provider, mut peer) = with_mail().await;
    let mut other = inbox(&provider).await;
    peer.send("a IDLE\r\n").await;
    peer.expect("+ ").await;
    provider.deliver(USER, b"x\r\n");
    peer.expect("* 4 EXISTS").await;
    peer.expect("* 0 RECENT").await;
    other.send("b STORE 1:2 +FLAGS.SILENT \\Deleted\r\nc UID EXPUNGE 2\r\n").await;
    other.tagged("b OK").await;
    assert!(other.tagged("c OK").await.starts_with("* 2 EXPUNGE\r\n* 3 EXISTS"));
    peer.expect("* 2 EXPUNGE").await;
    peer.send("DONE\r\n").await;
    peer.expect("a OK").await;
    other.send("d CLOSE\r\n").await;
    other.tagged("d OK").await;
    peer.send("e NOOP\r\n").await;
    assert!(peer.tagged("e OK").await.starts_with("* 1 EXPUNGE\r\n"));
}
