//! An OAuth server and mail servers that nobody here wrote, started once for all tests of this binary.

use std::process::Command;
use std::sync::OnceLock;

#[path = "../peers/started.rs"]
#[allow(dead_code, reason = "the replicas have addresses of loopback of their own, not ports")]
mod started;

pub(crate) use started::Peers;

/// The peers, or nothing: then the tests are skipped.
pub(crate) fn peers() -> Option<&'static Peers> {
    static PEERS: OnceLock<Option<Peers>> = OnceLock::new();
    let needed = ["dovecot", "imap", "lmtp", "postfix", "node", "openssl", "haproxy", "setpriv", "initdb", "python3"];
    let begin = |peers: &Peers| {
        for Life { client, seconds } in [BRIEF, LONG] {
            peers.oauth(&format!("/ttl?client={client}&seconds={seconds}"));
        }
    };
    PEERS.get_or_init(|| Peers::unless_skipped("the tests of several replicas", &needed).inspect(begin)).as_ref()
}

impl Peers {
    /// A list of mailboxes that it tells of.
    pub(crate) fn mailboxes(&self, request: &str) -> Vec<String> {
        serde_json::from_str(&self.oauth(request)).unwrap()
    }

    /// A person opens an address of the OAuth server, signs in as the mailbox and consents. Returns where that leads to.
    pub(crate) fn consents(&self, url: &str, mailbox: &str) -> String {
        let mut browser = Command::new("tests/peers/browser");
        let said = browser.arg(url).arg(self.directory.join("ca.pem")).args([mailbox, "accept"]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }
}

/// A client of the OAuth server, and how long its access tokens live. Every refresh replaces the refresh token, and one that
/// comes a second time ends the grant.
pub(crate) struct Life {
    pub(crate) client: &'static str,
    pub(crate) seconds: u64,
}

/// Refreshed all the time.
pub(crate) const BRIEF: Life = Life { client: "rotating", seconds: 24 };
/// Outlives every test.
pub(crate) const LONG: Life = Life { client: "confidential", seconds: 7200 };
pub(crate) const SECRET: &str = "conf-s3cret";
