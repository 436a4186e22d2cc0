mod anonymous;
mod conversation;
mod password;
mod quirks;

use proptest::prelude::*;

use super::*;
use crate::proto::sasl::{self, Mechanism};
use crate::proto::transcript::{play_downstream, play_upstream, splits, whole};
use crate::proto::*;

fn offer(starttls: bool, passwords: bool) -> Offer {
    let (extensions, newline) = (Extensions::HOPED_FOR, Newline::Strict);
    let hostname = "mail.example".into();
    Offer { hostname, starttls, passwords, message_size: 1000, extensions, newline, anonymous: false }
}

/// A password that opens, and one that hits a sick provider.
fn verdict(credentials: &Credentials) -> Result<SmtpReady, LoginFailure> {
    use secrecy::ExposeSecret as _;
    match credentials.password.expose_secret() {
        "tanstaaf" => Ok(SmtpReady { extensions: Extensions::default() }),
        "later" => Err(LoginFailure::Unavailable(ClientText::new("token 'support' needs to be authorized again"))),
        _ => Err(LoginFailure::BadCredentials),
    }
}

fn down(flights: &[&[u8]]) -> Vec<String> {
    play_downstream(SmtpDownstream::new(offer(false, true)), &whole(flights), &verdict)
}

const EHLO: [&str; 8] = [
    "S: 250-mail.example",
    "S: 250-PIPELINING",
    "S: 250-SIZE 1000",
    "S: 250-8BITMIME",
    "S: 250-SMTPUTF8",
    "S: 250-ENHANCEDSTATUSCODES",
    "S: 250-AUTH PLAIN LOGIN",
    "S: 250 AUTH=PLAIN LOGIN",
];

