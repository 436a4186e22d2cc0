mod any;
mod require;
mod rewrite;

use super::*;

const OWN: &str = "support@example.com";

fn allowed() -> Vec<String> {
    vec![OWN.to_owned(), "*@list.example".to_owned()]
}

fn require(addresses: &[String]) -> Policy<'_> {
    Policy::Require { who: "evmail", addresses }
}

const REWRITE: Policy<'_> = Policy::Rewrite { address: OWN, reply_to: true };

/// What goes on of a message that arrives in these pieces, and what becomes of its signature.
fn pass<'m>(policy: Policy<'_>, pieces: impl IntoIterator<Item = &'m [u8]>) -> Result<(Vec<u8>, Signature), String> {
    let mut filter = HeaderFilter::new(policy, 4096);
    let mut forwarded = Vec::new();
    for piece in pieces {
        match filter.pass(piece) {
            Passage::Hold => assert!(forwarded.is_empty()),
            Passage::Forward(octets) => forwarded.extend_from_slice(&octets),
            Passage::Refuse(refusal) => {
                assert!(forwarded.is_empty(), "{refusal}");
                let reply = String::from_utf8(refusal.reply().as_bytes().to_vec()).unwrap();
                return Err(reply.strip_suffix("\r\n").unwrap().to_owned());
            }
        }
    }
    Ok((forwarded, filter.signature()))
}

/// The same for a header alone, with LF for CRLF to be read more easily; a body follows.
fn header(policy: Policy<'_>, header: &str) -> Result<String, String> {
    let message = format!("{header}\n\nHello\n.\n").replace('\n', "\r\n");
    let (forwarded, _) = pass(policy, [message.as_bytes()])?;
    let forwarded = String::from_utf8(forwarded).unwrap().replace("\r\n", "\n");
    Ok(forwarded.strip_suffix("\n\nHello\n.\n").unwrap().to_owned())
}

#[test]
fn keeping_forwards_at_once_and_sees_a_signature() {
    for (message, signature) in [
        (&b"Subject: x\r\nDKIM-Signature: v=1\r\n\r\nx\r\n.\r\n"[..], Signature::Kept),
        (b"dkim-signature:v=1\r\n.\r\n", Signature::Kept),
        (b"X-DKIM-Signature: v=1\r\n\r\nDKIM-Signature: v=1\r\n.\r\n", Signature::None),
        (b"DKIM: 1\r\nDKIM-Signatur: v=1\r\n\tDKIM-Signature: v=1\r\n\r\n.\r\n", Signature::None),
        (b"\r\nDKIM-Signature: v=1\r\n.\r\n", Signature::None),
        (b".\r\n", Signature::None),
    ] {
        for size in [1, 2, 1000] {
            assert_eq!(
                pass(Policy::Keep, message.chunks(size)),
                Ok((message.to_vec(), signature)),
                "{message:?} {size}"
            );
        }
    }
    let late = [&[b'x'; 5000][..], b"\r\nDKIM-Signature: v=1\r\n\r\n.\r\n"].concat();
    assert_eq!(pass(Policy::Keep, late.chunks(7)), Ok((late.clone(), Signature::None)), "it looks only so far");
}

#[test]
fn a_header_is_held_until_its_end_and_within_its_limit() {
    let list = allowed();
    let from = format!("From: {OWN}\r\n");
    let line = |octets: usize| format!("X: {}\r\n", "x".repeat(octets - 5));
    for (octets, fits) in [(4096, true), (4097, false), (4098, false), (4099, false), (9000, false)] {
        for end in ["\r\n.\r\n", ".\r\n"] {
            let message = from.clone() + &line(octets - from.len()) + end;
            for size in [1, 100, 4096, 4098, 10_000] {
                let passed = pass(require(&list), message.as_bytes().chunks(size));
                if fits {
                    assert_eq!(passed.unwrap().0, message.as_bytes());
                } else {
                    assert_eq!(passed, Err("552 5.3.4 The header is larger than header_octets = 4096".into()));
                }
            }
        }
    }
    let mut filter = HeaderFilter::new(require(&list), 4096);
    assert_eq!(filter.pass(from.as_bytes()), Passage::Hold);
    assert!(matches!(filter.pass(b"\r\nbody"), Passage::Forward(whole) if whole.len() == from.len() + 6));
    assert!(matches!(filter.pass(b"more"), Passage::Forward(Cow::Borrowed(b"more"))));
}

