use super::*;

fn judged(text: &str) -> Result<String, String> {
    header(require(&allowed()), text)
}

#[test]
fn what_says_nothing_but_allowed_senders_passes_as_it_is() {
    for text in [
        "From: support@example.com",
        "FROM : <SUPPORT@example.COM>",
        "Subject: x\nfrom: Support Team <support@example.com>\nTo: x@y",
        "From: \"Support, \\\"the\\\" Team\" <support@example.com>",
        "From: =?utf-8?Q?M=C3=BCller?= =?iso-8859-1?b?TfxsbGVy?= <support@example.com>",
        "From: M\u{fc}ller & S\u{f6}hne GmbH. <support@example.com>",
        "From: support@example.com (Support Team)",
        "From: <support@example.com> (=?us-ascii*en?q?Support?=)",
        "From: support@example.com <support@example.com>",
        "From: \"support@example.com\" <support@example.com>",
        "From: \"'support@example.com'\" <support@example.com>",
        "From: \"o'neil@list.example\" <o'neil@list.example>",
        "From: =?utf-8?B?c3VwcG9ydEBleGFtcGxlLmNvbQ==?= <support@example.com>",
        // Octets that would be signs if they were not the second of two.
        "From: =?shift_jis?B?g0CDYQ==?= <support@example.com>",
        "From: =?ISO-2022-JP?B?GyRCJUAkSBsoQg==?= <support@example.com>",
        "From: a@list.example, Support <support@example.com>,\n b@list.example",
        "From: Support\n Team\n\t<support@example.com>",
        "From:\n support@example.com",
        "From: support@example.com\nSender: Robot <a@list.example>",
        "From: support@example.com\nResent-From: x@y\nResent-Sender: x@y\nReply-To: x@y",
        "From: support@example.com\nX-From: evil@x\nSubject: From: evil@x\n From: evil@x",
        "From: support@example.com\nSubject: folded\n \n behind blanks",
    ] {
        assert_eq!(judged(text), Ok(text.to_owned()), "{text}");
    }
    let list = allowed();
    let without_body = b"From: support@example.com\r\nDKIM-Signature: v=1\r\n.\r\n";
    assert_eq!(pass(require(&list), [&without_body[..]]), Ok((without_body.to_vec(), Signature::Kept)));
}

#[test]
fn whoever_is_not_allowed_is_named_and_refused() {
    for (text, who) in [
        ("From: evil@x", "evil@x"),
        ("From: Support <evil@x>", "evil@x"),
        ("From: support@example.com, evil@x", "evil@x"),
        ("From: evil@x, support@example.com", "evil@x"),
        ("From: support@example.com\nSender: evil@x", "evil@x"),
        ("From: evil@x <support@example.com>", "evil@x"),
        ("From: \"evil@x\" <support@example.com>", "evil@x"),
        ("From: \"'evil@x'\" <support@example.com>", "evil@x"),
        ("From: \"<evil@x>,\" <support@example.com>", "evil@x"),
        ("From: \"evil\"@x <support@example.com>", "@x"),
        ("From: support@example.com (evil@x)", "evil@x"),
        ("From: =?utf-8?q?evil=40x?= <support@example.com>", "evil@x"),
        ("From: \"=?utf-8?q?evil=40x?=\" <support@example.com>", "evil@x"),
        ("From: =?utf-8?q?evil?= =?utf-8?q?=40x?= <support@example.com>", "evil@x"),
        ("From: =?utf-8?q?evil?=\n =?utf-8?b?QHg=?= <support@example.com>", "evil@x"),
        ("From: a=?utf-8?q?=40x?= <support@example.com>", "a@x"),
        ("From: support@example.com (=?utf-8?q?evil=40x?=)", "evil@x"),
        ("From: support@example.com.evil.example", "support@example.com.evil.example"),
        ("From: support@ex\u{e4}mple.com", "support@ex?mple.com"),
    ] {
        let refusal = format!("550 5.7.1 evmail may not send as {who}; allowed: support@example.com, *@list.example");
        assert_eq!(judged(text), Err(refusal), "{text}");
    }
}

