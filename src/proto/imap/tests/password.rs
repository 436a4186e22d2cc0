//! Upstreams that are logged in to with a password.

use super::*;

const USER: &str = "support@example.com";

fn with_password(user: &str, password: &str) -> UpstreamIdentity {
    UpstreamIdentity { user: user.into(), token: password.into(), ..identity(Mechanism::Password) }
}

fn play(identity: UpstreamIdentity, tls: UpstreamTls, flights: &[Vec<Vec<u8>>]) -> Vec<String> {
    play_upstream(ImapUpstream::new(identity, tls), flights, &done)
}

fn up(tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    play(with_password(USER, "abcd efgh ijkl"), tls, &whole(flights))
}

/// `\0support@example.com\0abcd efgh ijkl`
const PLAIN: &str = "AHN1cHBvcnRAZXhhbXBsZS5jb20AYWJjZCBlZmdoIGlqa2w=";

/// imap.gmail.com with an app password.
const GOOGLE: &[&[u8]] = &[
    b"* OK Gimap ready for requests from 192.0.2.1 x\r\n",
    b"* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER\r\nG1 OK Thats all she wrote! x\r\n",
    b"* CAPABILITY IMAP4rev1 UIDPLUS COMPRESS=DEFLATE MOVE\r\nG1 OK support@example.com authenticated (Success)\r\n",
];

#[test]
fn plain_in_one_line_where_sasl_ir_is_offered() {
    let plain = format!("C: G1 AUTHENTICATE PLAIN {PLAIN}");
    let done = "DONE IMAP4rev1 UIDPLUS COMPRESS=DEFLATE MOVE";
    assert_eq!(up(UpstreamTls::Implicit, GOOGLE), ["C: G1 CAPABILITY", &plain, done]);
}

/// Dovecot by STARTTLS; what it offers in clear is anybody's word.
const DOVECOT: &[&[u8]] = &[
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED AUTH=PLAIN] Dovecot ready.\r\n",
    b"G1 OK Begin TLS negotiation now.\r\n",
    b"* CAPABILITY IMAP4rev1 LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AUTH=LOGIN\r\nG1 OK Pre-login capabilities listed, post-login capabilities have more.\r\n",
    b"+ \r\n",
    b"G1 OK [CAPABILITY IMAP4rev1 SASL-IR MOVE SPECIAL-USE] Logged in\r\n",
];

#[test]
fn plain_in_two_lines_comes_before_login() {
    let plain = format!("C: {PLAIN}");
    let done = "DONE IMAP4rev1 SASL-IR MOVE SPECIAL-USE";
    assert_eq!(
        up(UpstreamTls::Starttls, DOVECOT),
        ["C: G1 STARTTLS", "TLS", "C: G1 CAPABILITY", "C: G1 AUTHENTICATE PLAIN", &plain, done]
    );
}

/// A server that offers SASL LOGIN alone; an initial response is not for it.
const SASL_LOGIN: &[&[u8]] = &[
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=LOGIN AUTH=NTLM] ready\r\n",
    b"+ VXNlciBOYW1lAA==\r\n",
    b"+ \r\n",
    b"G1 OK in\r\n",
    b"* CAPABILITY IMAP4rev1\r\nG1 OK done\r\n",
];

#[test]
fn sasl_login_where_there_is_no_plain() {
    assert_eq!(
        up(UpstreamTls::Implicit, SASL_LOGIN),
        [
            "C: G1 AUTHENTICATE LOGIN",
            "C: c3VwcG9ydEBleGFtcGxlLmNvbQ==",
            "C: YWJjZCBlZmdoIGlqa2w=",
            "C: G1 CAPABILITY",
            "DONE IMAP4rev1"
        ]
    );
}

/// A server without SASL: the command that every server had at first.
const COMMAND: &[&[u8]] = &[
    b"* OK IMAP4rev1 server ready\r\n",
    b"* CAPABILITY IMAP4rev1\r\nG1 OK done\r\n",
    b"G1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n",
];
/// The same, told a user name or a password that takes a literal; then both.
const LITERAL: &[&[u8]] = &[COMMAND[0], COMMAND[1], b"+ go ahead\r\n", COMMAND[2]];
const LITERALS: &[&[u8]] = &[COMMAND[0], COMMAND[1], b"+ \r\n", b"+\r\n", COMMAND[2]];

#[test]
fn the_login_command_quotes_and_sends_literals() {
    for (user, password, flights, lines) in [
        (USER, "abcd efgh ijkl", COMMAND, &["C: G1 LOGIN \"support@example.com\" \"abcd efgh ijkl\""][..]),
        (USER, "a\"b\\c {3}", COMMAND, &["C: G1 LOGIN \"support@example.com\" \"a\\\"b\\\\c {3}\""]),
        (USER, "pässwort", LITERAL, &["C: G1 LOGIN \"support@example.com\" {9}", "C: pässwort"]),
        ("jürgen", "secret", LITERAL, &["C: G1 LOGIN {7}", "C: jürgen \"secret\""]),
        ("jürgen", "naïf\"", LITERALS, &["C: G1 LOGIN {7}", "C: jürgen {6}", "C: naïf\""]),
        // A line break in a literal is counted and ends nothing.
        (USER, "a\r\nG1 X", LITERAL, &["C: G1 LOGIN \"support@example.com\" {7}", "C: a", "C: G1 X"]),
    ] {
        let log = play(with_password(user, password), UpstreamTls::Implicit, &whole(flights));
        let said = [&["C: G1 CAPABILITY"], lines, &["DONE IMAP4rev1 IDLE"]].concat();
        assert_eq!(log, said, "{user:?} {password:?}");
    }
}

