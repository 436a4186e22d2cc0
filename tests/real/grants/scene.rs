//! Gatepost with nothing declared in its file but the provider: tokens and accounts are made beside it, as people do.

use std::fmt::Write as _;
use std::ops::Deref;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gatepost::{Gatepost, PASSWORD, foundation, mail_servers};
use crate::mail::relays;
use crate::peers::Peers;
use crate::talk::Talk;

pub(super) struct Scene {
    pub(super) peers: &'static Peers,
    pub(super) gatepost: Gatepost,
}

impl Deref for Scene {
    type Target = Gatepost;

    fn deref(&self) -> &Gatepost {
        &self.gatepost
    }
}

/// Secrets that commands read from files, by name.
const FILES: [(&str, &str); 6] = [
    ("app40.secret", "app-p4ssword\n"),
    ("app.secret", "app-s3cret\n"),
    ("web.secret", "web-s3cret\n"),
    ("confidential.secret", "conf-s3cret\n"),
    ("mailbox.secret", "mailb0x-s3cret\n"),
    ("p12.secret", "p12-s3cret\n"),
];

impl Scene {
    pub(super) fn new(peers: &'static Peers) -> Self {
        Self::with(peers, "")
    }

    /// With more in its configuration.
    pub(super) fn with(peers: &'static Peers, more: &str) -> Self {
        let oauth = format!("https://localhost:{}", peers.port(0));
        let addresses = format!(
            "authorization_url = \"{oauth}/auth\"\ntoken_url = \"{oauth}/token\"\ndevice_url = \"{oauth}/device/auth\""
        );
        let configuration = foundation("none") + &provider(peers, "real", &addresses) + more;
        let gatepost = Gatepost::with(&configuration, &FILES, &[]);
        Self { peers, gatepost }
    }

    /// Declares a token for the mailbox of its name, and an account of that name.
    pub(super) fn declare(&self, name: &str, arguments: &[&str]) {
        self.token(name, arguments);
        self.account(name, &["--token", name]);
    }

    /// Declares a token for the mailbox of its name.
    pub(super) fn token(&self, name: &str, arguments: &[&str]) {
        let mailbox = mailbox(name);
        let common = ["token", "add", name, "--mailbox", &mailbox];
        let provider: &[_] = if arguments.contains(&"--provider") { &[] } else { &["--provider", "real"] };
        self.run(&[&common, provider, arguments].concat(), "");
    }

    /// Declares an account. The service knows it before this returns.
    pub(super) fn account(&self, name: &str, arguments: &[&str]) {
        account(&self.gatepost, name, arguments);
    }

    /// Begins an authorization.
    pub(super) fn authorize<'a>(&'a self, name: &'a str, way: &'a str) -> Talk<'a> {
        Talk::begin(&self.gatepost, &["token", "authorize", name, way])
    }

    /// Has a person authorize the token, by the shortest way.
    pub(super) fn authorized(&self, name: &str) {
        let mut talk = self.authorize(name, "--paste");
        let address = talk.address();
        talk.say(&self.peers.person(&address, &mailbox(name), "accept"));
        talk.succeeds();
    }

    /// Has a command get a new access token. The service, which looks at the store four times a second, has seen it before
    /// this returns.
    pub(super) fn refresh(&self, name: &str) {
        self.run(&["token", "refresh", name], "");
        std::thread::sleep(Duration::from_millis(400));
    }

    /// What `token show` says.
    pub(super) fn shown(&self, name: &str) -> Value {
        serde_json::from_str(&self.run(&["token", "show", name, "--json"], "")).unwrap()
    }

    /// The account of that name sends and reads its own mail.
    pub(super) fn relays(&self, name: &str) {
        relays(&self.gatepost, name, &mailbox(name));
    }

    /// Nothing secret was told.
    pub(super) fn is_discreet(&self) {
        self.gatepost.tells_no_secret(self.peers);
    }
}

pub(super) fn mailbox(name: &str) -> String {
    format!("{name}@example.test")
}

/// A provider of that name whose mail servers are the peers'.
pub(super) fn provider(peers: &Peers, name: &str, addresses: &str) -> String {
    let mut text = format!("[providers.{name}]\n{addresses}\n");
    let ca = peers.directory.join("ca.pem");
    let _ = writeln!(text, "scopes = [\"openid\", \"offline_access\", \"mail\"]\nca = \"{}\"", ca.display());
    text + &mail_servers(peers, false)
}

/// Declares an account; the service knows it before this returns.
pub(super) fn account(gatepost: &Gatepost, name: &str, arguments: &[&str]) {
    let known =
        || gatepost.events("config.declarations_changed").last().map_or(0, |event| event["accounts"].as_u64().unwrap());
    let before = known();
    gatepost.run(&[&["account", "add", name], arguments].concat(), &format!("{PASSWORD}\n"));
    eventually("the service does not know the account", || known() > before);
}

/// Waits until this is so.
pub(super) fn eventually(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert!(Instant::now() < end, "{otherwise}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