/// RFC 4954, 4.3's example with an initial response, as curl and `JavaMail` do it.
const PLAIN: &[&[u8]] = &[b"EHLO client.example.com\r\n", b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nMAIL FROM:<a@b>\r\n"];

#[test]
fn plain_with_an_initial_response_leaves_the_read_ahead() {
    let log = down(PLAIN);
    assert_eq!(log[0], "S: 220 mail.example ESMTP Gatepost");
    assert_eq!(log[1..9], EHLO);
    let end = ["LOGIN tim tanstaaf", "S: 235 2.7.0 Authentication successful", "ACCEPTED", "LEFT MAIL FROM:<a@b>\r\n"];
    assert_eq!(log[9..], end);
}

/// Xerox devices want exactly these prompts, printers say HELO; RFC 4954's PLAIN in two steps.
const TWO_STEPS: &[&[u8]] = &[
    b"HELO \r\n",
    b"AUTH LOGIN\r\n",
    b"dGlt\r\n",
    b"d3Jvbmc=\r\n",
    b"AUTH PLAIN\r\n",
    b"*\r\n",
    b"auth plain =\r\n",
    b"auth plain\r\n",
    b"AHRpbQBsYXRlcg==\r\n",
    b"AUTH login dGlt\r\n",
    b"dGFuc3RhYWY\r\n",
];

#[test]
fn login_prompts_cancel_and_the_reply_table() {
    assert_eq!(
        down(TWO_STEPS)[1..],
        [
            "S: 250 mail.example",
            "S: 334 VXNlcm5hbWU6",
            "S: 334 UGFzc3dvcmQ6",
            "LOGIN tim wrong",
            "S: 535 5.7.8 Authentication credentials invalid",
            "S: 334 ",
            "S: 501 5.7.0 Authentication cancelled",
            "S: 501 5.5.2 Not a PLAIN message",
            "S: 334 ",
            "LOGIN tim later",
            "S: 454 4.7.0 token 'support' needs to be authorized again",
            // .NET's SmtpClient: lower case, user name inline; and base64 without its padding.
            "S: 334 UGFzc3dvcmQ6",
            "LOGIN tim tanstaaf",
            "S: 235 2.7.0 Authentication successful",
            "ACCEPTED",
        ]
    );
}

const EARLY_AND_ODD: &[&[u8]] = &[
    b"NOOP\r\nRSET\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\nVRFY x\r\nGET / HTTP/1.1\r\n",
    b"NO\rOP\r\nNOOP\nNOOP\0\r\nAUTH CRAM-MD5\r\nAUTH\r\nAUTH PLAIN !!!\r\nQUIT\r\nNOOP\r\n",
];

#[test]
fn odd_commands_are_answered_in_order() {
    assert_eq!(
        down(EARLY_AND_ODD)[1..],
        [
            "S: 250 2.0.0 Ok",
            "S: 250 2.0.0 Ok",
            "S: 530 5.7.0 Authentication required",
            "S: 502 5.5.1 STARTTLS is not offered",
            "S: 530 5.7.0 Authentication required",
            "S: 500 5.5.1 Command not recognised",
            "S: 500 5.5.2 Bare CR, bare LF or NUL in a command",
            "S: 500 5.5.2 Bare CR, bare LF or NUL in a command",
            "S: 500 5.5.2 Bare CR, bare LF or NUL in a command",
            "S: 504 5.5.4 Mechanism not offered; use PLAIN or LOGIN",
            "S: 501 5.5.4 Syntax: AUTH mechanism [initial-response]",
            "S: 501 5.5.2 Not base64",
            "S: 221 2.0.0 Bye",
            "CLOSE",
        ]
    );
}

#[test]
fn a_password_needs_tls_and_starttls_brings_it() {
    let core = || SmtpDownstream::new(offer(true, false));
    let flights: &[&[u8]] = &[
        b"EHLO x\r\n",
        b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nSTARTTLS\r\n",
        PLAIN[0],
        b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n",
    ];
    let log = play_downstream(core(), &whole(flights), &verdict);
    assert!(log.contains(&"S: 250 STARTTLS".to_owned()) && log[..8].iter().all(|line| !line.contains("AUTH")));
    let at = log.iter().position(|line| line.starts_with("S: 538 5.7.11")).unwrap();
    assert_eq!(log[at + 1..at + 3], ["S: 220 2.0.0 Ready to start TLS", "TLS"]);
    assert!(log.contains(&"S: 250-AUTH PLAIN LOGIN".to_owned()));
    assert_eq!(log.last().unwrap(), "ACCEPTED");

    let injected = play_downstream(core(), &whole(&[b"STARTTLS\r\nNOOP\r\n"]), &verdict);
    assert_eq!(injected.last().unwrap(), "CLOSE sent bytes in clear between STARTTLS and the TLS handshake");
    assert!(!injected.contains(&"TLS".to_owned()));
}

#[test]
fn endless_lines_and_endless_nonsense_end() {
    let long = [b"AUTH PLAIN ".to_vec(), vec![b'A'; 13_000]].concat();
    assert_eq!(down(&[&long])[1..], ["S: 500 5.5.6 Line too long", "CLOSE sent a line longer than 12288 octets"]);
    let nonsense = down(&[&b"x\r\n".repeat(20)]);
    assert_eq!(nonsense.len(), 1 + 10 + 2);
    assert_eq!(nonsense.last().unwrap(), "CLOSE sent 11 commands that are not SMTP");
}

fn identity(mechanism: Mechanism) -> UpstreamIdentity {
    UpstreamIdentity {
        mechanism,
        user: "support@example.com".into(),
        token: "an-opaque-token-of-the-usual-forty-three-chars".into(),
        host: "smtp.example.com".into(),
        port: 587,
        ehlo: "relay.example".into(),
    }
}

fn up(tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    let done = |ready: &SmtpReady| {
        format!("{:?} {}", ready.extensions.size, ready.extensions.flags & smtp_proto::EXT_SMTP_UTF8 != 0)
    };
    play_upstream(SmtpUpstream::new(identity(Mechanism::Xoauth2), tls), &whole(flights), &done)
}

fn response() -> String {
    format!("C: {}", String::from_utf8_lossy(sasl::initial_response(&identity(Mechanism::Xoauth2)).as_bytes()))
}

/// smtp.office365.com:587, before and after TLS.
const MICROSOFT: &[&[u8]] = &[
    b"220 AS4P190CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026 20:00:00 +0000\r\n",
    b"250-AS4P190CA0001.outlook.office365.com Hello [192.0.2.1]\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n",
    b"220 2.0.0 SMTP server ready\r\n",
    b"250-AS4P190CA0001.outlook.office365.com Hello [192.0.2.1]\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH LOGIN XOAUTH2\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n",
    b"334 \r\n",
    b"235 2.7.0 Authentication successful\r\n",
];

#[test]
fn microsoft_by_starttls() {
    // The step after TLS needs no bytes, so it shows up together with the next flight.
    assert_eq!(
        up(UpstreamTls::Starttls, MICROSOFT),
        [
            "C: EHLO relay.example",
            "C: STARTTLS",
            "TLS",
            "C: EHLO relay.example",
            "C: AUTH XOAUTH2",
            &response(),
            "DONE Some(157286400) true"
        ]
    );
}

/// Google refuses by a challenge, and hangs unless it is answered by an empty line.
const GOOGLE: &[&[u8]] = &[
    b"220 smtp.gmail.com ESMTP x - gsmtp\r\n",
    b"250-smtp.gmail.com at your service\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n",
    b"334 \r\n",
    b"334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n",
    b"535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp\r\n",
];

#[test]
fn google_refuses_by_a_challenge() {
    let log = up(UpstreamTls::Implicit, GOOGLE);
    assert_eq!(log[..4], ["C: EHLO relay.example", "C: AUTH XOAUTH2", &response(), "C: "]);
    assert!(log[4].starts_with("FAILED the upstream refused the login: 535-5.7.8 Username"), "{}", log[4]);
}

#[test]
fn refusals_and_outages_are_told_apart() {
    let upto = |count: usize, last: &'static [u8]| {
        let flights: Vec<&[u8]> = MICROSOFT[..count].iter().copied().chain([last]).collect();
        up(UpstreamTls::Starttls, &flights).pop().unwrap()
    };
    let disabled =
        b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.\r\n";
    assert!(upto(5, disabled).starts_with("FAILED the upstream refused"));
    assert!(upto(5, b"535 5.7.3 Authentication unsuccessful [HOST]\r\n").starts_with("FAILED the upstream refused"));
    assert!(
        upto(5, b"454 4.7.0 Temporary authentication failure\r\n").starts_with("FAILED the upstream is unavailable")
    );
    assert!(upto(0, b"421 4.3.2 Service not available\r\n").starts_with("FAILED the upstream is unavailable"));
    assert!(upto(0, b"* OK IMAP4rev1\r\n").contains("not SMTP"));
    assert!(
        upto(2, b"454 4.7.0 TLS not available due to local problem\r\n")
            .starts_with("FAILED the upstream is unavailable")
    );
    assert!(upto(2, b"220 2.0.0 Go ahead\r\n250 injected\r\n").contains("in clear between STARTTLS"));
    assert!(upto(1, b"250-host\r\n250 SIZE 1\r\n").contains("does not offer STARTTLS"));
    assert!(upto(3, b"250-host\r\n250 AUTH PLAIN LOGIN\r\n").contains("does not offer the SASL mechanism XOAUTH2"));
}

