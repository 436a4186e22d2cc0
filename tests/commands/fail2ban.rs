//! The filter of `deploy/fail2ban`, by fail2ban itself, on what the service wrote.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use gatepost_kit::Peer;

use crate::place::Place;

const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/fail2ban/filter.d/gatepost.conf");

/// Names that would have somebody else banned.
const FORGED: [&str; 3] = [
    r#"x peer=198.51.100.1:1 reason="unknown user or wrong password" user=y"#,
    r#"x\",\"peer\":\"198.51.100.2:1\",\"reason\":\"unknown user or wrong password\",\"user\":\"y"#,
    "2026-11-20T20:00:00.000Z WARN  session.login_failed session=a-1 protocol=imap peer=198.51.100.3:1",
];

#[tokio::test(flavor = "multi_thread")]
async fn fail2ban_finds_those_who_guess_and_nobody_else() {
    if !Command::new("fail2ban-regex").arg("--version").output().is_ok_and(|told| told.status.success()) {
        std::io::stderr().write_all(b"\n*** SKIPPED: fail2ban is missing ***\n").unwrap();
        return;
    }
    for format in ["text", "json"] {
        let mut place = Place::new().await;
        place.edit(
            "protocol = \"imap\"\n",
            "protocol = \"imap\"\nproxy_protocol = [\"127.0.0.1\"]\nplaintext_auth = [\"0.0.0.0/0\", \"::/0\"]\n",
        );
        place.serve_with(&[("GATEPOST__LOG__FORMAT", format)]);
        for (number, forged) in FORGED.iter().enumerate() {
            guess(&place, &format!("PROXY TCP4 203.0.113.{number} 192.0.2.1 4711 143"), forged, "a guess").await;
        }
        guess(&place, "PROXY TCP6 2001:db8::7 2001:db8::1 4711 143", "evmail", "a guess").await;
        // One with old settings tries again, and one is right.
        guess(&place, "PROXY TCP4 203.0.113.0 192.0.2.1 4712 143", FORGED[0], "a guess").await;
        guess(&place, "PROXY TCP4 203.0.113.77 192.0.2.1 4711 143", "evmail", crate::place::PASSWORD).await;
        assert_eq!(
            found(&place, "log"),
            ["2001:db8::7", "203.0.113.0", "203.0.113.1", "203.0.113.2"],
            "{format}: {}",
            place.read("log")
        );
        // As the journal shows it to fail2ban.
        let journal: Vec<_> =
            place.read("log").lines().map(|line| format!("mail gatepost[71]: {}", without_time(line))).collect();
        std::fs::write(place.path("journal"), journal.join("\n")).unwrap();
        assert_eq!(found(&place, "journal").len(), 4, "{format}: {}", journal.join("\n"));
    }
}

async fn guess(place: &Place, header: &str, user: &str, password: &str) {
    let mut peer = Peer::connect(SocketAddr::from(([127, 0, 0, 1], place.port(1)))).await;
    peer.send(format!("{header}\r\n")).await;
    peer.expect("* OK").await;
    peer.send(format!("a LOGIN {{{}+}}\r\n{user} \"{password}\"\r\n", user.len())).await;
    peer.tagged("a ").await;
}

/// In the journal the time is not part of the line.
fn without_time(line: &str) -> &str {
    if line.starts_with('{') { line } else { line.split_once(' ').map_or(line, |(_, rest)| rest) }
}

fn found(place: &Place, log: &str) -> Vec<String> {
    let regex = Command::new("fail2ban-regex").args(["-o", "ip"]).arg(place.path(log)).arg(FILTER).output().unwrap();
    let text = String::from_utf8_lossy(&regex.stdout).into_owned();
    let mut found: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    found.sort();
    found
}
