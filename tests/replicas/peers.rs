//! An OAuth server and mail servers that nobody here wrote, started once for all tests of this binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use gatepost_kit::Authority;

/// The running peers. Their script ends them when this process ends, for then its standard input closes.
pub(crate) struct Peers {
    pub(crate) directory: PathBuf,
    first_port: u16,
    _script: Child,
}

/// The peers, or the reason to skip.
pub(crate) fn peers() -> Option<&'static Peers> {
    static PEERS: OnceLock<Option<Peers>> = OnceLock::new();
    PEERS
        .get_or_init(|| match reason_to_skip() {
            None => Some(Peers::start()),
            Some(reason) => {
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, but {reason}");
                let told = format!("\n*** SKIPPED: the tests of several replicas: {reason} ***\n");
                std::io::stderr().write_all(told.as_bytes()).unwrap();
                None
            }
        })
        .as_ref()
}

fn reason_to_skip() -> Option<String> {
    if modules().as_os_str() == "none" {
        return Some("not wanted (--fast)".to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/lib/dovecot:/usr/lib/postgresql/15/bin";
    let exists = |program: &str| path.split(':').any(|directory| Path::new(directory).join(program).exists());
    let needed = ["dovecot", "imap", "lmtp", "postfix", "node", "openssl", "haproxy", "setpriv", "initdb", "python3"];
    let program = needed.into_iter().find(|program| !exists(program));
    program
        .or_else(|| (!modules().join("node_modules/oidc-provider").exists()).then_some("oidc-provider (npm)"))
        .map(|missing| format!("there is no {missing}; `tests/run` as root on Debian installs it"))
        .or_else(|| (!is_root()).then(|| "Postfix and Dovecot have to be started as root".to_owned()))
}

/// Where `tests/run` puts the modules of Node.js; `none` for a run without peers.
fn modules() -> PathBuf {
    std::env::var_os("GATEPOST_PEERS").map_or_else(|| PathBuf::from("target/peers"), PathBuf::from)
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

impl Peers {
    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("gatepost-peers-").tempdir().unwrap().keep();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        let authority = Authority::new(&["localhost", "127.0.0.1"]);
        for (name, content) in [
            ("ca.pem", authority.ca_pem()),
            ("cert.pem", authority.certificate_pem()),
            ("key.pem", authority.key_pem()),
        ] {
            std::fs::write(directory.join(name), content).unwrap();
        }
        let first_port = free_ports();
        let mut script = Command::new("tests/peers/up")
            .args([directory.as_os_str(), first_port.to_string().as_ref()])
            .env("GATEPOST_PEERS", std::fs::canonicalize(modules()).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "the peers did not start");
        let peers = Self { directory, first_port, _script: script };
        for (client, seconds) in [(BRIEF.client, BRIEF.seconds), (LONG.client, LONG.seconds)] {
            peers.oauth(&format!("/ttl?client={client}&seconds={seconds}"));
        }
        peers
    }

    pub(crate) const fn port(&self, offset: u16) -> u16 {
        self.first_port + offset
    }

    /// Asks the OAuth server's test address.
    pub(crate) fn oauth(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port(1))).unwrap();
        write!(tcp, "GET {request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(&head[9..12], "200", "{request}: {body}");
        body.to_owned()
    }

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

/// Nine ports in a row that are free now, below the range that outgoing connections take theirs from, and beside those of
/// other tests.
fn free_ports() -> u16 {
    let start = 20_000 + u16::try_from(std::process::id() % 1000).unwrap() * 10;
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    (start..32_000).step_by(10).find(|first| (*first..first + 9).all(free)).expect("nine free ports")
}