#[test]
fn a_path_is_kept_refused_or_replaced() {
    let list = allowed();
    let refused =
        |who: &str| format!("550 5.7.1 evmail may not send as {who}; allowed: support@example.com, *@list.example\r\n");
    let syntax = "501 5.1.7 The sender is no address; write MAIL FROM:<user@example.com>\r\n".to_owned();
    for (line, required, rewritten) in [
        ("MAIL FROM:<support@example.com>", None, None),
        ("mail from: <Support@Example.COM> SIZE=10 BODY=8BITMIME", None, None),
        ("MAIL FROM:support@example.com SIZE=1", None, None),
        ("MAIL FROM:<> AUTH=<>", None, None),
        ("MAIL FROM:<a.b+c@LIST.example>", None, Some("MAIL FROM:<support@example.com>")),
        (
            "MAIL FROM:<a@sub.list.example>",
            Some(refused("a@sub.list.example")),
            Some("MAIL FROM:<support@example.com>"),
        ),
        (
            "mail  from:  <x@y> AUTH=<> RET=HDRS",
            Some(refused("x@y")),
            Some("mail from:<support@example.com> AUTH=<> RET=HDRS"),
        ),
        ("MAIL FROM:x@y SIZE=1", Some(refused("x@y")), Some("MAIL FROM:<support@example.com> SIZE=1")),
        (
            "MAIL FROM:<@list.example,@b:x@y>",
            Some(refused("@list.example,@b:x@y")),
            Some("MAIL FROM:<support@example.com>"),
        ),
        (
            "MAIL FROM:<\"a>b@y\"@list.example>",
            Some(refused("\"a>b@y\"@list.example")),
            Some("MAIL FROM:<support@example.com>"),
        ),
        ("MAIL FROM:<a@list.example@y>", Some(refused("a@list.example@y")), Some("MAIL FROM:<support@example.com>")),
        ("MAIL FROM:<a@list.example.>", Some(refused("a@list.example.")), Some("MAIL FROM:<support@example.com>")),
        ("MAIL FROM:<@list.example>", Some(refused("@list.example")), Some("MAIL FROM:<support@example.com>")),
        ("MAIL FROM:< >", None, None),
    ] {
        let required = required.map_or(MailFrom::AsReceived, |reply| {
            let MailFrom::Refused(refusal) = mail_from(require(&list), line.as_bytes()) else { panic!("{line}") };
            assert_eq!(String::from_utf8_lossy(refusal.reply().as_bytes()), reply, "{line}");
            MailFrom::Refused(refusal)
        });
        assert_eq!(mail_from(require(&list), line.as_bytes()), required, "{line}");
        let rewritten = rewritten.map_or(MailFrom::AsReceived, |line| MailFrom::Replaced(format!("{line}\r\n").into()));
        assert_eq!(mail_from(REWRITE, line.as_bytes()), rewritten, "{line}");
        assert_eq!(mail_from(Policy::Keep, line.as_bytes()), MailFrom::AsReceived);
    }
    for line in
        ["MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM:<a@b", "MAIL FROM:<a@b>x", "MAIL TO:<a@b>", "MAILFROM:<a@b>"]
    {
        for policy in [require(&list), REWRITE] {
            let MailFrom::Refused(refusal) = mail_from(policy, line.as_bytes()) else { panic!("{line}") };
            assert_eq!(String::from_utf8_lossy(refusal.reply().as_bytes()), syntax);
        }
        assert_eq!(mail_from(Policy::Keep, line.as_bytes()), MailFrom::AsReceived, "the upstream's affair");
    }
}

#[test]
fn a_refusal_is_one_short_line() {
    let list: Vec<_> = (0..100).map(|number| format!("{}{number}@example.com", "long".repeat(50))).collect();
    let line = [b"MAIL FROM:<", &[b'\r', 0xff, b'x'].repeat(1000)[..], b">"].concat();
    let MailFrom::Refused(refusal) = mail_from(require(&list), &line) else { panic!() };
    let reply = refusal.reply();
    let text = reply.as_bytes().strip_suffix(b"\r\n").unwrap();
    assert!(text.len() < 250 && text.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' '));
}
