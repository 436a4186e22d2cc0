//! What old clients do before login, each by its name.

use super::*;
use crate::proto::transcript::{done, in_bare_lf};

/// What follows the greeting.
fn talk(flights: &[&[u8]]) -> Vec<String> {
    down(flights).split_off(1)
}

/// Everything behind the one blank is the password.
#[test]
fn eudora_sends_the_password_as_the_rest_of_the_line() {
    for password in ["tan staaf", " tan", "tan ", "  tan  staaf  ", "tan\tstaaf", "tan%s\\\"{3}"] {
        let log = talk(&[b"USER mrose\r\n", format!("PASS {password}\r\n").as_bytes()]);
        assert_eq!(log[1], format!("LOGIN mrose {password}"));
    }
    for empty in [&b"PASS\r\n"[..], b"PASS \r\n"] {
        assert_eq!(talk(&[b"USER mrose\r\n", empty])[1], "LOGIN mrose ");
    }
}

/// c-client takes the list of CAPA for what there is, and waits for an empty challenge to answer.
const PHP_IMAP_OPEN: &[&[u8]] = &[b"CAPA\r\n", b"AUTH PLAIN\r\n", b"AG1yb3NlAHRhbg==\r\n"];

#[test]
fn php_imap_open_asks_capa_and_answers_the_empty_challenge() {
    let log = down(PHP_IMAP_OPEN);
    assert!(log[0].starts_with("S: +OK ") && !log[0].contains('<'), "a timestamp would offer APOP: {}", log[0]);
    assert!(log[1].starts_with("S: +OK "), "{}", log[1]);
    let end = log.iter().position(|line| line == "S: .").unwrap();
    let listed = &log[2..end];
    assert!(listed.contains(&"S: USER".into()) && listed.contains(&"S: SASL PLAIN LOGIN".into()), "{listed:?}");
    assert_eq!(log[end + 1..], ["S: + ", "LOGIN mrose tan", "S: +OK Logged in", "ACCEPTED"]);
}

/// Where a password needs TLS, c-client is told of STLS and of nothing that it would warn about.
#[test]
fn php_imap_open_sees_no_plain_without_tls() {
    let log = play_downstream(Pop3Downstream::new(offer(true, false)), &whole(&[b"CAPA\r\n"]), &verdict);
    assert!(log.contains(&"S: STLS".into()) && !log.iter().any(|line| line.contains("PLAIN") || line.contains("USER")));
}

#[test]
fn outlook_asks_for_mechanisms_by_a_bare_auth() {
    let list = ["S: +OK Mechanisms follow", "S: PLAIN", "S: LOGIN", "S: ."];
    for bare in [&b"AUTH\r\n"[..], b"auth \r\n"] {
        assert_eq!(talk(&[bare]), list);
    }
}

const JAVAMAIL: &[&[u8]] = &[
    b"CAPA\r\n",
    b"AUTH NTLM\r\nAUTH CRAM-MD5\r\n",
    b"AUTH PLAIN AG1yb3NlAHdyb25n\r\n",
    b"AUTH LOGIN\r\n",
    b"bXJvc2U=\r\n",
    b"dGFu\r\n",
];

#[test]
fn javamail_goes_on_to_its_next_mechanism() {
    let not_offered = "S: -ERR Mechanism not offered; use PLAIN or LOGIN";
    let log = talk(JAVAMAIL);
    let end = log.iter().position(|line| line == "S: .").unwrap();
    assert_eq!(
        log[end + 1..],
        [
            not_offered,
            not_offered,
            "LOGIN mrose wrong",
            "S: -ERR [AUTH] Authentication failed",
            "S: + VXNlcm5hbWU6",
            "S: + UGFzc3dvcmQ6",
            "LOGIN mrose tan",
            "S: +OK Logged in",
            "ACCEPTED",
        ]
    );
}

/// A name is the rest of the line, too; the directory does not mind blanks around it.
#[test]
fn lotus_has_blanks_in_its_user_names() {
    let log = talk(&[b"USER Marshall Rose \r\n", b"PASS tan\r\n"]);
    assert_eq!(log[..2], ["S: +OK", "LOGIN Marshall Rose  tan"]);
    assert_eq!(talk(&[b"USER\r\nUSER  \r\n"]), ["S: -ERR Syntax: USER name"; 2]);
}

#[test]
fn a_program_that_says_user_twice_means_the_second() {
    let log = talk(&[b"USER wrong\r\n", b"user mrose\r\n", b"pass tan\r\n"]);
    assert_eq!(log, ["S: +OK", "S: +OK", "LOGIN mrose tan", "S: +OK Logged in", "ACCEPTED"]);
}

/// It would need passwords in clear on our side.
#[test]
fn fetchmail_is_told_that_there_is_no_apop() {
    let digest = b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n";
    assert_eq!(talk(&[digest]), ["S: -ERR APOP is not offered; use USER and PASS"]);
}

const ONE_PACKET: &[&[u8]] = &[b"USER mrose\r\nPASS tan staaf \r\nSTAT\r\nLIST\r\n"];

#[test]
fn biff_sends_stat_with_the_password() {
    let log = talk(ONE_PACKET);
    assert_eq!(log[..2], ["S: +OK", "LOGIN mrose tan staaf "]);
    assert_eq!(log.last().unwrap(), "LEFT STAT\r\nLIST\r\n");
    // After a wrong one they are no commands of a mailbox.
    let wrong = talk(&[b"USER mrose\r\nPASS x\r\nSTAT\r\nQUIT\r\n"]);
    let first = "S: -ERR Log in first, with USER and PASS";
    assert_eq!(wrong[2..], ["S: -ERR [AUTH] Authentication failed", first, "S: +OK Bye", "CLOSE"]);
}

/// Shell scripts over netcat. Where it is allowed, a bare LF changes nothing; where it is not, no login comes of it.
#[test]
fn scripts_end_their_lines_in_bare_lf() {
    for flights in [PHP_IMAP_OPEN, JAVAMAIL, ONE_PACKET] {
        let play = |newline| {
            let core = Pop3Downstream::new(Offer { newline, ..offer(false, true) });
            play_downstream(core, &in_bare_lf(flights), &verdict)
        };
        assert_eq!(done(play(Newline::Lenient)), done(down(flights)));
        assert!(!play(Newline::Strict).iter().any(|line| line.starts_with("LOGIN")));
    }
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_is_the_same(php in splits(PHP_IMAP_OPEN), javamail in splits(JAVAMAIL), packet in splits(ONE_PACKET)) {
        for (flights, split) in [(PHP_IMAP_OPEN, php), (JAVAMAIL, javamail), (ONE_PACKET, packet)] {
            let played = play_downstream(Pop3Downstream::new(offer(false, true)), &split, &verdict);
            prop_assert_eq!(done(played), done(down(flights)));
        }
    }
}
