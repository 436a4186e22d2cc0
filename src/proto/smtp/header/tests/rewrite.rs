use super::*;

fn rewritten(text: &str) -> String {
    header(REWRITE, text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

#[test]
fn what_already_is_the_address_stays_as_it_is() {
    for text in [
        "From: support@example.com",
        "FROM :Support\n Team  <Support@Example.com>",
        "Subject: x\nSender: <support@example.com>\nFrom: support@example.com (Support)\nReply-To: x@y",
    ] {
        assert_eq!(rewritten(text), text);
    }
}

#[test]
fn names_are_kept_and_replies_go_where_they_went() {
    for (name, kept) in [
        ("Scanner <scan@device.local>", "Scanner <support@example.com>"),
        ("\"Scanner, 2nd floor\" <scan@device.local>", "\"Scanner, 2nd floor\" <support@example.com>"),
        ("\"\\\"Q\\\"\" <scan@device.local>", "\"\\\"Q\\\"\" <support@example.com>"),
        ("=?utf-8?Q?M=C3=BCller?= <scan@device.local>", "=?utf-8?Q?M=C3=BCller?= <support@example.com>"),
        ("M\u{fc}ller <scan@device.local>", "M\u{fc}ller <support@example.com>"),
        ("\"scan@device.local\" <scan@device.local>", "\"scan@device.local\" <support@example.com>"),
        ("scan@device.local <scan@device.local>", "support@example.com"),
        ("scan@device.local", "support@example.com"),
        ("<scan@device.local>", "support@example.com"),
        ("scan@device.local (Scanner)", "support@example.com"),
        // A line break or brackets in an encoded word.
        ("=?utf-8?q?a=0D=0ABcc=3A_evil?= <scan@device.local>", "support@example.com"),
        ("=?utf-8?q?=3Cevil=40x=3E?= <scan@device.local>", "support@example.com"),
        ("\"<evil@x>\" <scan@device.local>", "support@example.com"),
        ("=?utf-7?q?a?= <scan@device.local>", "support@example.com"),
    ] {
        let text = format!("To: x@y\nFrom: {name}\nSubject: x");
        let expected = format!("To: x@y\nFrom: {kept}\nReply-To: scan@device.local\nSubject: x");
        assert_eq!(rewritten(&text), expected);
    }
}

#[test]
fn replies_are_not_meddled_with() {
    assert_eq!(rewritten("From: a@x\nREPLY-TO : b@y"), "From: support@example.com\nREPLY-TO : b@y");
    assert_eq!(
        header(Policy::Rewrite { address: OWN, reply_to: false }, "From: A <a@x>").unwrap(),
        "From: A <support@example.com>"
    );
    assert_eq!(
        rewritten("From: A <a@x>, support@example.com, B <b@x>, a@x"),
        "From: A <support@example.com>\nReply-To: a@x,\n b@x"
    );
}

#[test]
fn there_is_one_from_and_no_other_sender() {
    for (text, expected) in [
        ("Subject: x", "From: support@example.com\nSubject: x"),
        ("From: A <a@x>\nSender: s@x\nfrom: b@x", "From: A <support@example.com>\nReply-To: a@x"),
        ("From: support@example.com\nTo: x@y\nFrom: b@x", "From: support@example.com\nTo: x@y"),
        ("Sender: s@x\nFrom: support@example.com\nSender: t@x", "From: support@example.com"),
        (
            "From: a@x\nSender: Support <SUPPORT@example.com>",
            "From: support@example.com\nReply-To: a@x\nSender: Support <SUPPORT@example.com>",
        ),
        (
            "From: a@x\nResent-From: b@x\nResent-Sender: b@x",
            "From: support@example.com\nReply-To: a@x\nResent-From: b@x\nResent-Sender: b@x",
        ),
        // What cannot be read is nobody to reply to.
        ("From: nonsense", "From: support@example.com"),
        ("From:", "From: support@example.com"),
        ("From: Group: a@x, b@x;", "From: support@example.com"),
        ("From: <@r:a@x>", "From: support@example.com"),
        ("From: A <a@x>\n \n , evil@x", "From: support@example.com"),
    ] {
        assert_eq!(rewritten(text), expected);
    }
    let bodiless = [&b".\r\n"[..], b"\r\n.\r\n", b"From: a@x\r\n.\r\n"];
    let expected = [
        "From: support@example.com\r\n.\r\n",
        "From: support@example.com\r\n\r\n.\r\n",
        "From: support@example.com\r\nReply-To: a@x\r\n.\r\n",
    ];
    for (message, expected) in bodiless.into_iter().zip(expected) {
        assert_eq!(pass(REWRITE, [message]).unwrap().0, expected.as_bytes());
    }
    let latin = b"From: M\xfcller <a@x>\r\n\r\n.\r\n";
    assert_eq!(pass(REWRITE, [&latin[..]]).unwrap().0, b"From: support@example.com\r\n\r\n.\r\n");
}

#[test]
fn lines_stay_short_and_folds_of_a_name_stay() {
    let word = "=?utf-8?Q?".to_owned() + &"x".repeat(50) + "?=";
    assert_eq!(
        rewritten(&format!("From: {word}\n\t{word} <a@x>")),
        format!("From: {word}\n\t{word}\n <support@example.com>\nReply-To: a@x")
    );
    let long = "x".repeat(2000);
    assert_eq!(rewritten(&format!("From: {long} <a@x>")), "From: support@example.com\nReply-To: a@x");
}

#[test]
fn a_signature_over_a_rewritten_line_is_told_to_be_broken() {
    for (from, signature) in [("a@x", Signature::Broken), (OWN, Signature::Kept)] {
        let message = format!("DKIM-Signature: v=1; h=from\r\nFrom: {from}\r\n\r\n.\r\n");
        let (forwarded, found) = pass(REWRITE, [message.as_bytes()]).unwrap();
        assert_eq!(found, signature);
        assert!(forwarded.starts_with(b"DKIM-Signature: v=1; h=from\r\n"));
    }
}
