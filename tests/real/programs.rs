//! Mail programs, unmodified, each sending and reading through Gatepost.

use std::path::PathBuf;
use std::process::Command;

use crate::peers::{Gatepost, PASSWORD, Setting, peers, run, say};

/// Python's modules in every kind of TLS, over both mechanisms and both kinds of TLS upstream.
#[test]
fn python_reads_back_what_it_sent_byte_for_byte() {
    let Some(peers) = peers() else { return };
    let ways = [(1, "xoauth2", false, "none"), (2, "oauthbearer", true, "starttls"), (3, "xoauth2", true, "implicit")];
    for (number, sasl, starttls_upstream, tls) in ways {
        let gatepost = Gatepost::start(peers, Setting { number, sasl, starttls_upstream, tls, ..Setting::default() });
        let ports = [gatepost.smtp, gatepost.imap, gatepost.pop3].map(|port| port.to_string());
        let mailbox = format!("user{number}@example.test");
        let mut python = Command::new("python3");
        python.arg("tests/peers/roundtrip.py").arg(tls).args(ports).args(["evmail", PASSWORD, &mailbox]);
        run(python.arg(peers.directory.join("ca.pem")), "");
        assert_eq!(gatepost.events("message.accepted").len(), 6);
        assert_eq!(gatepost.events("session.login").len(), 3);
        gatepost.log_holds_no_secret(peers);
    }
}

/// A message that does not end its last line, and the file it is in; the mark finds it again.
fn message(directory: &tempfile::TempDir, mailbox: &str, mark: &str) -> (PathBuf, String) {
    let content = format!(
        "From: {mailbox}\r\nTo: {mailbox}\r\nSubject: {mark}\r\nDate: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <{mark}@example.test>\r\n\r\n.leading dot\r\n{mark} end"
    );
    let file = directory.path().join(mark);
    std::fs::write(&file, &content).unwrap();
    (file, content)
}

#[test]
fn curl_sends_and_reads() {
    let Some(peers) = peers() else { return };
    for (number, tls) in [(4, "none"), (5, "starttls"), (6, "implicit")] {
        let gatepost = Gatepost::start(peers, Setting { number, tls, ..Setting::default() });
        let mailbox = format!("user{number}@example.test");
        let (file, content) = message(&gatepost.directory, &mailbox, "curl-mark");
        let s = if tls == "implicit" { "s" } else { "" };
        let curl = |url: String| {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "-m", "60", "-u", &format!("evmail:{PASSWORD}")]).arg(url);
            curl.arg("--cacert").arg(peers.directory.join("ca.pem"));
            if tls == "starttls" {
                curl.arg("--ssl-reqd");
            }
            curl
        };
        let mut sending = curl(format!("smtp{s}://localhost:{}", gatepost.smtp));
        run(sending.args(["--mail-from", &mailbox, "--mail-rcpt", &mailbox, "-T"]).arg(&file), "");
        await_delivery(&mut || {
            run(&mut curl(format!("imap{s}://localhost:{}/INBOX?SUBJECT%20curl-mark", gatepost.imap)), "")
        });
        let content = content + "\r\n"; // no line can be sent without its end
        let fetched = run(&mut curl(format!("imap{s}://localhost:{}/INBOX;MAILINDEX=1", gatepost.imap)), "");
        assert!(fetched.ends_with(&content), "{fetched}");
        let fetched = run(&mut curl(format!("pop3{s}://localhost:{}/1", gatepost.pop3)), "");
        assert!(fetched.ends_with(&content), "{fetched}");
    }
}

/// Waits until a search finds a message.
fn await_delivery(search: &mut dyn FnMut() -> String) {
    for _ in 0..300 {
        if search().contains("SEARCH 1") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("not delivered");
}

#[test]
fn swaks_logs_in_by_every_mechanism_and_tls() {
    let Some(peers) = peers() else { return };
    for (number, tls, flag) in [(7, "none", None), (8, "starttls", Some("-tls")), (9, "implicit", Some("-tlsc"))] {
        let gatepost = Gatepost::start(peers, Setting { number, tls, ..Setting::default() });
        let mailbox = format!("user{number}@example.test");
        for mechanism in ["PLAIN", "LOGIN"] {
            let mut swaks = Command::new("swaks");
            swaks.args(["--server", &format!("localhost:{}", gatepost.smtp), "--from", &mailbox, "--to", &mailbox]);
            swaks.args(["--auth", mechanism, "--auth-user", "evmail", "--auth-password", PASSWORD, "--pipeline"]);
            run(swaks.args(flag), "");
        }
        assert_eq!(gatepost.events("message.accepted").len(), 2);
    }
}

/// Programs that some machines lack: each that is there has to work, and `tests/run` installs them all.
#[test]
fn legacy_programs() {
    let Some(peers) = peers() else { return };
    let gatepost = Gatepost::start(peers, Setting { number: 10, ..Setting::default() });
    let mut legacy = Command::new("tests/peers/legacy");
    legacy.args([gatepost.smtp, gatepost.imap, gatepost.pop3].map(|port| port.to_string()));
    say(&run(legacy.args(["evmail", PASSWORD, "user10@example.test"]), ""));
}
