mod secrets;
mod watching;

use super::step::Step;
use super::tap::{Stage, Tap};
use crate::model::Protocol::{Imap, Pop3, Smtp};

/// `C: …` is what the client says, `S: …` the server. What is shown of it, a line each.
fn shown(mut tap: Tap, talk: &str) -> String {
    let mut all = Vec::new();
    for line in talk.lines() {
        let (who, said) = line.trim_start().split_at(3);
        let said = format!("{}\r\n", said.replace("\\r\\n", "\r\n"));
        let mut steps = Vec::new();
        if who == "C: " {
            tap.client(said.as_bytes(), &mut steps);
        } else {
            tap.server(said.as_bytes(), &mut steps);
        }
        all.extend(steps.iter().map(|step: &Step| format!("{who}{step}")));
    }
    all.join("\n")
}

#[test]
fn imap_shows_commands_and_answers_and_counts_the_rest() {
    let login = "S: * OK [CAPABILITY IMAP4rev1] relay.example ready
        C: a1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
        S: a1 OK done
        C: a2 LOGIN evmail s3cretword
        S: a2 NO [AUTHENTICATIONFAILED] Wrong password
        C: a3 LOGIN {6}
        S: + go on
        C: evmail {10}
        S: + go on
        C: s3cretword
        S: a3 NO [UNAVAILABLE] token 'support' needs to be authorized again
        C: a4 AUTHENTICATE PLAIN
        S: +
        C: AGEAczNjcmV0d29yZA==
        S: a4 OK in";
    let after = "C: b1 SELECT INBOX
        S: * FLAGS (\\Seen)
        S: * 3 EXISTS
        S: b1 OK [READ-WRITE] SELECT done
        C: b2 UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])
        S: * 1 FETCH (UID 7 BODY[] {24}
        S: S3cret: OK\\r\\nb9 NO b2x
        S: )
        S: b2 OK Success
        C: b3 APPEND \"Sent Items\" (\\Seen) {20+}
        C: To: x\\r\\n\\r\\nS3cret!!!!
        S: b3 OK [APPENDUID 1 2] done
        C: b4 SEARCH TEXT \"s3cret words\"
        S: * SEARCH 1
        S: b4 BAD what is s3cret
        C: b5 IDLE
        S: + idling
        C: DONE
        S: * BYE Session expired";
    let login = shown(Tap::new(Imap, Stage::LoginHere), login);
    let after = shown(Tap::new(Imap, Stage::After), after);
    insta::assert_snapshot!(format!("{login}\n--\n{after}"));
}

#[test]
fn smtp_shows_envelopes_and_replies() {
    let login = "S: 220 mail.example ESMTP
        C: EHLO relay.example
        S: 250-mail.example
        S: 250 AUTH XOAUTH2
        C: AUTH XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHMzY3JldAEB
        S: 334 eyJzdGF0dXMiOiI0MDAifQ==
        C: 
        S: 535 5.7.3 Authentication unsuccessful for s3cret
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: s3cret
        S: 235 2.7.0 Accepted";
    let after = "C: MAIL FROM:<support@example.com> SIZE=1234 AUTH=<s3cret> BODY=8BITMIME
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<me@example.com>
        S: 550 5.1.1 No such user
        C: DATA
        S: 354 Go ahead
        S: 250 2.0.0 OK <queued@mail.example>
        C: s3cret words of a confused client
        C: QUIT
        S: 221 2.0.0 Bye";
    let login = shown(Tap::new(Smtp, Stage::LoginThere), login);
    let after = shown(Tap::new(Smtp, Stage::After), after);
    insta::assert_snapshot!(format!("{login}\n--\n{after}"));
}

#[test]
fn pop3_shows_commands_and_counts_answers() {
    let login = "S: +OK relay.example ready
        C: CAPA
        S: +OK
        S: USER
        S: .
        C: USER evmail
        S: +OK
        C: PASS s3cret words
        S: -ERR [AUTH] Wrong password
        C: AUTH PLAIN
        S: +
        C: AGEAczNjcmV0
        S: +OK in";
    let after = "C: STAT
        S: +OK 2 320
        C: LIST 1
        S: +OK 1 120
        C: RETR 1
        S: +OK 120 octets
        S: Subject: s3cret
        S: -ERR s3cret
        S: .
        C: TOP 2 0
        S: -ERR no such message
        C: XYZZY s3cret
        S: +OK s3cret
        C: QUIT
        S: +OK bye";
    let login = shown(Tap::new(Pop3, Stage::LoginHere), login);
    let after = shown(Tap::new(Pop3, Stage::After), after);
    insta::assert_snapshot!(format!("{login}\n--\n{after}"));
}

#[test]
fn within_a_session_only_words_are_shown() {
    let imap = "C: of this s3cret SELECT s3cret
        C: We FETCH s3cret
        S: s3cret OK s3cret
        S: * 3 FETCH s3cret
        S: * BYE s3cret";
    let pop3 = "C: RETR 1
        S: -ERR s3cret
        S: +OK s3cret
        S: +OK s3cret
        C: USER s3cret";
    let (imap, pop3) = (shown(Tap::new(Imap, Stage::Within), imap), shown(Tap::new(Pop3, Stage::Within), pop3));
    insta::assert_snapshot!(format!("{imap}\n--\n{pop3}"));
}

/// A literal that was refused, and sent all the same by a client that does not wait.
#[test]
fn a_refused_literal_that_comes_after_all_shows_nothing_of_itself() {
    let talk = "C: a APPEND Sent {40}
        S: a NO [OVERQUOTA] Full
        C: We FETCH s3cret\\r\\nto SELECT s3cretplace
        C: x
        C: b NOOP
        C: c SELECT INBOX";
    let said = shown(Tap::new(Imap, Stage::After), talk);
    assert!(!said.to_lowercase().contains("s3cret"), "{said}");
    assert!(said.ends_with("C: c SELECT INBOX"), "{said}");
}
