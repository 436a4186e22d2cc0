mod password;
mod quirks;

use proptest::prelude::*;

use super::*;
use crate::proto::sasl::{self, Mechanism};
use crate::proto::transcript::{play_downstream, play_upstream, splits, whole};
use crate::proto::*;

fn offer(starttls: bool, passwords: bool) -> Offer {
    let (hostname, newline) = ("mail.example".into(), Newline::Strict);
    Offer { hostname, starttls, passwords, message_size: 1000, extensions: 0, newline, anonymous: false }
}

/// Any password of three letters opens; `later` hits a sick provider.
fn verdict(credentials: &Credentials) -> Result<ImapReady, LoginFailure> {
    use secrecy::ExposeSecret as _;
    match credentials.password.expose_secret() {
        "later" => Err(LoginFailure::Unavailable(ClientText::new("try again"))),
        password if password.chars().count() == 3 => Ok(ImapReady { capabilities: b"IMAP4rev1 IDLE MOVE".to_vec() }),
        _ => Err(LoginFailure::BadCredentials),
    }
}

fn down(flights: &[&[u8]]) -> Vec<String> {
    play_downstream(ImapDownstream::new(offer(false, true)), &whole(flights), &verdict)
}

/// What follows the greeting.
fn talk(flights: &[&[u8]]) -> Vec<String> {
    down(flights).split_off(1)
}

const GRANTED: &str = "S: a OK [CAPABILITY IMAP4rev1 IDLE MOVE] Logged in";

#[test]
fn the_greeting_carries_the_capabilities() {
    let greeting = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN] Gatepost ready";
    assert_eq!(down(&[]), [greeting]);
    let guarded = play_downstream(ImapDownstream::new(offer(true, false)), &[], &verdict);
    assert_eq!(guarded, ["S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID STARTTLS LOGINDISABLED] Gatepost ready"]);
}

const BEFORE_LOGIN: &[&[u8]] = &[
    b"1 capability\r\n2 ID NIL\r\n3 ID (\"name\" \"mutt\")\r\n4 NOOP\r\n5 SELECT INBOX\r\nhello\r\n",
    b"6 STARTTLS\r\n7 NO\rOP\r\n8 NOOP\n* NOOP\r\n9 LIST {3}\r\n10 LOGOUT\r\n",
];

#[test]
fn commands_before_login() {
    assert_eq!(
        talk(BEFORE_LOGIN),
        [
            "S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN",
            "S: 1 OK CAPABILITY completed",
            "S: * ID (\"name\" \"Gatepost\")",
            "S: 2 OK ID completed",
            "S: * ID (\"name\" \"Gatepost\")",
            "S: 3 OK ID completed",
            "S: 4 OK NOOP completed",
            "S: 5 BAD Log in first",
            "S: hello BAD Command not understood",
            "S: 6 BAD STARTTLS is not offered",
            "S: 7 BAD Bare CR, bare LF or NUL in a command",
            "S: 8 BAD Bare CR, bare LF or NUL in a command",
            "S: * BAD No tag",
            "S: 9 BAD No literal is expected here",
            "S: * BYE Bye",
            "S: 10 OK LOGOUT completed",
            "CLOSE",
        ]
    );
}

/// Every form of LOGIN that clients are known to send.
#[test]
fn login_in_every_form() {
    for (flights, user, password) in [
        (&[&b"a LOGIN smith abc\r\n"[..]][..], "smith", "abc"),
        (&[b"a login \"smith\" \"a\\\"c\"\r\n"], "smith", "a\"c"),
        (&[b"a LOGIN \"smi th\" \"\\\\ \\\"\"\r\n"], "smi th", "\\ \""),
        // Trailing and double blanks, atoms with specials: Outlook, and scripts.
        (&[b"a  LOGIN  smith  a%( \r\n"], "smith", "a%("),
        // 8-bit in quoted strings: UTF-8 and Latin-1.
        (&[b"a LOGIN smith \"\xc3\xa9bc\"\r\n"], "smith", "ébc"),
        (&[b"a LOGIN smith \xe9bc\r\n"], "smith", "ébc"),
        // Synchronizing literals, RFC 3501, 6.2.3; then non-synchronizing ones, RFC 7888.
        (&[b"a LOGIN {5}\r\n", b"smith {3}\r\n", b"a\nc\r\n"], "smith", "a\nc"),
        (&[b"a LOGIN {5+}\r\nsmith {3+}\r\nabc\r\n"], "smith", "abc"),
        (&[b"a LOGIN \"smith\" {3}\r\n", b"abc\r\n"], "smith", "abc"),
    ] {
        let log = talk(flights);
        let asked = log.iter().filter(|line| *line == "S: + OK").count();
        let said: Vec<_> = log.iter().filter(|line| *line != "S: + OK").cloned().collect();
        assert_eq!(said, [format!("LOGIN {user} {password}"), GRANTED.into(), "ACCEPTED".into()], "{flights:?}");
        assert_eq!(asked, flights.len() - 1, "{flights:?}");
    }
}

