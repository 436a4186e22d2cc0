use proptest::prelude::*;

use super::*;

/// What servers send after their yes, and what is to be heard of it.
const TRANSCRIPTS: [(&str, Option<(&str, Kind)>); 13] = [
    (
        "* CAPABILITY IMAP4 IMAP4rev1\r\na2 OK CAPABILITY completed.\r\na3 BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14\r\n",
        Some(("a3 BAD User is authenticated but not connected.", Kind::Identity)),
    ),
    (
        "3 NO User is authenticated but not connected.\r\n",
        Some(("3 NO User is authenticated but not connected.", Kind::Identity)),
    ),
    (
        "* BYE Session invalidated - AccessTokenExpired\r\n",
        Some(("* BYE Session invalidated - AccessTokenExpired", Kind::Identity)),
    ),
    ("* BYE Connection closed. 14\r\n", Some(("* BYE Connection closed. 14", Kind::Fault))),
    (
        "* 3 EXISTS\r\n* 0 RECENT\r\nA4 BAD Request is throttled. Suggested Backoff Time: 93784 milliseconds\r\n",
        Some(("A4 BAD Request is throttled. Suggested Backoff Time: 93784 milliseconds", Kind::Throttled)),
    ),
    (
        "* NO [ALERT] Too many simultaneous connections. (Failure)\r\n",
        Some(("* NO [ALERT] Too many simultaneous connections. (Failure)", Kind::Throttled)),
    ),
    ("tag no Server Unavailable. 15\r\n", Some(("tag no Server Unavailable. 15", Kind::Fault))),
    ("+OK 0 0\r\n-ERR Server Unavailable\r\n", Some(("-ERR Server Unavailable", Kind::Fault))),
    // Goodbyes, refusals of a command, and messages that speak of refusals.
    ("* BYE Microsoft Exchange Server IMAP4 server signing off.\r\na3 OK LOGOUT completed.\r\n", None),
    ("a2 NO [NONEXISTENT] The specified folder could not be found.\r\n", None),
    (
        "* 1 FETCH (BODY[] {60}\r\nUser is authenticated but not connected.\r\nRequest is throttled\r\n)\r\na OK done\r\n",
        None,
    ),
    ("* 1 FETCH (ENVELOPE (NIL \"Re: Server Unavailable\" NIL))\r\na OK done\r\n", None),
    ("Subject: Server Unavailable\r\n\r\n\r\n \r\nNO\r\n", None),
];

/// All that is heard, up to the first refusal or the end.
fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut passing = Passing::new();
    pieces.into_iter().map(|piece| passing.hear(piece)).find(|heard| *heard != Heard::Nothing).unwrap_or(Heard::Nothing)
}

fn expected(wanted: Option<(&str, Kind)>) -> Heard {
    wanted.map_or(Heard::Nothing, |(line, kind)| Heard::Refusal { line: line.to_owned(), kind })
}

#[test]
fn refusals_are_heard_however_the_stream_is_cut() {
    for (said, wanted) in TRANSCRIPTS {
        let wanted = expected(wanted);
        assert_eq!(heard(said.as_bytes().chunks(1)), wanted, "{said}");
        for at in 0..=said.len() {
            let (one, two) = said.as_bytes().split_at(at);
            assert_eq!(heard([one, two]), wanted, "{said} cut at {at}");
        }
    }
}

#[test]
fn each_refusal_has_a_cause_and_a_next_step() {
    for (said, _) in TRANSCRIPTS.iter().filter(|(_, wanted)| wanted.is_some()) {
        assert!(mail_refusal(said).is_some(), "{said}");
    }
}

#[test]
fn nobody_listens_for_ever() {
    let filler = format!("* 1 FETCH {}\r\n", "x".repeat(5000));
    let late = "a BAD Request is throttled\r\n";
    assert_eq!(heard([filler.as_bytes(), late.as_bytes()]), Heard::Over);
    // What begins within reach, and stands there, counts although its line ends beyond.
    let short = format!("* {}\r\n", "x".repeat(4096 - 4 - 26));
    assert!(matches!(heard([short.as_bytes(), late.as_bytes()]), Heard::Refusal { .. }));
}

proptest! {
    #[test]
    fn any_octets_in_any_pieces_do_no_harm(octets: Vec<u8>, sizes in proptest::collection::vec(1_usize..50, 1..50)) {
        let whole = heard([&octets[..]]);
        let mut rest = &octets[..];
        let pieces: Vec<_> = sizes.iter().cycle().map_while(|&size| {
            let (piece, left) = rest.split_at(size.min(rest.len()));
            rest = left;
            (!piece.is_empty()).then_some(piece)
        }).collect();
        prop_assert_eq!(heard(pieces), whole);
    }
}
