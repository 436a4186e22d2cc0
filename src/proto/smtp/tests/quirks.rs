//! What old clients do before login, each by its name.

use base64::Engine as _;

use super::*;
use crate::proto::transcript::{done, in_bare_lf};

const GRANTED: [&str; 3] = ["LOGIN tim tanstaaf", "S: 235 2.7.0 Authentication successful", "ACCEPTED"];
const REFUSED: &str = "S: 535 5.7.8 Authentication credentials invalid";

/// What follows the banner.
fn talk(flights: &[&[u8]]) -> Vec<String> {
    down(flights).split_off(1)
}

/// What follows a greeting in either form.
fn after_hello(flights: &[&[u8]]) -> Vec<String> {
    let talked = talk(flights);
    let end = talked.iter().position(|line| line.starts_with("S: 250 ")).unwrap();
    talked[end + 1..].to_vec()
}

const XEROX: &[&[u8]] = &[b"EHLO WorkCentre\r\n", b"AUTH LOGIN\r\n", b"dGlt\r\n", b"dGFuc3RhYWY=\r\n"];

#[test]
fn xerox_quits_unless_the_prompts_are_exact() {
    let prompts = ["S: 334 VXNlcm5hbWU6", "S: 334 UGFzc3dvcmQ6"];
    assert_eq!(after_hello(XEROX), [&prompts[..], &GRANTED].concat());
}

#[test]
fn vertx_and_haxe_look_for_esmtp_in_the_banner() {
    let banner = down(&[]).remove(0);
    assert!(banner.split(' ').any(|word| word == "ESMTP"), "{banner}");
}