#[test]
fn what_follows_a_login_is_left_for_the_upstream() {
    let log = talk(&[b"a LOGIN smith abc\r\nb SELECT INBOX\r\n"]);
    assert_eq!(log, ["LOGIN smith abc", GRANTED, "ACCEPTED", "LEFT b SELECT INBOX\r\n"]);
}

const AUTHENTICATE: &[&[u8]] = &[
    b"1 AUTHENTICATE PLAIN\r\n",
    b"*\r\n",
    b"2 AUTHENTICATE CRAM-MD5\r\n3 AUTHENTICATE PLAIN =\r\n4 AUTHENTICATE PLAIN ***\r\n",
    b"5 authenticate \"PLAIN\"\r\n",
    b"AHNtaXRoAGxhdGVy\r\n",
    b"6 AUTHENTICATE LOGIN\r\n",
    b"c21pdGg=\r\n",
    b"d3Jvbmc=\r\n",
    b"7 AUTHENTICATE LOGIN c21pdGg=\r\n",
    b"*\r\n",
    b"a AUTHENTICATE PLAIN AHNtaXRoAGFiYw==\r\n",
];

#[test]
fn authenticate_with_and_without_an_initial_response() {
    assert_eq!(
        talk(AUTHENTICATE),
        [
            "S: + ",
            "S: 1 BAD Authentication cancelled",
            "S: 2 NO [CANNOT] Mechanism not offered; use PLAIN or LOGIN",
            "S: 3 BAD Not a PLAIN message",
            "S: 4 BAD Not base64",
            "S: + ",
            "LOGIN smith later",
            "S: 5 NO [UNAVAILABLE] try again",
            "S: + VXNlcm5hbWU6",
            "S: + UGFzc3dvcmQ6",
            "LOGIN smith wrong",
            "S: 6 NO [AUTHENTICATIONFAILED] Authentication failed",
            "S: + UGFzc3dvcmQ6",
            "S: 7 BAD Authentication cancelled",
            "LOGIN smith abc",
            GRANTED,
            "ACCEPTED",
        ]
    );
}

#[test]
fn where_no_tls_is_to_be_had_nobody_is_sent_to_starttls() {
    let steps =
        play_downstream(ImapDownstream::new(offer(false, false)), &whole(&[b"1 LOGIN smith abc\r\n"]), &verdict);
    assert_eq!(
        steps[1],
        "S: 1 NO [PRIVACYREQUIRED] A password needs TLS, which this port does not have; ask the administrator for another"
    );
}

#[test]
fn a_password_needs_tls_and_starttls_brings_it() {
    let play = |flights: &[&[u8]]| {
        play_downstream(ImapDownstream::new(offer(true, false)), &whole(flights), &verdict).split_off(1)
    };
    let required = "NO [PRIVACYREQUIRED] A password needs TLS here; use STARTTLS first";
    assert_eq!(
        play(&[
            b"1 LOGIN smith {3}\r\n",
            b"2 LOGIN smith {3+}\r\nabc\r\n3 AUTHENTICATE PLAIN\r\n4 STARTTLS\r\n",
            b"a LOGIN smith abc\r\n"
        ]),
        [
            &format!("S: 1 {required}"),
            &format!("S: 2 {required}"),
            &format!("S: 3 {required}"),
            "S: 4 OK Begin TLS",
            "TLS",
            "LOGIN smith abc",
            GRANTED,
            "ACCEPTED",
        ]
    );
    assert_eq!(
        play(&[b"1 STARTTLS\r\n2 LOGIN smith abc\r\n"]),
        [
            "S: * BYE Nothing may be sent between STARTTLS and TLS",
            "CLOSE sent bytes in clear between STARTTLS and the TLS handshake"
        ]
    );
}

