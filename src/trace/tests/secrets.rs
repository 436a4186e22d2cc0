//! Laws 8 and 10: whatever is said, and however it is cut, nothing secret is shown, and always the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// A talk: whether it is the client's turn, and what is said.
type Talk = Vec<(bool, Vec<u8>)>;

fn steps(mut tap: Tap, talk: &Talk, cuts: &[usize]) -> Vec<String> {
    let mut cuts = cuts.iter().cycle();
    let mut steps = Vec::new();
    for (is_client, said) in talk {
        let mut rest = &said[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(*cuts.next().unwrap_or(&1).min(&rest.len()));
            if *is_client {
                tap.client(now, &mut steps);
            } else {
                tap.server(now, &mut steps);
            }
            rest = later;
        }
    }
    steps.iter().map(ToString::to_string).collect()
}

/// A password, a token, or lines of a message that look like commands and replies.
fn secret() -> impl Strategy<Value = String> {
    "S3[a-zA-Z0-9]{10,30}"
}

fn body(secret: &str) -> Vec<String> {
    vec![
        format!("Subject: {secret}"),
        format!("a1 SELECT {secret}"),
        format!("We FETCH {secret} {secret}"),
        format!("MAIL FROM:<{secret}>"),
        format!("USER {secret}"),
        format!("EHLO {secret}"),
        format!("a2 NO {secret}"),
        format!("* BYE {secret}"),
        format!("-ERR {secret}"),
        format!("250 {secret}"),
        format!("literal {{4000000}} {secret}"),
    ]
}

fn talks(secret: &str, order: &[usize]) -> Vec<(Tap, Talk)> {
    let client = |text: &str| (true, format!("{text}\r\n").into_bytes());
    let server = |text: &str| (false, format!("{text}\r\n").into_bytes());
    let lines = body(secret);
    let message: Vec<_> = order.iter().map(|index| lines[index % lines.len()].as_str()).collect();
    let message = message.join("\r\n") + "\r\n";
    let plain = STANDARD.encode(format!("\0user\0{secret}"));
    let mut imap_after = vec![
        client(&format!("a1 APPEND Sent {{{}}}", message.len())),
        server("+ go"),
        (true, format!("{message}\r\n").into_bytes()),
        server("a1 OK done"),
        client(&format!("a2 SEARCH TEXT {secret}")),
        server("a2 OK done"),
        client("a3 FETCH 1 BODY[]"),
    ];
    imap_after.push((false, format!("* 1 FETCH (BODY[] {{{}}}\r\n{message})\r\na3 OK done\r\n", message.len()).into()));
    let pop3_after = vec![
        client("RETR 1"),
        (false, format!("+OK\r\n{message}.\r\n").into_bytes()),
        client(&format!("NOOP {secret}")),
        server("+OK"),
    ];
    let imap_login = vec![
        client(&format!("a1 LOGIN user {secret}")),
        server(&format!("a1 NO what is {secret}")),
        client(&format!("a2 LOGIN {{4+}}\r\nuser {{{}+}}\r\n{secret}", secret.len())),
        server(&format!("a2 BAD [ALERT] what is {secret}")),
        client("a3 AUTHENTICATE PLAIN"),
        server("+ "),
        client(secret),
        server(&format!("a3 NO {secret}")),
        client(&format!("a4 AUTHENTICATE XOAUTH2 {plain}")),
        server(&format!("+ {plain}")),
        client(""),
        server("a4 OK in"),
    ];
    let smtp_login = vec![
        client(&format!("AUTH PLAIN {plain}")),
        server(&format!("535 5.7.8 {secret}")),
        client("AUTH LOGIN"),
        server(&format!("334 {plain}")),
        client(&format!("MAIL FROM:<{secret}>")),
        server(&format!("334 {plain}")),
        client(secret),
        server(&format!("501-{secret}\r\n501 {plain}")),
        client(&format!("MAIL FROM:<a@example.com> AUTH=<{secret}> X={secret}")),
        server(&format!("454 {secret}")),
    ];
    let pop3_login = vec![
        client("USER user"),
        server("+OK"),
        client(&format!("PASS {secret}")),
        server("-ERR [AUTH] no"),
        client("AUTH PLAIN"),
        server("+ "),
        client(&plain),
        server(&format!("-ERR {secret}")),
        client(&format!("APOP user {secret}")),
        client(&format!("AUTH XOAUTH2 {plain}")),
    ];
    let tap = Tap::new;
    vec![
        (tap(Imap, Stage::After), imap_after.clone()),
        (tap(Imap, Stage::Within), imap_after),
        (tap(Pop3, Stage::After), pop3_after.clone()),
        (tap(Pop3, Stage::Within), pop3_after),
        (tap(Imap, Stage::LoginThere), imap_login),
        (tap(Smtp, Stage::LoginThere), smtp_login),
        (tap(Pop3, Stage::LoginThere), pop3_login),
    ]
}

proptest! {
    #[test]
    fn no_secret_is_shown_and_any_cut_shows_the_same(
        secret in secret(),
        order in prop::collection::vec(0_usize..100, 1..20),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let encoded = STANDARD.encode(format!("\0user\0{secret}"));
        for ((whole, talk), (cut, _)) in talks(&secret, &order).into_iter().zip(talks(&secret, &order)) {
            let shown = steps(whole, &talk, &[usize::MAX]);
            for line in &shown {
                prop_assert!(!line.contains(&secret) && !line.contains(&encoded), "{line}");
            }
            prop_assert!(!shown.is_empty());
            prop_assert_eq!(steps(cut, &talk, &cuts), shown);
        }
    }

    /// Whatever comes: nothing of it but what the tables know, and no panic.
    #[test]
    fn noise_shows_nothing(
        said in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
    ) {
        for protocol in [Imap, Pop3, Smtp] {
            for stage in [Stage::LoginHere, Stage::LoginThere, Stage::After, Stage::Within] {
                for line in steps(Tap::new(protocol, stage), &said, &[7]) {
                    prop_assert!(line.len() < 1000 && line.chars().all(|c| !c.is_control()), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_heard_cannot_be_printed() {
    let mut tap = Tap::new(Imap, Stage::After);
    tap.client(b"a LOGIN evmail s3cret", &mut Vec::new());
    let (printed, input) = (format!("{tap:?}"), crate::proto::Input::new());
    assert!(!printed.contains("s3cret") && !printed.contains(&format!("{:?}", b"s3cret")), "{printed}");
    drop(input);
}
