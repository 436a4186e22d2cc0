//! Devices that cannot log in, and what they may do without.

use proptest::prelude::*;

use super::*;
use crate::proto::smtp::{Conversation, Recipients, Turn};

fn guest() -> SmtpDownstream {
    SmtpDownstream::new(Offer { anonymous: true, ..offer(false, true) })
}

/// Lets guests in, but for a sender that nobody has, a sick provider's and a hurried one's.
fn door(who: &Credentials) -> Result<SmtpReady, LoginFailure> {
    use secrecy::ExposeSecret as _;
    if !who.user.is_empty() {
        return verdict(who);
    }
    let text = |text| ClientText::new(text);
    match who.password.expose_secret() {
        mail if mail.contains("sick@") => Err(LoginFailure::Unavailable(text("the mail provider cannot be reached"))),
        mail if mail.contains("busy@") => Err(LoginFailure::MailboxBusy(text("too many sessions"))),
        mail if mail.contains("hasty@") => Err(LoginFailure::TooFast(text("too many messages"))),
        mail if mail.contains("disabled@") => Err(LoginFailure::NotAllowed(text("this account is disabled"))),
        _ => Ok(SmtpReady { extensions: Extensions::default() }),
    }
}

fn play(flights: &[&[u8]]) -> Vec<String> {
    play_downstream(guest(), &whole(flights), &door)
}

/// Xerox and Ricoh scanners set to no authentication: EHLO, and MAIL at once; nothing is said before the upstream's reply.
const RICOH: &[&[u8]] = &[b"EHLO ricoh\r\n", b"MAIL FROM:<scan@example.com> SIZE=100\r\n"];

#[test]
fn ricoh_sends_mail_behind_ehlo_and_the_conversation_answers_it() {
    let log = play(RICOH);
    assert_eq!(log[1..9], EHLO);
    let end = [
        "ANONYMOUS MAIL FROM:<scan@example.com> SIZE=100",
        "ACCEPTED",
        "LEFT MAIL FROM:<scan@example.com> SIZE=100\r\n",
    ];
    assert_eq!(log[9..], end);
}

/// UPS cards say HELO or nothing at all, pipeline without having been asked to, and put blanks where none belong.
const UPS: &[&[u8]] = &[b"HELO ups\r\nmail from: <ups@example.com>\r\nRCPT TO: <a@example.com>\r\nDATA\r\n"];
const CONTROLLER: &[&[u8]] = &[b"MAIL FROM:alarm@example.com \r\n"];

#[test]
fn ups_cards_send_all_at_once_or_without_helo_and_nothing_is_lost() {
    let mail = "mail from: <ups@example.com>";
    let left = format!("LEFT {mail}\r\nRCPT TO: <a@example.com>\r\nDATA\r\n");
    assert_eq!(play(UPS)[1..], ["S: 250 mail.example", &format!("ANONYMOUS {mail}"), "ACCEPTED", &left]);
    let mail = "MAIL FROM:alarm@example.com";
    assert_eq!(play(CONTROLLER)[1..], [&format!("ANONYMOUS {mail}"), "ACCEPTED", &format!("LEFT {mail} \r\n")]);
}

/// Law 2, and the client that was refused for now goes on: with a group behind it, another try, and a login.
const REFUSED: &[&[u8]] = &[
    b"MAIL FROM:<sick@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n",
    b"MAIL FROM:<busy@example.com>\r\nMAIL FROM:<hasty@example.com>\r\nMAIL FROM:<disabled@example.com>\r\n",
    b"AUTH PLAIN AHRpbQB3cm9uZw==\r\nMAIL FROM:<sick@example.com>\r\n",
    b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nMAIL FROM:<a@b>\r\n",
];

#[test]
fn what_is_refused_is_the_mail_and_the_client_may_try_again() {
    let log = play(REFUSED);
    let said: Vec<_> = log[1..].iter().filter(|line| !line.starts_with("ANONYMOUS")).map(String::as_str).collect();
    assert_eq!(
        said,
        [
            "S: 451 4.3.0 the mail provider cannot be reached",
            // Not a permanent 503, for those who look at the last reply only.
            "S: 451 4.3.0 the mail provider cannot be reached",
            "S: 451 4.3.0 the mail provider cannot be reached",
            "S: 451 4.3.2 too many sessions",
            "S: 451 4.7.1 too many messages",
            "S: 530 5.7.0 this account is disabled",
            "LOGIN tim wrong",
            "S: 535 5.7.8 Authentication credentials invalid",
            "S: 451 4.3.0 the mail provider cannot be reached",
            "LOGIN tim tanstaaf",
            "S: 235 2.7.0 Authentication successful",
            "ACCEPTED",
            "LEFT MAIL FROM:<a@b>\r\n",
        ]
    );
}