#[test]
fn what_is_not_offered_is_not_tried() {
    let none = "FAILED the upstream does not offer the SASL mechanism PLAIN or LOGIN";
    let disabled: [&[u8]; 2] = [
        b"* OK The Microsoft Exchange IMAP4 service is ready. [QgBO]\r\n",
        b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+\r\nG1 OK CAPABILITY completed.\r\n",
    ];
    assert_eq!(up(UpstreamTls::Implicit, &disabled), ["C: G1 CAPABILITY", none]);
    // The LOGIN command is for passwords alone.
    let token = super::up(Mechanism::Xoauth2, UpstreamTls::Implicit, COMMAND);
    assert_eq!(token, ["C: G1 CAPABILITY", "FAILED the upstream does not offer the SASL mechanism XOAUTH2"]);
}

#[test]
fn refusals_outages_and_violations_are_told_apart() {
    let last = |flights: &[&[u8]], last: &[u8]| up(UpstreamTls::Implicit, &[flights, &[last]].concat());
    for (refusal, text) in [
        (&b"G1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n"[..], "[AUTHENTICATIONFAILED] Invalid"),
        (b"G1 NO [ALERT] Application-specific password required\r\n", "[ALERT] Application-specific password"),
        (b"G1 NO Basic authentication is disabled.\r\n", "Basic authentication is disabled."),
        (
            b"G1 BAD what: LOGIN \"support@example.com\" \"abcd efgh ijkl\"\r\n",
            "what: LOGIN \"support@example.com\" … … …",
        ),
    ] {
        for flights in [&GOOGLE[..2], &COMMAND[..2]] {
            let log = last(flights, refusal);
            assert!(log[2].starts_with(&format!("FAILED the upstream refused the login: {text}")), "{}", log[2]);
            assert_eq!(log.len(), 3, "not tried again by other means");
        }
    }
    for outage in [
        &b"G1 NO [UNAVAILABLE] Temporary authentication failure.\r\n"[..],
        b"G1 NO [ALERT] Too many simultaneous connections. (Failure)\r\n",
        b"* BYE Too many login attempts\r\n",
    ] {
        for flights in [&GOOGLE[..2], &COMMAND[..2]] {
            assert!(last(flights, outage)[2].starts_with("FAILED the upstream is unavailable"), "{outage:?}");
        }
    }
    for (flights, flight) in [
        (&GOOGLE[..2], &b"+ one more\r\n"[..]),
        (&COMMAND[..2], b"+ one more\r\n"),
        (&SASL_LOGIN[..2], b"G1 OK too early\r\n"),
    ] {
        assert!(last(flights, flight).last().unwrap().contains("not IMAP"), "{flight:?}");
    }
    let early = play(with_password(USER, "pässwort"), UpstreamTls::Implicit, &whole(COMMAND));
    assert!(early.last().unwrap().contains("not IMAP"));
}

#[test]
fn a_nul_is_refused_before_any_of_it_is_said() {
    let failure = "FAILED the user name or password for the upstream holds a NUL, so it was not sent";
    for identity in [with_password(USER, "abcd\0efgh"), with_password("support\0admin", "abcd")] {
        for (tls, flights) in [(UpstreamTls::Implicit, GOOGLE), (UpstreamTls::Starttls, DOVECOT)] {
            let said = play(identity.clone(), tls, &whole(flights));
            assert_eq!(said.last().map(String::as_str), Some(failure));
            let harmless = ["C: G1 CAPABILITY", "C: G1 STARTTLS", "TLS"];
            assert!(said.iter().rev().skip(1).all(|said| harmless.contains(&said.as_str())), "{said:?}");
        }
    }
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_an_upstream_login_is_the_same(
        google in splits(GOOGLE), dovecot in splits(DOVECOT), login in splits(SASL_LOGIN),
        command in splits(COMMAND), literals in splits(LITERALS),
    ) {
        for (user, password, tls, flights, split) in [
            (USER, "abcd", UpstreamTls::Implicit, GOOGLE, google),
            (USER, "abcd", UpstreamTls::Starttls, DOVECOT, dovecot),
            (USER, "abcd", UpstreamTls::Implicit, SASL_LOGIN, login),
            (USER, "abcd", UpstreamTls::Implicit, COMMAND, command),
            ("jürgen", "naïf", UpstreamTls::Implicit, LITERALS, literals),
        ] {
            let played = play(with_password(user, password), tls, &split);
            prop_assert_eq!(played, play(with_password(user, password), tls, &whole(flights)));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = up(UpstreamTls::Implicit, &[COMMAND[0], COMMAND[1], &bytes]);
    }
}
