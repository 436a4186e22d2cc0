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

/// Passwords that begin with `tan` open; `later` hits a sick provider.
fn verdict(credentials: &Credentials) -> Result<Pop3Ready, LoginFailure> {
    use secrecy::ExposeSecret as _;
    match credentials.password.expose_secret() {
        "later" => Err(LoginFailure::Unavailable(ClientText::new("try again"))),
        password if password.starts_with("tan") => Ok(Pop3Ready),
        _ => Err(LoginFailure::BadCredentials),
    }
}

fn down(flights: &[&[u8]]) -> Vec<String> {
    play_downstream(Pop3Downstream::new(offer(false, true)), &whole(flights), &verdict)
}

/// RFC 1939's USER and PASS, with blanks in the password, pipelined STAT behind it.
const USER_PASS: &[&[u8]] =
    &[b"USER mrose\r\n", b"PASS wrong\r\n", b"PASS secret\r\n", b"USER mrose\r\n", b"pass tan staaf \r\nSTAT\r\n"];

#[test]
fn user_and_pass() {
    assert_eq!(
        down(USER_PASS),
        [
            "S: +OK Gatepost ready",
            "S: +OK",
            "LOGIN mrose wrong",
            "S: -ERR [AUTH] Authentication failed",
            "S: -ERR USER comes first",
            "S: +OK",
            "LOGIN mrose tan staaf ",
            "S: +OK Logged in",
            "ACCEPTED",
            "LEFT STAT\r\n",
        ]
    );
}

/// Outlook asks with a bare AUTH; RFC 5034's PLAIN in one line and in two.
const AUTH: &[&[u8]] = &[
    b"CAPA\r\nAUTH\r\nSTAT\r\nSTLS\r\nnonsense\r\nNO\rOP\r\nAUTH CRAM-MD5\r\n",
    b"AUTH PLAIN\r\n",
    b"*\r\n",
    b"AUTH PLAIN ***\r\nAUTH PLAIN =\r\nAUTH LOGIN\r\n",
    b"dGlt\r\n",
    b"bGF0ZXI=\r\n",
    b"AUTH plain AHRpbQB0YW5zdGFhZg==\r\n",
];

#[test]
fn auth_in_every_form() {
    assert_eq!(
        down(AUTH)[1..],
        [
            "S: +OK Capability list follows",
            "S: USER",
            "S: SASL PLAIN LOGIN",
            "S: RESP-CODES",
            "S: AUTH-RESP-CODE",
            "S: PIPELINING",
            "S: IMPLEMENTATION Gatepost",
            "S: .",
            "S: +OK Mechanisms follow",
            "S: PLAIN",
            "S: LOGIN",
            "S: .",
            "S: -ERR Log in first, with USER and PASS",
            "S: -ERR STLS is not offered",
            "S: -ERR Command not recognised",
            "S: -ERR Bare CR, bare LF or NUL in a command",
            "S: -ERR Mechanism not offered; use PLAIN or LOGIN",
            "S: + ",
            "S: -ERR Authentication cancelled",
            "S: -ERR Not base64",
            "S: -ERR Not a PLAIN message",
            "S: + VXNlcm5hbWU6",
            "S: + UGFzc3dvcmQ6",
            "LOGIN tim later",
            "S: -ERR [SYS/TEMP] try again",
            "LOGIN tim tanstaaf",
            "S: +OK Logged in",
            "ACCEPTED",
        ]
    );
}

#[test]
fn a_password_needs_tls_and_stls_brings_it() {
    let play = |flights: &[&[u8]]| {
        play_downstream(Pop3Downstream::new(offer(true, false)), &whole(flights), &verdict).split_off(1)
    };
    let required = "S: -ERR [AUTH] A password needs TLS here; use STLS first";
    let log = play(&[b"CAPA\r\n", b"USER tim\r\n", b"AUTH\r\n", b"STLS\r\n", b"USER tim\r\n", b"PASS tan\r\n"]);
    assert!(log.contains(&"S: STLS".into()) && !log.contains(&"S: USER".into()));
    assert_eq!(
        log[7..],
        [required, required, "S: +OK Begin TLS", "TLS", "S: +OK", "LOGIN tim tan", "S: +OK Logged in", "ACCEPTED"]
    );
    assert_eq!(play(&[b"STLS\r\nUSER tim\r\n"])[1], "CLOSE sent bytes in clear between STARTTLS and the TLS handshake");
}

