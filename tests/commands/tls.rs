//! `gatepost tls …`

use std::path::Path;
use std::process::Command;

use super::*;

fn create(directory: &Path, names: &[&str]) -> (Option<i32>, String, String) {
    let directory = directory.display().to_string();
    run(&[&["tls", "create", "--out", &directory][..], names].concat())
}

#[test]
fn a_pair_is_made_for_what_was_asked_and_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = create(directory.path(), &["mail.example.com", "192.0.2.7"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let mut masked: Vec<_> = stdout.lines().map(|line| line.split_once(": ").map_or(line, |(head, _)| head)).collect();
    masked.retain(|line| !line.contains(".pem"));
    assert!(masked.contains(&"SHA-256 fingerprint") && masked.contains(&"[tls]"), "{stdout}");
    let key = directory.path().join("key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    let (code, _, stderr) = create(directory.path(), &["mail.example.com"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cert.pem is there already and is not overwritten"), "{stderr}");
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn openssl_trusts_it_by_each_of_its_names_and_as_a_server_alone() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (code, stdout, _) = create(directory.path(), &["mail.example.com", "192.0.2.7", "--days", "30"]);
    assert_eq!(code, Some(0));
    let certificate = directory.path().join("cert.pem").display().to_string();
    let verify = |more: &[&str]| {
        let arguments = [&["verify", "-x509_strict", "-CAfile", &certificate][..], more, &[&certificate]].concat();
        Command::new("openssl").args(arguments).output().unwrap().status.success()
    };
    assert!(verify(&["-purpose", "sslserver", "-verify_hostname", "mail.example.com"]));
    assert!(verify(&["-purpose", "sslserver", "-verify_ip", "192.0.2.7"]));
    assert!(!verify(&["-verify_hostname", "other.example.com"]) && !verify(&["-purpose", "sslclient"]));
    let arguments = ["x509", "-noout", "-fingerprint", "-sha256", "-in", &certificate];
    let shown = Command::new("openssl").args(arguments).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let fingerprint = shown.trim().split_once('=').unwrap().1;
    assert!(stdout.contains(fingerprint), "{shown}{stdout}");
}

#[test]
fn what_it_cannot_make_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, stderr) = create(directory.path(), &["mail example"]);
    assert!(code == Some(1) && stderr.contains("\"mail example\" is no host name or address"), "{stderr}");
    let below = directory.path().join("new/tls");
    assert_eq!(create(&below, &["localhost"]).0, Some(0));
    let (code, _, stderr) = create(&below.join("cert.pem"), &["localhost"]);
    assert!(code == Some(1) && stderr.contains("cannot make the directory"), "{stderr}");
    assert_eq!(run(&["tls", "create"]).0, Some(64));
    assert_eq!(run(&["tls", "create", "--days", "0", "localhost"]).0, Some(64));
}

/// `config check` says what the start would say.
#[test]
fn a_pair_that_does_not_fit_is_an_error_of_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
    for place in [&one, &other] {
        std::fs::create_dir(place).unwrap();
        assert_eq!(create(place, &["localhost"]).0, Some(0));
    }
    let (certificate, file) = (one.join("cert.pem"), directory.path().join("gatepost.toml"));
    let check = |certificate: &Path, key: &Path| {
        let text = format!(
            "[store]\nkey = \"gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\n"
        );
        std::fs::write(&file, text).unwrap();
        ["check", "serve"].map(|command| {
            let command = if command == "check" { &["config", "check"][..] } else { &["serve"] };
            run(&[command, &["--config", file.to_str().unwrap()]].concat())
        })
    };
    for (code, _, stderr) in check(&certificate, &other.join("key.pem")) {
        assert_eq!(code, Some(78), "{stderr}");
        assert!(stderr.contains("[tls]: certificate ") && stderr.contains("name the key that"), "{stderr}");
    }
    std::fs::write(other.join("cert.pem"), "nothing\n").unwrap();
    for (code, _, stderr) in check(&other.join("cert.pem"), &one.join("key.pem")) {
        assert_eq!(code, Some(78), "{stderr}");
        assert!(stderr.contains("[tls]: cannot use ") && stderr.contains("no certificate in it"), "{stderr}");
    }
}