const SWAKS: &[&[u8]] = &[b"HELO ricoh\r\n", b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n"];

#[test]
fn swaks_and_printers_say_helo_and_then_auth() {
    assert_eq!(talk(SWAKS), [&["S: 250 mail.example"][..], &GRANTED].concat());
}

const SQL_SERVER: &[&[u8]] = &[b"EHLO SQL01\r\n", b"AUTH login dGlt\r\n", b"dGFuc3RhYWY=\r\n"];

#[test]
fn dotnet_and_sql_server_send_the_user_with_a_lower_case_mechanism() {
    assert_eq!(after_hello(SQL_SERVER), [&["S: 334 UGFzc3dvcmQ6"][..], &GRANTED].concat());
}

#[test]
fn outlook_express_and_lotus_read_only_the_old_auth_line() {
    assert!(talk(&[b"EHLO x\r\n"]).contains(&"S: 250 AUTH=PLAIN LOGIN".to_owned()));
}

/// Python, PHP and Java probe what they like better; a refused mechanism costs them nothing and they go on.
const PROBES: &[&[u8]] = &[
    b"EHLO app\r\n",
    b"AUTH CRAM-MD5\r\n",
    b"AUTH DIGEST-MD5\r\n",
    b"AUTH NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
    b"AUTH XOAUTH2 dXNlcj10aW0BAQ==\r\n",
    b"AUTH GSSAPI\r\n",
    b"AUTH LOGIN\r\n",
    b"dGlt\r\n",
    b"dGFuc3RhYWY=\r\n",
];

#[test]
fn smtplib_phpmailer_and_javamail_go_on_to_their_next_mechanism() {
    let refused = ["S: 504 5.5.4 Mechanism not offered; use PLAIN or LOGIN"; 5];
    let prompts = ["S: 334 VXNlcm5hbWU6", "S: 334 UGFzc3dvcmQ6"];
    assert_eq!(after_hello(PROBES), [&refused[..], &prompts, &GRANTED].concat());
    // Also a wrong password by one mechanism, and then the right one by another.
    let second = talk(&[b"AUTH PLAIN AHRpbQB3cm9uZw==\r\n", b"AUTH LOGIN dGlt\r\n", b"dGFuc3RhYWY=\r\n"]);
    assert_eq!(second, [&["LOGIN tim wrong", REFUSED, "S: 334 UGFzc3dvcmQ6"][..], &GRANTED].concat());
}

/// `initial_response_ok=False`, RFC 4954's empty challenge with its blank.
const SMTPLIB: &[&[u8]] = &[b"ehlo [127.0.1.1]\r\n", b"AUTH PLAIN\r\n", b"AHRpbQB0YW5zdGFhZg==\r\n"];

#[test]
fn smtplib_waits_for_the_empty_challenge() {
    assert_eq!(after_hello(SMTPLIB), [&["S: 334 "][..], &GRANTED].concat());
}

#[test]
fn an_empty_initial_response_is_an_empty_message() {
    assert_eq!(talk(&[b"AUTH PLAIN =\r\n"]), ["S: 501 5.5.2 Not a PLAIN message"]);
    // A blank behind the mechanism is no response.
    assert_eq!(talk(&[b"AUTH PLAIN \r\n"]), ["S: 334 "]);
}

#[test]
fn mailkit_says_ehlo_again_after_starttls() {
    let core = SmtpDownstream::new(offer(true, false));
    let log = play_downstream(
        core,
        &whole(&[b"EHLO a\r\n", b"STARTTLS\r\n", b"EHLO a\r\nEHLO a\r\n", b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n"]),
        &verdict,
    );
    let tls = log.iter().position(|line| line == "TLS").unwrap();
    assert!(log[..tls].contains(&"S: 250 STARTTLS".into()));
    assert_eq!(log[tls + 1..], [&EHLO[..], &EHLO, &GRANTED].concat());
}

/// All in one packet, before the banner was read: what is behind AUTH is the conversation's.
const ONE_PACKET: &[&[u8]] = &[
    b"EHLO upscard\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
];

#[test]
fn ups_cards_send_everything_at_once() {
    let left = "LEFT MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    assert_eq!(talk(ONE_PACKET), [&EHLO[..], &GRANTED, &[left]].concat());
    let login: &[u8] = b"EHLO x\r\nAUTH LOGIN\r\ndGlt\r\ndGFuc3RhYWY=\r\nMAIL FROM:<a@b>\r\n";
    assert_eq!(talk(&[login]).last().unwrap(), "LEFT MAIL FROM:<a@b>\r\n");
}

#[test]
fn whatever_is_sent_behind_starttls_is_a_violation() {
    for packet in [&b"EHLO x\r\nSTARTTLS\r\nEHLO x\r\n"[..], b"STARTTLS\r\n\r\n", b"starttls\r\n\x16\x03\x01"] {
        let log = play_downstream(SmtpDownstream::new(offer(true, true)), &whole(&[packet]), &verdict);
        assert_eq!(log.last().unwrap(), "CLOSE sent bytes in clear between STARTTLS and the TLS handshake");
        assert!(log[log.len() - 2].starts_with("S: 554 5.5.1 "), "{log:?}");
    }
}

#[test]
fn cisco_and_scanners_greet_by_odd_names() {
    for name in [&b""[..], b" ", b" [10.0.0.7]", b" my_scanner", b" sc\xe4nner", b" a b  c ", b" -", b"\t[IPv6:::1]"] {
        let flight = |verb: &[u8]| [verb, name, b"\r\n"].concat();
        assert_eq!(talk(&[&flight(b"HELO")]), ["S: 250 mail.example"], "{name:?}");
        assert_eq!(talk(&[&flight(b"Ehlo")]), EHLO, "{name:?}");
    }
}

#[test]
fn canon_and_kyocera_leave_blanks_and_padding_as_they_fall() {
    for flights in [
        &[&b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==  \r\n"[..]][..],
        &[b"AUTH  PLAIN\tAHRpbQB0YW5zdGFhZg\r\n"],
        &[b"AUTH PLAIN AHRpbQB0YW5zdGFhZg=\r\n"],
        &[b"AUTH PLAIN \r\n", b" AHRpbQB0YW5zdGFhZg== \r\n"],
        &[b"AUTH LOGIN dGlt \r\n", b"dGFuc3RhYWY \r\n"],
        &[b"auth Login  \r\n", b"dGlt\t\r\n", b"dGFuc3RhYWY= \r\n"],
        &[b"AUTH \"PLAIN\" AHRpbQB0YW5zdGFhZg==\r\n"],
    ] {
        let talked = talk(flights);
        assert_eq!(talked[talked.len() - 3..], GRANTED, "{flights:?}");
    }
    for ambiguous in [&b"AHRpbQB0 YW5zdGFhZg=="[..], b"AHRp=bQB0YW5zdGFhZg==", b"A", b"AHRpbQB0YW5zdGFhZg==="] {
        assert_eq!(talk(&[b"AUTH PLAIN\r\n", &[ambiguous, b"\r\n"].concat()])[1], "S: 501 5.5.2 Not base64");
    }
}

#[test]
fn a_device_without_a_user_name_is_refused_and_may_go_on() {
    let tried = talk(&[b"AUTH LOGIN\r\n", b"\r\n", b"dGFuc3RhYWYx\r\n", b"AUTH LOGIN =\r\n", b"*\r\n"]);
    let expected = [
        "S: 334 VXNlcm5hbWU6",
        "S: 334 UGFzc3dvcmQ6",
        "LOGIN  tanstaaf1",
        REFUSED,
        "S: 334 UGFzc3dvcmQ6",
        "S: 501 5.7.0 Authentication cancelled",
    ];
    assert_eq!(tried, expected);
}

/// A command in the middle of an exchange is a response that is none.
#[test]
fn auth_within_auth_ends_the_exchange() {
    let talked = talk(&[b"AUTH LOGIN\r\n", b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n", b"NOOP\r\n"]);
    assert_eq!(talked, ["S: 334 VXNlcm5hbWU6", "S: 501 5.5.2 Not base64", "S: 250 2.0.0 Ok"]);
}

#[test]
fn monitoring_says_noop_rset_help_and_vrfy_before_login() {
    let talked = talk(&[b"NOOP ping\r\nRSET \r\nHELP auth\r\nvrfy postmaster\r\nNOOP\r\nquit\r\n"]);
    let ok = "S: 250 2.0.0 Ok";
    let required = "S: 530 5.7.0 Authentication required";
    assert_eq!(talked, [ok, ok, "S: 214 2.0.0 See RFC 5321", required, ok, "S: 221 2.0.0 Bye", "CLOSE"]);
}

/// `UTL_SMTP` fails on a reply line of more than 512 octets.
#[test]
fn oracle_reads_no_line_beyond_512_octets() {
    let endless = ClientText::new(&"x".repeat(1000));
    let unavailable = |_: &Credentials| Err(LoginFailure::Unavailable(endless.clone()));
    let offer = Offer { hostname: "h".repeat(255), message_size: u64::MAX, ..offer(true, true) };
    let commands = b"EHLO x\r\nHELO x\r\nHELP\r\nMAIL\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nAUTH NTLM\r\nQUIT\r\n";
    let log = play_downstream(SmtpDownstream::new(offer), &whole(&[commands]), &unavailable);
    assert!(log.len() > 12 && log.iter().all(|line| line.len() - "S: ".len() <= 510), "{log:?}");
}

/// Blat, scanners and shell scripts. Where it is allowed, a bare LF changes nothing; where it is not, no login comes of it.
#[test]
fn scripts_end_their_lines_in_bare_lf() {
    for flights in [XEROX, SQL_SERVER, PROBES, SMTPLIB, ONE_PACKET] {
        let play = |newline| {
            let core = SmtpDownstream::new(Offer { newline, ..offer(false, true) });
            play_downstream(core, &in_bare_lf(flights), &verdict)
        };
        assert_eq!(done(play(Newline::Lenient)), done(down(flights)));
        assert!(!play(Newline::Strict).iter().any(|line| line.starts_with("LOGIN")));
    }
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_is_the_same(
        xerox in splits(XEROX), sql_server in splits(SQL_SERVER), probes in splits(PROBES), smtplib in splits(SMTPLIB),
    ) {
        for (flights, split) in [(XEROX, xerox), (SQL_SERVER, sql_server), (PROBES, probes), (SMTPLIB, smtplib)] {
            let played = play_downstream(SmtpDownstream::new(offer(false, true)), &split, &verdict);
            prop_assert_eq!(played, down(flights));
        }
    }

    /// However a client pads: what decodes is what was meant.
    #[test]
    fn base64_means_the_same_with_and_without_its_padding(message in proptest::collection::vec(any::<u8>(), 0..40)) {
        let padded = base64::engine::general_purpose::STANDARD.encode(&message);
        let bare = padded.trim_end_matches('=');
        for text in [&padded, bare, &format!(" {padded}\t")] {
            let decoded = sasl::decode(text.as_bytes()).unwrap();
            prop_assert_eq!(decoded.as_slice(), &message[..]);
        }
    }
}