#[test]
fn lines_and_nonsense_are_bounded() {
    assert_eq!(down(&[&[b'x'; 13_000]])[1..], ["S: -ERR Line too long", "CLOSE sent a line longer than 12288 octets"]);
    assert_eq!(down(&[&b"x\r\n".repeat(20)]).len(), 1 + 10 + 2);
    assert_eq!(down(&[b"QUIT\r\nNOOP\r\n"])[1..], ["S: +OK Bye", "CLOSE"]);
}

fn identity() -> UpstreamIdentity {
    UpstreamIdentity {
        mechanism: Mechanism::Xoauth2,
        user: "support@example.com".into(),
        token: "t0k3n".into(),
        host: "pop.example.com".into(),
        port: 995,
        ehlo: String::new(),
    }
}

fn up(tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    play_upstream(Pop3Upstream::new(identity(), tls), &whole(flights), &|Pop3Ready| String::new())
}

/// outlook.office365.com, by STLS.
const MICROSOFT: &[&[u8]] = &[
    b"+OK The Microsoft Exchange POP3 service is ready. [TQBOAA==]\r\n",
    b"+OK Begin TLS negotiation\r\n",
    b"+ \r\n",
    b"+OK User successfully authenticated.\r\n",
];

/// pop.gmail.com refuses by a challenge.
const GOOGLE: &[&[u8]] = &[
    b"+OK Gpop ready for requests from 192.0.2.1 x\r\n",
    b"+ \r\n",
    b"+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=\r\n",
    b"-ERR [AUTH] Invalid credentials.\r\n",
];

#[test]
fn two_lines_and_challenges() {
    let response = format!("C: {}", String::from_utf8_lossy(sasl::initial_response(&identity()).as_bytes()));
    assert_eq!(up(UpstreamTls::Starttls, MICROSOFT), ["C: STLS", "TLS", "C: AUTH XOAUTH2", &response, "DONE "]);
    let refusal = "FAILED the upstream refused the login: [AUTH] Invalid credentials.";
    assert_eq!(up(UpstreamTls::Implicit, GOOGLE), ["C: AUTH XOAUTH2", &response, "C: ", refusal]);
}

#[test]
fn refusals_outages_and_violations_are_told_apart() {
    let last = |count: usize, last: &'static [u8]| {
        let flights: Vec<&[u8]> = GOOGLE[..count].iter().copied().chain([last]).collect();
        up(UpstreamTls::Implicit, &flights).pop().unwrap()
    };
    let unknown = b"-ERR Authentication failure: unknown user name or bad password.\r\n";
    assert!(last(2, unknown).starts_with("FAILED the upstream refused"));
    assert!(last(2, b"-ERR [SYS/TEMP] later\r\n").starts_with("FAILED the upstream is unavailable"));
    assert!(last(2, b"-ERR [IN-USE] mailbox locked\r\n").starts_with("FAILED the upstream is unavailable"));
    assert!(
        last(1, b"-ERR Protocol error. Connection is closed. 10\r\n").contains("does not offer the SASL mechanism")
    );
    assert!(last(0, b"-ERR too many connections\r\n").starts_with("FAILED the upstream is unavailable"));
    assert!(last(0, b"* OK IMAP\r\n").contains("not POP3"));
    let stls = |flight: &'static [u8]| up(UpstreamTls::Starttls, &[MICROSOFT[0], flight]).pop().unwrap();
    assert!(stls(b"-ERR no\r\n").contains("does not offer STARTTLS"));
    assert!(stls(b"+OK go\r\n+OK injected\r\n").contains("in clear between STARTTLS"));
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_a_downstream_login_is_the_same(user in splits(USER_PASS), auth in splits(AUTH)) {
        for (flights, split) in [(USER_PASS, user), (AUTH, auth)] {
            let left = |log: Vec<String>| log.into_iter().filter(|line| !line.starts_with("LEFT")).collect::<Vec<_>>();
            let played = play_downstream(Pop3Downstream::new(offer(false, true)), &split, &verdict);
            prop_assert_eq!(left(played), left(down(flights)));
        }
    }

    #[test]
    fn any_split_of_an_upstream_login_is_the_same(microsoft in splits(MICROSOFT), google in splits(GOOGLE)) {
        for (tls, flights, split) in [(UpstreamTls::Starttls, MICROSOFT, microsoft), (UpstreamTls::Implicit, GOOGLE, google)] {
            let played = play_upstream(Pop3Upstream::new(identity(), tls), &split, &|Pop3Ready| String::new());
            prop_assert_eq!(played, up(tls, flights));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = down(&[&bytes]);
        let _ = up(UpstreamTls::Starttls, &[&bytes]);
    }
}
