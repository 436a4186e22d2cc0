//! The way out, and the lowest version of TLS.

use super::checks::problems;
use super::*;
use crate::model::ProxyKind;

const CORP: &str = "[providers.corp]\ntoken_url = \"https://id.example.com/token\"\n";

#[test]
fn everything_goes_through_the_proxy_but_for_what_says_otherwise() {
    let egress = "[egress]\nproxy = \"socks5h://gate.example.com:1080\"\nuser = \"me\"\n\
                  password = { file = \"secrets/support\" }\n";
    let config = load(&written(&format!("{GOOD}{egress}")), &[]).unwrap();
    let proxy = config.tokens[0].provider.egress.toward("outlook.office365.com").unwrap();
    assert_eq!((proxy.to_string().as_str(), proxy.kind), ("socks5://gate.example.com:1080", ProxyKind::Socks5));
    assert!(config.egress.toward("localhost").is_none() && config.egress.toward("127.0.0.1").is_none());
    assert!(!format!("{config:?}").contains("s3cret"));
    let own = |lines: &str| {
        let text = GOOD.replace("\"microsoft\"", "\"corp\"") + CORP;
        let imap = "imap = { host = \"imap.example.com\", port = 993, tls = \"implicit\" }\n";
        let config = load(&written(&format!("{text}{imap}{lines}\n{egress}")), &[]).unwrap();
        config.tokens[0].provider.egress.toward("localhost").map(ToString::to_string)
    };
    assert_eq!(own("proxy = \"http://[::1]:3128/\"").as_deref(), Some("http://[::1]:3128"));
    assert_eq!(own("proxy = \"direct\""), None);
    assert_eq!(own(""), None);
    let direct = format!("{GOOD}{egress}direct = [\".Example.com\", \"Mail\", \"10.0.0.0/8\"]\n");
    let config = load(&written(&direct), &[]).unwrap();
    assert!(["a.example.com", "mail", "10.1.1.1"].iter().all(|host| config.egress.toward(host).is_none()));
    assert!(config.egress.toward("localhost").is_some());
}

#[test]
fn a_proxy_that_cannot_be_is_refused_and_no_password_is_shown() {
    let problem = |lines: &str| problems(&format!("{GOOD}[egress]\n{lines}")).concat();
    assert_eq!(problem("proxy = \"https://gate:443\""), "egress.proxy: found \"https://gate:443\"");
    assert_eq!(problem("proxy = \"gate:1080\""), "egress.proxy: found \"gate:1080\"");
    assert_eq!(problem("proxy = \"socks5://gate\""), "egress.proxy: found \"socks5://gate\"");
    assert_eq!(problem("user = \"a\"\npassword = \"b\""), "egress.proxy: `proxy` is missing");
    assert_eq!(problem("proxy = \"http://gate:1\"\nuser = \"a\""), "egress.password: `password` is missing");
    assert_eq!(problem("proxy = \"http://gate:1\"\nuser = \"a:b\"\npassword = \"c\""), "egress.user: found \"a:b\"");
    assert_eq!(problem("proxy = \"http://gate:1\"\ndirect = [\"a b\"]"), "egress.direct: found \"a b\"");
    let inside = errors(&format!("{GOOD}[egress]\nproxy = \"http://me:pl4nted@gate:1\"\n"));
    assert!(!inside.contains("pl4nted") && inside.contains("keys of their own"), "{inside}");
    let lost = format!("{GOOD}{CORP}proxy_user = \"a\"\nproxy_password = \"b\"\n");
    assert_eq!(problems(&lost), ["providers.corp.proxy_user: this login is for no proxy"]);
}

#[test]
fn the_lowest_version_is_the_tables_unless_a_listener_has_its_own() {
    let text = |tls: &str, listener: &str| {
        let table = format!("[tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n{tls}\n");
        GOOD.replace("address = \"127.0.0.1:1143\"", &format!("address = \"127.0.0.1:1143\"\n{listener}")) + &table
    };
    let minimum = |tls, listener| load(&written(&text(tls, listener)), &[]).unwrap().listeners[0].minimum_tls;
    let implicit = "tls = \"implicit\"";
    assert_eq!(minimum("", implicit), MinimumTls::Tls12);
    assert_eq!(minimum("minimum = \"1.3\"", implicit), MinimumTls::Tls13);
    assert_eq!(minimum("minimum = \"1.3\"", "tls = \"starttls\"\nminimum_tls = \"1.2\""), MinimumTls::Tls12);
    assert_eq!(problems(&text("", "minimum_tls = \"1.3\"")), ["listeners[0].minimum_tls: this listener has no TLS"]);
    for old in ["1.0", "1.1", "TLSv1", "SSLv3"] {
        let errors = errors(&text(&format!("minimum = \"{old}\""), implicit));
        assert!(errors.contains("plaintext_auth") && errors.contains("stunnel"), "{errors}");
    }
    let unknown = errors(&text("minimum = \"1.4\"", implicit));
    assert!(unknown.contains("\"1.2\" or \"1.3\"") && !unknown.contains("stunnel"), "{unknown}");
}
