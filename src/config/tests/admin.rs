//! The administration address: what would be open to others is refused.

use super::checks::problems;
use super::*;

fn with(lines: &str) -> String {
    format!("{GOOD}\n[admin]\n{lines}\n")
}

const TLS: &str = "[tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";

#[test]
fn beyond_loopback_it_wants_tls_or_a_proxy_that_is_named() {
    for address in ["0.0.0.0:8590", "[::]:8590", "10.0.0.1:8590", "[::ffff:10.0.0.1]:8590"] {
        let told = errors(&with(&format!("address = \"{address}\"")));
        assert!(told.contains("admin.address") || told.contains("address ="), "{told}");
        assert!(told.contains("beyond loopback") && told.contains("tls = true") && told.contains("reverse_proxy"));
    }
    for address in ["127.0.0.1:0", "127.0.0.9:8590", "[::1]:8590", "[::ffff:127.0.0.1]:1"] {
        load(&written(&with(&format!("address = \"{address}\""))), &[]).unwrap();
    }
    let tls = with("address = \"0.0.0.0:8590\"\ntls = true") + TLS;
    assert!(load(&written(&tls), &[]).unwrap().admin.unwrap().tls);
    let proxied =
        "address = \"0.0.0.0:8590\"\nreverse_proxy = \"10.0.0.5\"\npublic_url = \"https://mail.example.com/\"";
    let admin = load(&written(&with(proxied)), &[]).unwrap().admin.unwrap();
    assert_eq!(admin.reverse_proxy, ["10.0.0.5/32".parse().unwrap()]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (lines, problem) in [
        ("tls = true", "admin.tls: TLS needs a certificate"),
        (
            "reverse_proxy = [\"10.0.0.5\"]",
            "admin.reverse_proxy: behind a reverse proxy `public_url` has to begin with https://",
        ),
        (
            "reverse_proxy = [\"10.0.0.5\"]\npublic_url = \"http://mail.example.com/\"",
            "admin.public_url: behind a reverse proxy `public_url` has to begin with https://",
        ),
        (
            "reverse_proxy = [\"0.0.0.0/0\"]\npublic_url = \"https://mail.example.com/\"",
            "admin.reverse_proxy: 0.0.0.0/0 is everybody",
        ),
        ("session_seconds = 5", "admin.session_seconds: found the number 5"),
    ] {
        assert_eq!(problems(&with(lines)), [problem], "{lines}");
    }
    let clear = with("tls = true\npublic_url = \"http://mail.example.com/\"") + TLS;
    assert_eq!(problems(&clear), ["admin.public_url: with `tls = true` it is reached by https alone"]);
}

#[test]
fn where_the_password_stands_is_known() {
    let directory = written(&with("password_hash = \"HASH\""));
    let place = load(&directory, &[]).unwrap().admin.unwrap().password_place.unwrap();
    assert!(place.contains("gatepost.toml:"), "{place}");
    let none = load(&written(&with("")), &[]).unwrap().admin.unwrap();
    assert!(none.password_place.is_none() && none.session_idle.as_secs() == 1800);
}