#[test]
fn what_could_be_read_in_more_than_one_way_is_refused() {
    for (text, why) in [
        ("Subject: x", "The message has no From line; allowed: support@example.com, *@list.example"),
        ("X-From: support@example.com", "The message has no From line; allowed: support@example.com, *@list.example"),
        (
            "From: support@example.com\nfROM: support@example.com",
            "The message has more than one From line; it may have one",
        ),
        ("From: support@example.com\nFrom : evil@x", "The message has more than one From line; it may have one"),
        (
            "From: support@example.com\nSender: a@list.example\nsender: a@list.example",
            "The message has more than one Sender line; it may have one",
        ),
        (
            "From: support@example.com\nSender: a@list.example, b@list.example",
            "The Sender line names more than one address; it may name one",
        ),
    ] {
        assert_eq!(judged(text), Err(format!("550 5.7.1 {why}")), "{text}");
    }
    let (group, none, stray, unbalanced) = (
        "holds a group",
        "holds something that is no plain address",
        "holds something that does not belong there",
        "holds a quote or a bracket that does not end",
    );
    let (octets, hidden) = ("holds octets that are not UTF-8 text", "hides something in an encoded name");
    for (value, why) in [
        ("", "is empty"),
        ("  ", "is empty"),
        ("Support", none),
        ("Support Team: support@example.com;", group),
        ("nobody:;", group),
        ("support@example.com;", group),
        ("<@list.example:support@example.com>", none),
        ("support@example.com,", none),
        (",support@example.com", none),
        ("<>", none),
        ("<support@example.com", none),
        ("<<support@example.com>>", none),
        ("<evil@x> <support@example.com>", stray),
        ("support@example.com evil@x", none),
        ("support@example.com (a)(b)", stray),
        ("support@example.com (evil@x(b))", unbalanced),
        ("support@example.com (x\\) <evil@x>)", unbalanced),
        ("(x) support@example.com", stray),
        ("sup(x)port@example.com", stray),
        ("support(x)@example.com", stray),
        ("support @example.com", none),
        ("support@ example.com", none),
        ("\"support\"@example.com", none),
        ("support@[192.0.2.1]", none),
        ("\"Support <support@example.com>", unbalanced),
        ("\"a\\\" <support@example.com>", unbalanced),
        ("Support\\ <support@example.com>", none),
        ("support@example.com\n \n", "goes on behind a blank line"),
        ("support@example.com\n \n evil@x", "goes on behind a blank line"),
        ("Support\u{85} <support@example.com>", octets),
        ("Support\u{2028} <support@example.com>", octets),
        ("Support\u{7} <support@example.com>", octets),
        ("=?utf-8?q?evil=40x <support@example.com>", hidden),
        ("=?utf-8?x?evil?= <support@example.com>", hidden),
        ("=?utf-8?b?!!?= <support@example.com>", hidden),
        ("=?utf-8?q?a=0D=0AFrom:_evil?= <support@example.com>", group),
        ("=?utf-8?q?a=0D=0AFrom=3A_evil?= <support@example.com>", hidden),
        ("=?utf-8?b?YQ0KRnJvbTogZXZpbEB4?= <support@example.com>", hidden),
        ("=?utf-8?q?a=00?= <support@example.com>", hidden),
        ("=?utf-7?q?evil+AEA-x?= <support@example.com>", hidden),
        ("=?utf-16be?b?AGUAQAB4?= <support@example.com>", hidden),
    ] {
        let text = format!("From: {value}\nTo: x@y");
        let refusal = format!("550 5.7.1 The From line {why}; write it as From: Name <user@example.com>");
        assert_eq!(judged(&text.replace("\n\n", "\n")), Err(refusal), "{value:?}");
    }
    let latin = b"From: M\xfcller <support@example.com>\r\n\r\n.\r\n";
    assert!(pass(require(&allowed()), [&latin[..]]).unwrap_err().contains(octets));
}

#[test]
fn a_header_that_is_none_is_refused_under_either_policy() {
    let list = allowed();
    for (message, why) in [
        (
            &b"From: support@example.com\r\nhello\r\n\r\n.\r\n"[..],
            "Line 2 of the message is no header line; an empty line has to end the header",
        ),
        (b"hello\r\n.\r\n", "Line 1 of the message is no header line; an empty line has to end the header"),
        (
            b"From support@example.com Fri Nov 20\r\nFrom: support@example.com\r\n\r\n.\r\n",
            "Line 1 of the message is no header line; an empty line has to end the header",
        ),
        (
            b" From: evil@x\r\nFrom: support@example.com\r\n\r\n.\r\n",
            "Line 1 of the message is no header line; an empty line has to end the header",
        ),
        (
            b"From: support@example.com\r\nTo: x@y,\r\n z@y\r\nFr om: evil@x\r\n\r\n.\r\n",
            "Line 4 of the message is no header line; an empty line has to end the header",
        ),
        (
            b"From: support@example.com\r\nFrom\xa0: evil@x\r\n\r\n.\r\n",
            "Line 2 of the message is no header line; an empty line has to end the header",
        ),
        (
            b"From: support@example.com\r\n: evil@x\r\n\r\n.\r\n",
            "Line 2 of the message is no header line; an empty line has to end the header",
        ),
        (b"From: support@example.com\r\n.From: evil@x\r\n\r\n.\r\n", "Line 2 of the message begins with a dot"),
        (b"From: support@example.com\r\n..From: evil@x\r\n\r\n.\r\n", "Line 2 of the message begins with a dot"),
        (b"From: support@example.com\r\n. evil@x\r\n\r\n.\r\n", "Line 2 of the message begins with a dot"),
        (
            b"From: support@example.com\r\nX: a\rFrom: evil@x\r\n\r\n.\r\n",
            "Line 2 of the message holds a bare CR, a bare LF or a NUL",
        ),
        (
            b"From: support@example.com\r\nX: a\nFrom: evil@x\r\n\r\n.\r\n",
            "Line 2 of the message holds a bare CR, a bare LF or a NUL",
        ),
        (
            b"From: support@example.com\r\nX: a\r\n b\0\r\n\r\n.\r\n",
            "Line 3 of the message holds a bare CR, a bare LF or a NUL",
        ),
        (
            b"From: support@example.com\r\nX: a\x0bFrom: evil@x\r\n\r\n.\r\n",
            "Line 2 of the message holds a control character that some take for a line break",
        ),
    ] {
        for policy in [require(&list), REWRITE] {
            assert_eq!(
                pass(policy, [message]),
                Err(format!("550 5.6.0 {why}")),
                "{}",
                String::from_utf8_lossy(message)
            );
        }
        assert_eq!(pass(Policy::Keep, [message]).unwrap().0, message);
    }
}
