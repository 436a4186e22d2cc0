//! The peers, started once for all tests of this binary, and Gatepost before them.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::OnceLock;

#[path = "../peers/started.rs"]
pub(crate) mod started;

use crate::gatepost::run;
pub(crate) use started::{Peers, say};

/// The peers, or nothing: then the tests are skipped.
pub(crate) fn peers() -> Option<&'static Peers> {
    static PEERS: OnceLock<Option<Peers>> = OnceLock::new();
    let needed = ["dovecot", "imap", "pop3", "lmtp", "postfix", "node", "openssl", "curl", "swaks", "python3"];
    PEERS.get_or_init(|| Peers::unless_skipped("the real-peer tests", &needed)).as_ref()
}

impl Peers {
    /// A person opens an address of the OAuth server, signs in as the mailbox and decides (`accept`, `decline`, `abort`).
    /// Returns where that leads to.
    pub(crate) fn person(&self, url: &str, mailbox: &str, decision: &str) -> String {
        let mut browser = Command::new("tests/peers/browser");
        browser.arg(url).arg(self.directory.join("ca.pem")).args([mailbox, decision]);
        run(&mut browser, "").trim().to_owned()
    }

    /// Token requests of the client of `userN` so far.
    pub(crate) fn token_requests(&self, number: u32) -> u64 {
        self.oauth(&format!("/requests?client={}", client_of(number))).parse().unwrap()
    }

    /// The last lines of each peer's log.
    pub(crate) fn logs(&self) -> String {
        let mut tails = String::new();
        for name in ["oauth", "dovecot", "postfix"] {
            let log = std::fs::read_to_string(self.directory.join("log").join(name).with_extension("log"))
                .unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(20)..].join("\n");
            writeln!(tails, "--- last of the log of {name}\n{tail}").unwrap();
        }
        tails
    }
}

/// The app-only client that may read and send as `userN@example.test`.
pub(crate) fn client_of(number: u32) -> String {
    format!("app-user{number}@example.test")
}
