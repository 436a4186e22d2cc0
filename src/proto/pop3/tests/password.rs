//! Upstreams that are logged in to with a password.

use super::*;

const PASSWORD: &str = "abcd efgh ijkl ";

fn with_password(password: &str) -> UpstreamIdentity {
    UpstreamIdentity { mechanism: Mechanism::Password, token: password.into(), ..identity() }
}

fn play(identity: UpstreamIdentity, tls: UpstreamTls, flights: &[Vec<Vec<u8>>]) -> Vec<String> {
    play_upstream(Pop3Upstream::new(identity, tls), flights, &|Pop3Ready| String::new())
}

fn up(tls: UpstreamTls, flights: &[&[u8]]) -> Vec<String> {
    play(with_password(PASSWORD), tls, &whole(flights))
}

/// pop.gmail.com with an app password.
const GOOGLE: &[&[u8]] = &[
    b"+OK Gpop ready for requests from 192.0.2.1 x\r\n",
    b"+OK Capability list follows\r\nUSER\r\nRESP-CODES\r\nEXPIRE 0\r\nLOGIN-DELAY 300\r\nTOP\r\nUIDL\r\nX-GOOGLE-RICO\r\nSASL PLAIN XOAUTH2 OAUTHBEARER\r\n.\r\n",
    b"+ \r\n",
    b"+OK Welcome.\r\n",
];

#[test]
fn plain_where_capa_offers_it() {
    // \0support@example.com\0abcd efgh ijkl , with its blank at the end.
    let plain = "C: AHN1cHBvcnRAZXhhbXBsZS5jb20AYWJjZCBlZmdoIGlqa2wg";
    assert_eq!(up(UpstreamTls::Implicit, GOOGLE), ["C: CAPA", "C: AUTH PLAIN", plain, "DONE "]);
}

/// outlook.office365.com:110 as it was, and with SASL LOGIN for the sake of it: asked again after STLS only.
const LOGIN: &[&[u8]] = &[
    b"+OK The Microsoft Exchange POP3 service is ready. [TQBOAA==]\r\n",
    b"+OK Begin TLS negotiation\r\n",
    b"+OK\r\nTOP\r\nUIDL\r\nSASL LOGIN XOAUTH2\r\nUSER\r\n.\r\n",
    b"+ VXNlcm5hbWU6\r\n",
    b"+ UGFzc3dvcmQ6\r\n",
    b"+OK User successfully authenticated.\r\n",
];

#[test]
fn sasl_login_where_there_is_no_plain() {
    let (user, password) = ("C: c3VwcG9ydEBleGFtcGxlLmNvbQ==", "C: YWJjZCBlZmdoIGlqa2wg");
    let said = up(UpstreamTls::Starttls, LOGIN);
    assert_eq!(said, ["C: STLS", "TLS", "C: CAPA", "C: AUTH LOGIN", user, password, "DONE "]);
}

/// Dovecot without SASL for passwords, and a server that is older than CAPA.
const USER: &[&[u8]] = &[
    b"+OK Dovecot ready.\r\n",
    b"+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\nUSER\r\nSASL XOAUTH2\r\n.\r\n",
    b"+OK\r\n",
    b"+OK Logged in.\r\n",
];
const OLD: &[&[u8]] = &[USER[0], b"-ERR Unknown command.\r\n", USER[2], USER[3]];

#[test]
fn user_and_pass_where_there_is_no_sasl() {
    for flights in [USER, OLD] {
        let said = up(UpstreamTls::Implicit, flights);
        assert_eq!(said, ["C: CAPA", "C: USER support@example.com", "C: PASS abcd efgh ijkl ", "DONE "]);
    }
}

#[test]
fn what_ends_a_line_is_refused_before_any_of_it_is_said() {
    let failure = |why| format!("FAILED the user name or password for the upstream holds a {why}, so it was not sent");
    for (end, why) in [("\0", "NUL"), ("\r", "line break"), ("\n", "line break")] {
        let password = with_password(&format!("abcd{end}DELE 1"));
        let user = UpstreamIdentity { user: format!("support{end}PASS x"), ..with_password(PASSWORD) };
        for identity in [password, user] {
            for (tls, flights) in [(UpstreamTls::Implicit, OLD), (UpstreamTls::Starttls, LOGIN)] {
                let said = play(identity.clone(), tls, &whole(flights));
                assert_eq!(said.last(), Some(&failure(why)));
                let harmless = ["C: CAPA", "C: STLS", "TLS"];
                assert!(said.iter().rev().skip(1).all(|said| harmless.contains(&said.as_str())), "{said:?}");
            }
        }
    }
}

#[test]
fn refusals_outages_and_violations_are_told_apart() {
    let last = |flights: &[&[u8]], last: &[u8]| up(UpstreamTls::Implicit, &[flights, &[last]].concat());
    let ways = [&GOOGLE[..2], &GOOGLE[..3], &USER[..2], &USER[..3], &OLD[..3]];
    for (refusal, text) in [
        (&b"-ERR [AUTH] Username and password not accepted.\r\n"[..], "[AUTH] Username and password not accepted."),
        (b"-ERR Basic authentication is disabled\r\n", "Basic authentication is disabled"),
        (b"-ERR what: PASS abcd efgh ijkl\r\n", "what: PASS … … …"),
    ] {
        for flights in ways {
            let log = last(flights, refusal);
            assert_eq!(*log.last().unwrap(), format!("FAILED the upstream refused the login: {text}"));
            assert_eq!(log.len(), flights.len() + 1, "not tried again by other means");
        }
    }
    for outage in [&b"-ERR [SYS/TEMP] Temporary authentication failure\r\n"[..], b"-ERR [LOGIN-DELAY] wait\r\n"] {
        for flights in ways.into_iter().chain([&USER[..1]]) {
            assert!(last(flights, outage).pop().unwrap().starts_with("FAILED the upstream is unavailable"));
        }
    }
    for (flights, flight) in [
        (&GOOGLE[..2], &b"+OK too early\r\n"[..]),
        (&GOOGLE[..3], b"+ one more\r\n"),
        (&USER[..2], b"+ \r\n"),
        (&USER[..1], b"+ \r\n"),
    ] {
        assert!(last(flights, flight).pop().unwrap().contains("not POP3"), "{flight:?}");
    }
    let none = "FAILED the upstream does not offer the SASL mechanism PLAIN or LOGIN";
    assert_eq!(last(&USER[..1], b"+OK\r\nTOP\r\nSASL XOAUTH2\r\n.\r\n"), ["C: CAPA", none]);
    let endless = [b"+OK\r\n".to_vec(), b"UIDL and more\r\n".repeat(2000)].concat();
    assert!(last(&USER[..1], &endless).pop().unwrap().contains("more than 16384 octets"));
}

proptest! {
    /// Law 10.
    #[test]
    fn any_split_of_an_upstream_login_is_the_same(
        google in splits(GOOGLE), login in splits(LOGIN), user in splits(USER), old in splits(OLD),
    ) {
        for (tls, flights, split) in [
            (UpstreamTls::Implicit, GOOGLE, google),
            (UpstreamTls::Starttls, LOGIN, login),
            (UpstreamTls::Implicit, USER, user),
            (UpstreamTls::Implicit, OLD, old),
        ] {
            prop_assert_eq!(play(with_password(PASSWORD), tls, &split), up(tls, flights));
        }
    }

    #[test]
    fn no_bytes_make_a_core_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = up(UpstreamTls::Implicit, &[USER[0], &bytes]);
        let _ = up(UpstreamTls::Implicit, &[USER[0], b"+OK\r\n", &bytes]);
    }
}
