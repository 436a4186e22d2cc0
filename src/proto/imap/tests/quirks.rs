//! What old clients do before login, each by its name.

use super::*;
use crate::proto::transcript::{done, in_bare_lf};

/// A user name or a password as a client may write it: what is sent in one go, and what only after `+`.
struct Written {
    first: Vec<u8>,
    then: Option<Vec<u8>>,
}

fn atom(text: &str) -> Written {
    Written { first: text.into(), then: None }
}

fn quoted(text: &str) -> Written {
    atom(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn literal(text: &str) -> Written {
    Written { first: format!("{{{}}}\r\n", text.len()).into(), then: Some(text.into()) }
}

fn literal_plus(text: &str) -> Written {
    atom(&format!("{{{}+}}\r\n{text}", text.len()))
}

const FORMS: [fn(&str) -> Written; 4] = [atom, quoted, literal, literal_plus];

/// The flights of a LOGIN of this user and password, with so many blanks between arguments, and such an end.
fn login(user: Written, password: Written, blanks: &str, end: &str) -> Vec<Vec<u8>> {
    let mut flights = vec![format!("a LOGIN{blanks}").into_bytes()];
    for (written, behind) in [(user, blanks), (password, end)] {
        flights.last_mut().unwrap().extend(written.first);
        flights.extend(written.then);
        flights.last_mut().unwrap().extend(behind.as_bytes());
    }
    flights.last_mut().unwrap().extend(b"\r\n");
    flights
}

/// Whom and by what password a LOGIN is understood.
fn understood(flights: &[Vec<u8>]) -> Vec<String> {
    let flights: Vec<&[u8]> = flights.iter().map(Vec::as_slice).collect();
    talk(&flights).into_iter().filter(|line| line != "S: + OK").collect()
}

#[test]
fn agileapps_and_others_send_login_with_literals_in_every_combination() {
    for blanks in [" ", "  "] {
        for end in ["", " ", "   "] {
            for (user, password) in FORMS.iter().flat_map(|user| FORMS.map(|password| (user, password))) {
                let flights = login(user("smith@example.com"), password("p%*"), blanks, end);
                let waits = flights.len() - 1;
                let borrowed: Vec<&[u8]> = flights.iter().map(Vec::as_slice).collect();
                let asked = talk(&borrowed).iter().filter(|line| *line == "S: + OK").count();
                assert_eq!(understood(&flights), ["LOGIN smith@example.com p%*", GRANTED, "ACCEPTED"], "{flights:?}");
                assert_eq!(asked, waits, "{flights:?}");
            }
        }
    }
}

#[test]
fn outlook_express_leaves_blanks_behind_its_login() {
    assert_eq!(talk(&[b"a LOGIN smith abc \r\n"])[0], "LOGIN smith abc");
    assert_eq!(talk(&[b"a LOGIN \"smith\"  \"abc\"  \r\n"])[0], "LOGIN smith abc");
}

/// They quote for the blanks and forget the backslash: `\` before anything but `"` and `\` can only mean itself.
#[test]
fn old_scripts_do_not_escape_the_backslash_of_a_domain() {
    assert_eq!(talk(&[b"a LOGIN \"CORP\\smith\" \"abc\"\r\n"])[0], "LOGIN CORP\\smith abc");
    assert_eq!(talk(&[b"a LOGIN CORP\\smith abc\r\n"])[0], "LOGIN CORP\\smith abc");
    assert_eq!(talk(&[b"a LOGIN \"CORP\\\\smith\" \"a\\\"c\"\r\n"])[0], "LOGIN CORP\\smith a\"c");
    assert_eq!(talk(&[b"a LOGIN \"smith\" \"abc\\\"\r\n"]), ["S: a BAD Syntax: LOGIN user password"]);
}

/// Specials that need quotes, and get none.
#[test]
fn nagios_sends_its_password_as_an_atom_whatever_is_in_it() {
    for password in ["%*(", "a\"c", "]\\[", "{1}a", "a{3}", "{}}", "x{9+}", "((\\"] {
        let talked = talk(&[format!("a LOGIN smith {password}\r\n").as_bytes()]);
        assert_eq!(talked[0], format!("LOGIN smith {password}"));
    }
}

#[test]
fn eight_bit_in_quotes_is_utf8_or_latin1() {
    for (octets, meant) in [(&b"caf\xc3\xa9"[..], "café"), (b"caf\xe9", "café"), (b"\xa3\xa4", "£¤")] {
        for (before, behind) in [(&b"\""[..], &b"\""[..]), (b"", b"")] {
            let line = [b"a LOGIN smith ", before, octets, behind, b"\r\n"].concat();
            assert_eq!(talk(&[&line])[0], format!("LOGIN smith {meant}"), "{octets:?}");
        }
    }
}

/// The verdict is the verifier's, which opens nothing to an empty password.
#[test]
fn an_empty_password_is_a_wrong_one_and_not_bad_syntax() {
    for form in [quoted, literal, literal_plus] {
        let denied = ["LOGIN smith ", "S: a NO [AUTHENTICATIONFAILED] Authentication failed"];
        assert_eq!(understood(&login(quoted("smith"), form(""), " ", "")), denied);
    }
    assert_eq!(talk(&[b"a LOGIN smith\r\n"]), ["S: a BAD Syntax: LOGIN user password"]);
    assert_eq!(talk(&[b"a LOGIN smith abc def\r\n"]), ["S: a BAD Syntax: LOGIN user password"]);
}

#[test]
fn scripts_write_login_in_lower_case() {
    assert_eq!(talk(&[b"a login smith abc\r\n"])[0], "LOGIN smith abc");
    assert_eq!(talk(&[b"a Authenticate Plain AHNtaXRoAGFiYw==\r\n"])[0], "LOGIN smith abc");
}

const JAVAMAIL: &[&[u8]] = &[
    b"A0 CAPABILITY\r\n",
    b"A1 AUTHENTICATE XOAUTH2\r\nA2 AUTHENTICATE NTLM\r\n",
    b"A3 AUTHENTICATE PLAIN\r\n",
    b"AHNtaXRoAHdyb25n\r\n",
    b"A4 AUTHENTICATE PLAIN =\r\n",
    b"A5 AUTHENTICATE PLAIN\r\n",
    b"*\r\n",
    b"A6 AUTHENTICATE LOGIN\r\n",
    b"c21pdGg=\r\n",
    b"YWJj\r\n",
];

#[test]
fn javamail_goes_on_to_its_next_mechanism() {
    let not_offered = "NO [CANNOT] Mechanism not offered; use PLAIN or LOGIN";
    assert_eq!(
        talk(JAVAMAIL)[2..],
        [
            &format!("S: A1 {not_offered}"),
            &format!("S: A2 {not_offered}"),
            "S: + ",
            "LOGIN smith wrong",
            "S: A3 NO [AUTHENTICATIONFAILED] Authentication failed",
            "S: A4 BAD Not a PLAIN message",
            "S: + ",
            "S: A5 BAD Authentication cancelled",
            "S: + VXNlcm5hbWU6",
            "S: + UGFzc3dvcmQ6",
            "LOGIN smith abc",
            "S: A6 OK [CAPABILITY IMAP4rev1 IDLE MOVE] Logged in",
            "ACCEPTED",
        ]
    );
}

#[test]
fn k9_and_others_go_by_the_capabilities_of_the_greeting() {
    let greeting = down(&[]).remove(0);
    let list = greeting.strip_prefix("S: * OK [CAPABILITY ").and_then(|rest| rest.split_once(']')).unwrap().0;
    assert!(list.split(' ').all(|word| !word.is_empty()) && list.starts_with("IMAP4rev1 "), "{list}");
    let told = talk(&[b"1 CAPABILITY \r\n"]);
    assert_eq!(told[0], format!("S: * CAPABILITY {list}"));
}

/// Outlook and `MailKit` ask for what a server has before they log in.
const EARLY: &[&[u8]] = &[
    b"1 ID (\"name\" \"Outlook\" \"version\" NIL)\r\n2 NAMESPACE\r\n3 NOOP \r\n4 ENABLE CONDSTORE\r\n5 XLIST \"\" \"*\"\r\n",
    b"6 id nil\r\n7 id ()\r\n8 ID (\"os\" \"x\"  \"vendor\" \"y\")\r\n9 LOGOUT \r\n",
];

#[test]
fn outlook_asks_before_it_logs_in() {
    let told = talk(EARLY);
    let tagged: Vec<_> = told.iter().filter(|line| !line.starts_with("S: *")).map(String::as_str).collect();
    assert_eq!(
        tagged,
        [
            "S: 1 OK ID completed",
            "S: 2 BAD Command not understood",
            "S: 3 OK NOOP completed",
            "S: 4 BAD Log in first",
            "S: 5 BAD Command not understood",
            "S: 6 OK ID completed",
            "S: 7 OK ID completed",
            "S: 8 OK ID completed",
            "S: 9 OK LOGOUT completed",
            "CLOSE",
        ]
    );
}

const ONE_PACKET: &[&[u8]] = &[b"a LOGIN {5+}\r\nsmith {3+}\r\nabc\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\n"];

#[test]
fn fetchers_send_select_with_the_login() {
    let left = "LEFT b SELECT INBOX\r\nc FETCH 1 BODY[]\r\n";
    assert_eq!(talk(ONE_PACKET), ["LOGIN smith abc", GRANTED, "ACCEPTED", left]);
}

#[test]
fn tags_are_whatever_the_client_counts_in() {
    for tag in ["A.001", "$1", "#x", "00000001", "a]b", "tag-1_2", "<x>", "~", "=", "&%"] {
        let reply = talk(&[format!("{tag} NOOP\r\n").as_bytes()]);
        let expected = if tag.contains('%') { "S: * BAD No tag".into() } else { format!("S: {tag} OK NOOP completed") };
        assert_eq!(reply, [expected]);
    }
}

/// `LOGINDISABLED` is told, and kept to: nobody is even asked for a literal.
#[test]
fn alpine_heeds_logindisabled_and_others_are_refused() {
    let play = |flights: &[&[u8]]| play_downstream(ImapDownstream::new(offer(true, false)), &whole(flights), &verdict);
    let log = play(&[b"1 CAPABILITY\r\n2 login smith abc\r\n3 LOGIN {5}\r\n4 authenticate plain AHNtaXRoAGFiYw==\r\n"]);
    assert!(log[0].contains(" LOGINDISABLED]") && !log[0].contains("AUTH="), "{}", log[0]);
    assert!(log[1].ends_with(" LOGINDISABLED"), "{}", log[1]);
    let refused = log.iter().filter(|line| line.contains(" NO [PRIVACYREQUIRED] ")).count();
    assert_eq!((refused, log.iter().any(|line| line.starts_with("LOGIN") || line.contains("S: +"))), (3, false));
}

/// Shell scripts over netcat. Where it is allowed, a bare LF changes nothing; where it is not, no login comes of it.
#[test]
fn scripts_end_their_lines_in_bare_lf() {
    for flights in [JAVAMAIL, EARLY, ONE_PACKET] {
        let play = |newline| {
            let core = ImapDownstream::new(Offer { newline, ..offer(false, true) });
            play_downstream(core, &in_bare_lf(flights), &verdict)
        };
        assert_eq!(done(play(Newline::Lenient)), done(down(flights)));
        assert!(!play(Newline::Strict).iter().any(|line| line.starts_with("LOGIN")));
    }
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_is_the_same(javamail in splits(JAVAMAIL), early in splits(EARLY), packet in splits(ONE_PACKET)) {
        for (flights, split) in [(JAVAMAIL, javamail), (EARLY, early), (ONE_PACKET, packet)] {
            let played = play_downstream(ImapDownstream::new(offer(false, true)), &split, &verdict);
            prop_assert_eq!(done(played), done(down(flights)));
        }
    }

    /// What can be quoted arrives as it was, in all forms that can hold it.
    #[test]
    fn passwords_arrive_as_they_are(password in "[ -~]{1,12}", form in 1_usize..4) {
        let flights = login(atom("smith"), FORMS[form](&password), " ", "");
        prop_assert_eq!(&understood(&flights)[0], &format!("LOGIN smith {password}"));
    }
}
