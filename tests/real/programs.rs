//! Mail programs, unmodified, each sending and reading through Gatepost.

use std::process::Command;

use crate::gatepost::{Gatepost, PASSWORD, Setting, run};
use crate::mail::relays_by;
use crate::peers::{peers, say};

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
        gatepost.heard_of("message.accepted", 6);
        gatepost.heard_of("session.login", 3);
        gatepost.tells_no_secret(peers);
        say(&format!("Python's modules, {tls}: ok\n"));
    }
}

#[test]
fn curl_sends_and_reads() {
    let Some(peers) = peers() else { return };
    for (number, tls) in [(4, "none"), (5, "starttls"), (6, "implicit")] {
        let gatepost = Gatepost::start(peers, Setting { number, tls, ..Setting::default() });
        let mailbox = format!("user{number}@example.test");
        relays_by(&gatepost, "evmail", &mailbox, tls, Some(&peers.directory.join("ca.pem")));
        say(&format!("curl, {tls}: ok\n"));
    }
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
        // Postfix says where it queued them.
        for event in gatepost.heard_of("message.accepted", 2) {
            let (id, reply) = (event["queue_id"].as_str().unwrap(), event["reply"].as_str().unwrap());
            assert!(reply.ends_with(&format!("queued as {id}")), "{reply}");
        }
        let counted =
            |event: &serde_json::Value| event["sent"].as_u64() > Some(0) && event["received"].as_u64() > Some(0);
        assert!(gatepost.heard_of("session.closed", 2).iter().any(counted));
        say(&format!("swaks, {tls}: ok\n"));
    }
}

/// Programs that some machines lack: each that is there has to work, and `tests/run` installs them all.
fn legacy_programs(number: u32, tls: &'static str) {
    let Some(peers) = peers() else { return };
    let gatepost = Gatepost::start(peers, Setting { number, tls, ..Setting::default() });
    let mut legacy = Command::new("tests/peers/legacy");
    legacy.arg(tls).args([gatepost.smtp, gatepost.imap, gatepost.pop3].map(|port| port.to_string()));
    legacy.args(["evmail", PASSWORD, &format!("user{number}@example.test")]).arg(peers.directory.join("ca.pem"));
    say(&run(&mut legacy, ""));
    gatepost.tells_no_secret(peers);
}

#[test]
fn legacy_programs_in_clear() {
    legacy_programs(10, "none");
}

#[test]
fn legacy_programs_by_starttls() {
    legacy_programs(36, "starttls");
}

#[test]
fn legacy_programs_by_implicit_tls() {
    legacy_programs(37, "implicit");
}