/// A client that does not wait for 354 has sent its message already: its lines are no commands.
#[test]
fn a_message_behind_a_refused_mail_is_not_obeyed() {
    let log =
        play(&[b"MAIL FROM:<sick@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nMAIL FROM:<evil@example.com>\r\n"]);
    assert_eq!(log[log.len() - 2], "S: 451 4.3.0 the mail provider cannot be reached");
    assert!(log[log.len() - 1].starts_with("CLOSE "), "{log:?}");
    assert_eq!(play(&[b"RCPT TO:<a@example.com>\r\n"])[1..], ["S: 503 5.5.1 MAIL comes first"]);
    let again = play(&[b"MAIL FROM:<sick@example.com>\r\nRSET\r\nDATA\r\n"]);
    assert_eq!(again.last().unwrap(), "S: 503 5.5.1 MAIL comes first");
}

#[test]
fn elsewhere_mail_needs_a_login() {
    let log = down(&[b"EHLO ricoh\r\n", b"MAIL FROM:<scan@example.com>\r\nRCPT TO:<a@example.com>\r\n"]);
    assert_eq!(log[9..], ["S: 530 5.7.0 Authentication required", "S: 530 5.7.0 Authentication required"]);
}

#[test]
fn tls_may_come_first() {
    let core = SmtpDownstream::new(Offer { anonymous: true, ..offer(true, false) });
    let log = play_downstream(core, &whole(&[b"STARTTLS\r\n", b"EHLO ricoh\r\n", RICOH[1]]), &door);
    assert_eq!(log[1..3], ["S: 220 2.0.0 Ready to start TLS", "TLS"]);
    assert!(log.contains(&"ACCEPTED".to_owned()), "{log:?}");
}

/// What a conversation does with each line that a client sends at once.
fn converse(lines: &str) -> Vec<String> {
    let recipients = Recipients::new(["*@example.com"]);
    let mut conversation =
        Conversation::new("mail.example".into(), Extensions::default(), 1000).only_to(Some(recipients));
    let (mut input, mut turns) = (Input::new(), Vec::new());
    input.push(lines.as_bytes());
    loop {
        turns.push(match conversation.advance(&mut input) {
            Turn::Read => return turns,
            Turn::Settle => {
                while conversation.due().is_some() {}
                continue;
            }
            Turn::Answer(answer) | Turn::Refuse(answer, _) | Turn::Close(answer, _) => {
                String::from_utf8_lossy(answer.as_bytes()).into_owned()
            }
            Turn::Forward(line, command) => {
                conversation.forwarded(command);
                format!("-> {}", String::from_utf8_lossy(line.as_bytes()))
            }
        });
    }
}

#[test]
fn recipients_that_are_not_listed_are_refused_before_they_go_upstream() {
    let turns = converse(
        "MAIL FROM:<scan@example.com>\r\nRCPT TO:<a@EXAMPLE.com>\r\nRCPT TO:<a@evil.net>\r\nrcpt to:<a%evil.net@example.com>\r\nRCPT TO:<>\r\nRCPT\r\nDATA\r\n",
    );
    let refused = |who: &str| format!("550 5.7.1 {who} is not allowed from here without a login\r\n");
    assert_eq!(
        turns,
        [
            "-> MAIL FROM:<scan@example.com>\r\n",
            "-> RCPT TO:<a@EXAMPLE.com>\r\n",
            &refused("<a@evil.net>"),
            &refused("<a%evil.net@example.com>"),
            &refused("<>"),
            "501 5.1.3 Syntax: RCPT TO:<address>\r\n",
            "-> DATA\r\n",
        ]
    );
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_a_login_without_a_login_is_the_same(ricoh in splits(RICOH), ups in splits(UPS), refused in splits(REFUSED)) {
        for (flights, split) in [(RICOH, ricoh), (UPS, ups), (REFUSED, refused)] {
            let without_rest = |log: Vec<String>| log.into_iter().filter(|line| !line.starts_with("LEFT")).collect::<Vec<_>>();
            prop_assert_eq!(without_rest(play_downstream(guest(), &split, &door)), without_rest(play(flights)));
        }
    }
}