/// Law 8: a server that repeats what it did not understand repeats the token.
#[test]
fn a_token_that_is_echoed_is_not_logged() {
    let echo = format!("500 5.5.2 unrecognised: {}\r\n", response().trim_start_matches("C: "));
    let flights: Vec<&[u8]> = MICROSOFT[..5].iter().copied().chain([echo.as_bytes()]).collect();
    let failure = up(UpstreamTls::Starttls, &flights).pop().unwrap();
    assert_eq!(failure, "FAILED the upstream refused the login: 500 5.5.2 unrecognised: …");
}

#[test]
fn replies_are_kept_word_for_word_and_bounded() {
    let read = |bytes: &[u8]| {
        let mut input = Input::new();
        input.push(bytes);
        Reply::read(&mut input)
    };
    let raw = b"550-5.1.1 no such\r\n550 5.1.1 user \xe9\r\n";
    let reply = read(raw).unwrap().unwrap();
    assert_eq!((reply.code(), reply.raw()), (550, &raw[..]));
    assert_eq!(read(b"250-a\r\n25"), Ok(None));
    for wrong in [&b"250-a\r\n251 b\r\n"[..], b"25x a\r\n", b"250_a\r\n", b"\r\n"] {
        assert_eq!(read(wrong), Err(Violation::NotTheProtocol { protocol: "SMTP" }), "{wrong:?}");
    }
    let mended = read(b"250-a\n250 b\rc\0\n").unwrap().unwrap();
    assert_eq!(mended.raw(), b"250-a\r\n250 b?c?\r\n");
    assert!(read(&[b'2'; 4000]).is_err());
    assert!(read(&b"250-aaaaaaaaaaaaaaaaaaaa\r\n".repeat(1000)).is_err());
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_a_downstream_login_is_the_same(plain in splits(PLAIN), two in splits(TWO_STEPS), odd in splits(EARLY_AND_ODD)) {
        for (flights, split) in [(PLAIN, plain), (TWO_STEPS, two), (EARLY_AND_ODD, odd)] {
            let played = play_downstream(SmtpDownstream::new(offer(false, true)), &split, &verdict);
            let left = |log: &[String]| log.iter().filter(|line| !line.starts_with("LEFT")).cloned().collect::<Vec<_>>();
            prop_assert_eq!(left(&played), left(&down(flights)));
        }
    }

    #[test]
    fn any_split_of_an_upstream_login_is_the_same(microsoft in splits(MICROSOFT), google in splits(GOOGLE)) {
        let done = |ready: &SmtpReady| format!("{:?} {}", ready.extensions.size, ready.extensions.flags & smtp_proto::EXT_SMTP_UTF8 != 0);
        for (tls, flights, split) in [(UpstreamTls::Starttls, MICROSOFT, microsoft), (UpstreamTls::Implicit, GOOGLE, google)] {
            let played = play_upstream(SmtpUpstream::new(identity(Mechanism::Xoauth2), tls), &split, &done);
            prop_assert_eq!(played, up(tls, flights));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = down(&[&bytes]);
        let _ = up(UpstreamTls::Starttls, &[&bytes]);
    }
}