#[test]
fn literals_lines_and_nonsense_are_bounded() {
    assert_eq!(
        talk(&[b"1 LOGIN {99999999999999999999999}\r\n2 NOOP\r\n"]),
        ["S: 1 BAD [TOOBIG] Literal too large", "S: 2 OK NOOP completed"]
    );
    let endless = talk(&[b"1 LOGIN {4097+}\r\n"]);
    assert_eq!(endless, ["S: * BYE [TOOBIG] Literal too large", "CLOSE sent an IMAP command longer than 16384 octets"]);
    let piecemeal = [b"1 LOGIN".to_vec(), b" {4096+}\r\n".to_vec(), vec![b'x'; 4096]].concat();
    let more = [b" {4096+}\r\n".to_vec(), vec![b'x'; 4096]].concat().repeat(4);
    assert_eq!(talk(&[&piecemeal, &more]).last().unwrap(), "CLOSE sent an IMAP command longer than 16384 octets");
    assert_eq!(talk(&[&vec![b'x'; 20_000]]), ["S: * BYE Line too long", "CLOSE sent a line longer than 12288 octets"]);
    assert_eq!(talk(&[&b"x\r\n".repeat(20)]).len(), 10 + 2);
    assert_eq!(talk(&[b"a LOGIN {3+}\r\na\0b abc\r\n"]), ["S: a BAD NUL in a literal"]);
}

fn identity(mechanism: Mechanism) -> UpstreamIdentity {
    UpstreamIdentity {
        mechanism,
        user: "support@example.com".into(),
        token: "t0k3n".into(),
        host: "imap.example.com".into(),
        port: 993,
        ehlo: String::new(),
    }
}

fn done(ready: &ImapReady) -> String {
    String::from_utf8_lossy(&ready.capabilities).into_owned()
}

fn up(mechanism: Mechanism, tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    play_upstream(ImapUpstream::new(identity(mechanism), tls), &whole(flights), &done)
}

fn response(mechanism: Mechanism) -> String {
    String::from_utf8_lossy(sasl::initial_response(&identity(mechanism)).as_bytes()).into_owned()
}

/// outlook.office365.com: no code in the greeting, SASL-IR, no list in the tagged OK.
const MICROSOFT: &[&[u8]] = &[
    b"* OK The Microsoft Exchange IMAP4 service is ready. [QgBOADkAUABSADEANABDAEEAMAAwADIANwAuAG4AYQBtAHAAcgBkADEANAAu]\r\n",
    b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+\r\nG1 OK CAPABILITY completed.\r\n",
    b"G1 OK AUTHENTICATE completed.\r\n",
    b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+\r\nG1 OK CAPABILITY completed.\r\n* 1 EXISTS\r\n",
];

#[test]
fn microsoft_tells_its_capabilities_when_asked() {
    let log = up(Mechanism::Xoauth2, UpstreamTls::Implicit, MICROSOFT);
    let ir = format!("C: G1 AUTHENTICATE XOAUTH2 {}", response(Mechanism::Xoauth2));
    assert_eq!(log[..3], ["C: G1 CAPABILITY", &ir, "C: G1 CAPABILITY"]);
    assert!(log[3].starts_with("DONE IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE"), "{}", log[3]);
    assert_eq!(log[4], "LEFT * 1 EXISTS\r\n");
}

/// Dovecot: capabilities in greeting and tagged OK, STARTTLS first; and no SASL-IR, to walk the two steps.
const STARTTLS: &[&[u8]] = &[
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR STARTTLS AUTH=XOAUTH2] ready.\r\n",
    b"G1 OK Begin TLS negotiation now.\r\n",
    b"* CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER\r\nG1 OK\r\n",
    b"+ \r\n",
    b"* CAPABILITY IMAP4rev1 SPECIAL-USE\r\nG1 OK caf\xc3\xa9\r\n",
];

#[test]
fn what_was_said_before_tls_is_forgotten() {
    let oauthbearer = response(Mechanism::Oauthbearer);
    assert_eq!(
        up(Mechanism::Oauthbearer, UpstreamTls::Starttls, STARTTLS),
        [
            "C: G1 STARTTLS",
            "TLS",
            "C: G1 CAPABILITY",
            "C: G1 AUTHENTICATE OAUTHBEARER",
            &format!("C: {oauthbearer}"),
            "DONE IMAP4rev1 SPECIAL-USE"
        ]
    );
}

/// imap.gmail.com refuses by a challenge, then says so.
const GOOGLE: &[&[u8]] = &[
    b"* OK Gimap ready for requests from 192.0.2.1 x\r\n",
    b"* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER\r\nG1 OK Thats all she wrote! x\r\n",
    b"+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=\r\n",
    b"G1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n",
];

