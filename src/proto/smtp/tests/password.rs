//! Upstreams that are logged in to with a password.

use super::*;

const PASSWORD: &str = "abcd efgh ijkl";

fn with_password(password: &str) -> UpstreamIdentity {
    UpstreamIdentity { token: password.into(), ..identity(Mechanism::Password) }
}

fn play(identity: UpstreamIdentity, tls: UpstreamTls, flights: &[Vec<Vec<u8>>]) -> Vec<String> {
    play_upstream(SmtpUpstream::new(identity, tls), flights, &|_| String::new())
}

fn up(tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    play(with_password(PASSWORD), tls, &whole(flights))
}

/// smtp.office365.com:587, which offers LOGIN and no PLAIN; `AUTH` before TLS is anybody's word.
const EXCHANGE: &[&[u8]] = &[
    b"220 AS4P190CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026 20:00:00 +0000\r\n",
    b"250-AS4P190CA0001.outlook.office365.com Hello [192.0.2.1]\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n",
    b"220 2.0.0 SMTP server ready\r\n",
    b"250-AS4P190CA0001.outlook.office365.com Hello [192.0.2.1]\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH LOGIN XOAUTH2\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n",
    b"334 VXNlcm5hbWU6\r\n",
    b"334 UGFzc3dvcmQ6\r\n",
    b"235 2.7.0 Authentication successful\r\n",
];

#[test]
fn exchange_takes_login_after_tls() {
    assert_eq!(
        up(UpstreamTls::Starttls, EXCHANGE),
        [
            "C: EHLO relay.example",
            "C: STARTTLS",
            "TLS",
            "C: EHLO relay.example",
            "C: AUTH LOGIN",
            "C: c3VwcG9ydEBleGFtcGxlLmNvbQ==",
            "C: YWJjZCBlZmdoIGlqa2w=",
            "DONE "
        ]
    );
    // Prompts are counted, not read.
    let odd = [&EXCHANGE[..4], &[b"334\r\n", b"334 dXNlciBuYW1l\r\n", EXCHANGE[6]]].concat();
    assert_eq!(up(UpstreamTls::Starttls, &odd), up(UpstreamTls::Starttls, EXCHANGE));
}

/// smtp.gmail.com:465 with an app password that was revoked.
const GOOGLE: &[&[u8]] = &[
    b"220 smtp.gmail.com ESMTP x - gsmtp\r\n",
    b"250-smtp.gmail.com at your service\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n",
    b"535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp\r\n",
];

/// `\0support@example.com\0abcd efgh ijkl`
const PLAIN: &str = "AHN1cHBvcnRAZXhhbXBsZS5jb20AYWJjZCBlZmdoIGlqa2w=";

#[test]
fn plain_comes_first_and_its_refusal_is_not_tried_again_with_login() {
    let log = up(UpstreamTls::Implicit, GOOGLE);
    assert_eq!(log[..2], ["C: EHLO relay.example".into(), format!("C: AUTH PLAIN {PLAIN}")]);
    assert!(log[2].starts_with("FAILED the upstream refused the login: 535-5.7.8 Username"), "{}", log[2]);
    assert_eq!(log.len(), 3);
}

/// RFC 4954, 4: a response that does not fit into the line of its command waits for the challenge.
const LONG: &[&[u8]] = &[GOOGLE[0], GOOGLE[1], b"334 \r\n", b"235 2.7.0 Accepted\r\n"];

#[test]
fn plain_takes_two_steps_where_one_is_too_long() {
    let commands = |length: usize| play(with_password(&"x".repeat(length)), UpstreamTls::Implicit, &whole(LONG));
    // 11 octets of command, 496 of base64 and the line break; four more would be 513.
    let fits = commands(372 - 21);
    assert_eq!((fits.len(), fits[1].len()), (3, "C: ".len() + 507));
    assert_eq!(fits[2], "FAILED the upstream sent something that is not SMTP; is this the right host and port?");
    let long = commands(373 - 21);
    assert_eq!(long[1], "C: AUTH PLAIN");
    assert_eq!((long[2].len(), long[3].as_str()), ("C: ".len() + 500, "DONE "));
}

#[test]
fn refusals_outages_and_violations_are_told_apart() {
    let after = |count: usize, last: &[&'static [u8]]| {
        let flights = [&EXCHANGE[..count], last].concat();
        up(UpstreamTls::Starttls, &flights).pop().unwrap()
    };
    for refusal in [
        &b"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\r\n"[..],
        b"535 5.7.3 Authentication unsuccessful [HOST]\r\n",
        b"534 5.7.9 Application-specific password required\r\n",
    ] {
        assert!(after(6, &[refusal]).starts_with("FAILED the upstream refused the login: 53"), "{refusal:?}");
    }
    for outage in [&b"454 4.7.0 Too many login attempts\r\n"[..], b"421 4.4.2 Connection dropped\r\n"] {
        assert!(after(6, &[outage]).starts_with("FAILED the upstream is unavailable"), "{outage:?}");
    }
    assert!(after(5, &[b"235 2.7.0 too early\r\n"]).contains("not SMTP"));
    assert!(after(6, &[b"334 T25lIG1vcmU6\r\n"]).contains("not SMTP"));
    let none = "FAILED the upstream does not offer the SASL mechanism PLAIN or LOGIN";
    assert_eq!(after(3, &[b"250-host\r\n250 AUTH XOAUTH2 CRAM-MD5\r\n"]), none);
    assert_eq!(after(3, &[b"250 host\r\n"]), none);
    assert!(after(1, &[b"250-host\r\n250 AUTH PLAIN LOGIN\r\n"]).contains("does not offer STARTTLS"));
}

#[test]
fn a_nul_is_refused_before_any_of_it_is_said() {
    let failure = "FAILED the user name or password for the upstream holds a NUL, so it was not sent";
    let user = UpstreamIdentity { user: "support\0admin".into(), ..with_password(PASSWORD) };
    for identity in [with_password("abcd\0efgh"), user] {
        assert_eq!(play(identity, UpstreamTls::Implicit, &whole(GOOGLE)), ["C: EHLO relay.example", failure]);
    }
}

/// Law 8: a password is shorter than what is left out for its length.
#[test]
fn a_password_that_is_echoed_is_not_logged() {
    let echo = format!("500 5.5.2 unrecognised: AUTH PLAIN {PLAIN}\r\n");
    let failure = up(UpstreamTls::Implicit, &[GOOGLE[0], GOOGLE[1], echo.as_bytes()]).pop().unwrap();
    assert_eq!(failure, "FAILED the upstream refused the login: 500 5.5.2 unrecognised: AUTH PLAIN …");
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_an_upstream_login_is_the_same(exchange in splits(EXCHANGE), google in splits(GOOGLE), long in splits(LONG)) {
        let long_password = "x".repeat(400);
        for (password, tls, flights, split) in [
            (PASSWORD, UpstreamTls::Starttls, EXCHANGE, exchange),
            (PASSWORD, UpstreamTls::Implicit, GOOGLE, google),
            (&long_password, UpstreamTls::Implicit, LONG, long),
        ] {
            let played = play(with_password(password), tls, &split);
            prop_assert_eq!(played, play(with_password(password), tls, &whole(flights)));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = up(UpstreamTls::Implicit, &[GOOGLE[0], GOOGLE[1], &bytes]);
    }
}
