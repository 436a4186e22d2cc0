//! What a play is given: a service with these settings, the peers, and a browser.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::crowd;
use crate::gatepost::{Gatepost, PASSWORD, PROGRAM, mail_servers, password_hash};
use crate::peers::started::{free, modules};
use crate::peers::{Peers, peers, say};

/// How the service of a play differs from one that nobody has set up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stage<'a> {
    /// Somebody has set it up: the administrator's password is [`PASSWORD`].
    pub(crate) set_up: bool,
    /// More tables of the configuration. In it, OUTSIDE, IMAP and SMTP are the ports of the play's own servers, CA the file of
    /// their authority, and HASH of [`PASSWORD`].
    pub(crate) more: &'a str,
    /// More lines of [admin].
    pub(crate) admin: &'static str,
    /// Its store holds 500 tokens and 2,000 accounts, and what is measured is printed.
    pub(crate) crowd: bool,
    /// The path below which a reverse proxy serves it.
    pub(crate) prefix: &'static str,
}

impl Stage<'_> {
    /// Plays it; panics with what the play said when it fails.
    pub(crate) fn play(self, name: &str) {
        let Some(peers) = playable() else { return };
        let [admin, outside, mail @ .., a, b, c] = free::<7>();
        let gatepost = Gatepost::with(&self.configuration(peers, [admin, outside], mail, [a, b, c]), &[], &[]);
        if self.crowd {
            crowd::fill(gatepost.directory.path());
        }
        let mut node = Command::new("node");
        node.arg(format!("tests/browser/plays/{name}.mjs"));
        node.env("GATEPOST_STAGE", self.told(peers, &gatepost, [admin, outside], mail, name).to_string());
        let output = node.output().unwrap();
        let [said, errors] =
            [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
        if self.crowd {
            say(&said);
        }
        assert!(output.status.success(), "{name}: {}\n{said}\n{errors}", output.status);
        gatepost.tells_none_of([] as [&str; 0]);
    }

    fn told(self, peers: &Peers, gatepost: &Gatepost, [admin, outside]: [u16; 2], mail: [u16; 2], name: &str) -> Value {
        json!({
            "name": name,
            "url": self.public_url(admin, outside),
            "admin": admin,
            "outside": outside,
            "mail": mail,
            "prefix": self.prefix,
            "smtp": gatepost.smtp,
            "imap": gatepost.imap,
            "pop3": gatepost.pop3,
            "password": PASSWORD,
            "program": PROGRAM,
            "directory": gatepost.directory.path(),
            "oauth": format!("https://localhost:{}", peers.port(0)),
            "ask": format!("http://127.0.0.1:{}", peers.port(1)),
            "peers": peers.directory,
            "modules": std::fs::canonicalize(modules()).unwrap(),
            "screenshots": screenshots(),
        })
    }

    fn public_url(self, admin: u16, outside: u16) -> String {
        match self.prefix {
            "" => format!("http://localhost:{admin}/"),
            prefix => format!("https://localhost:{outside}{prefix}/"),
        }
    }

    /// Neither a token nor an account: those are made on the pages.
    fn configuration(self, peers: &Peers, [admin, outside]: [u16; 2], mail: [u16; 2], ports: [u16; 3]) -> String {
        let (oauth, ca) = (peers.port(0), peers.directory.join("ca.pem"));
        let hash = password_hash();
        let more = self.more.replace("OUTSIDE", &outside.to_string()).replace("CA", &ca.display().to_string());
        let more =
            more.replace("IMAP", &mail[0].to_string()).replace("SMTP", &mail[1].to_string()).replace("HASH", &hash);
        let mut text = format!(
            r#"[store]
key = {{ file = "gatepost.key" }}
[log]
format = "json"
level = "debug"
[admin]
address = "127.0.0.1:{admin}"
public_url = "{public_url}"
{more_of_admin}
{password}
[providers.real]
authorization_url = "https://localhost:{oauth}/auth"
token_url = "https://localhost:{oauth}/token"
device_url = "https://localhost:{oauth}/device/auth"
scopes = ["openid", "offline_access", "mail"]
ca = "{ca}"
{servers}
{more}
"#,
            public_url = self.public_url(admin, outside),
            password = if self.set_up { format!("password_hash = \"{hash}\"") } else { String::new() },
            more_of_admin = self.admin,
            ca = ca.display(),
            servers = mail_servers(peers, false),
        );
        for (protocol, port) in ["smtp", "imap", "pop3"].into_iter().zip(ports) {
            let _ = writeln!(text, "[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"");
        }
        text
    }
}

/// The peers, when there is a browser beside them.
fn playable() -> Option<&'static Peers> {
    static MISSING: OnceLock<Option<&str>> = OnceLock::new();
    let peers = peers()?;
    let missing = MISSING.get_or_init(|| {
        let missing = missing();
        if let Some(missing) = missing {
            let reason = format!("there is no {missing}; `tests/run` as root on Debian installs it");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, but {reason}");
            say(&format!("\n*** SKIPPED: the tests in a browser: {reason} ***\n"));
        }
        missing
    });
    missing.is_none().then_some(peers)
}

fn missing() -> Option<&'static str> {
    let module = |name: &str| modules().join("node_modules").join(name).exists();
    [
        ("chromium", Path::new("/usr/bin/chromium").exists()),
        ("playwright-core (npm)", module("playwright-core")),
        ("axe-core (npm)", module("axe-core")),
    ]
    .into_iter()
    .find_map(|(name, exists)| (!exists).then_some(name))
}

/// Where the plays leave their pictures.
fn screenshots() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