#[test]
fn a_challenge_is_answered_so_that_the_refusal_can_follow() {
    for (mechanism, answer) in [(Mechanism::Xoauth2, "C: "), (Mechanism::Oauthbearer, "C: AQ==")] {
        let log = up(mechanism, UpstreamTls::Implicit, GOOGLE);
        let end =
            [answer, "FAILED the upstream refused the login: [AUTHENTICATIONFAILED] Invalid credentials (Failure)"];
        assert_eq!(log[2..], end);
    }
}

#[test]
fn refusals_outages_and_violations_are_told_apart() {
    let last = |count: usize, last: &'static [u8]| {
        let flights: Vec<&[u8]> = MICROSOFT[..count].iter().copied().chain([last]).collect();
        up(Mechanism::Xoauth2, UpstreamTls::Implicit, &flights).pop().unwrap()
    };
    assert_eq!(
        last(2, b"G1 NO AUTHENTICATE failed.\r\n"),
        "FAILED the upstream refused the login: AUTHENTICATE failed."
    );
    assert!(last(2, b"G1 BAD User is authenticated but not connected.\r\n").starts_with("FAILED the upstream refused"));
    for outage in
        [&b"G1 NO Server Unavailable. 15\r\n"[..], b"G1 NO [UNAVAILABLE] later\r\n", b"* BYE Connection closed. 14\r\n"]
    {
        assert!(last(2, outage).starts_with("FAILED the upstream is unavailable"), "{outage:?}");
    }
    assert_eq!(
        last(0, b"* PREAUTH welcome\r\n"),
        "FAILED the upstream greeted with PREAUTH, which would skip TLS and login"
    );
    assert!(last(0, b"220 ESMTP\r\n").contains("not IMAP"));
    assert!(last(0, b"* OK hi\n").contains("not IMAP"));
    assert!(
        last(1, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nG1 OK done\r\n")
            .contains("does not offer the SASL mechanism XOAUTH2")
    );
    let endless: Vec<u8> = b"* 1 EXISTS and more\r\n".repeat(4000);
    let log = up(Mechanism::Xoauth2, UpstreamTls::Implicit, &[MICROSOFT[0], &endless]);
    assert!(log.last().unwrap().contains("more than 65536 octets"));
    let injected = up(Mechanism::Xoauth2, UpstreamTls::Starttls, &[STARTTLS[0], b"G1 OK go\r\nG1 OK injected\r\n"]);
    assert!(injected.last().unwrap().contains("in clear between STARTTLS"));
    let without = up(Mechanism::Xoauth2, UpstreamTls::Starttls, &[STARTTLS[0], b"G1 BAD unknown\r\n"]);
    assert!(without.last().unwrap().contains("does not offer STARTTLS"));
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_a_downstream_login_is_the_same(before in splits(BEFORE_LOGIN), authenticate in splits(AUTHENTICATE)) {
        for (flights, split) in [(BEFORE_LOGIN, before), (AUTHENTICATE, authenticate)] {
            let played = play_downstream(ImapDownstream::new(offer(false, true)), &split, &verdict);
            prop_assert_eq!(played, down(flights));
        }
    }

    #[test]
    fn any_split_of_a_literal_login_is_the_same(split in splits(&[b"a LOGIN {5+}\r\nsmith {3+}\r\na\nc\r\n"])) {
        let played = play_downstream(ImapDownstream::new(offer(false, true)), &split, &verdict);
        prop_assert_eq!(&played[1..], ["LOGIN smith a\nc", GRANTED, "ACCEPTED"]);
    }

    #[test]
    fn any_split_of_an_upstream_login_is_the_same(microsoft in splits(&MICROSOFT[..3]), starttls in splits(STARTTLS), google in splits(GOOGLE)) {
        for (mechanism, tls, flights, split) in [
            (Mechanism::Xoauth2, UpstreamTls::Implicit, &MICROSOFT[..3], microsoft),
            (Mechanism::Oauthbearer, UpstreamTls::Starttls, STARTTLS, starttls),
            (Mechanism::Xoauth2, UpstreamTls::Implicit, GOOGLE, google),
        ] {
            let played = play_upstream(ImapUpstream::new(identity(mechanism), tls), &split, &done);
            prop_assert_eq!(played, up(mechanism, tls, flights));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = down(&[&bytes]);
        let _ = up(Mechanism::Xoauth2, UpstreamTls::Starttls, &[&bytes]);
    }
}
