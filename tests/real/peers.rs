//! The peers, started once for all tests of this binary, and Gatepost before them.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gatepost_kit::Authority;

pub(crate) const PASSWORD: &str = "l0cal password";
/// `\0evmail\0l0cal password`, for SASL PLAIN.
pub(crate) const PLAIN: &str = "AGV2bWFpbABsMGNhbCBwYXNzd29yZA==";

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
                say(&format!("\n*** SKIPPED: the real-peer tests: {reason} ***\n"));
                None
            }
        })
        .as_ref()
}

/// Says something that is seen also when all goes well: the test harness keeps what the printing macros of a test that
/// passes print.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn reason_to_skip() -> Option<String> {
    if modules().as_os_str() == "none" {
        return Some("not wanted (--fast)".to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/lib/dovecot";
    let exists = |program: &str| path.split(':').any(|directory| Path::new(directory).join(program).exists());
    let needed = ["dovecot", "imap", "pop3", "lmtp", "postfix", "node", "curl", "swaks", "python3"];
    let program = needed.into_iter().find(|program| !exists(program));
    program
        .or_else(|| (!modules().join("node_modules/oidc-provider").exists()).then_some("oidc-provider (npm)"))
        .map(|missing| format!("there is no {missing}; `tests/run` as root on Debian installs it"))
        .or_else(|| (!is_root()).then(|| "Postfix and Dovecot have to be started as root".to_owned()))
}

/// Where `tests/run` puts oidc-provider; `none` for a run without peers.
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
        let modules = std::fs::canonicalize(modules()).unwrap();
        let mut script = Command::new("tests/peers/up")
            .args([directory.as_os_str(), first_port.to_string().as_ref()])
            .env("GATEPOST_PEERS", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "the peers did not start");
        Self { directory, first_port, _script: script }
    }

    pub(crate) const fn port(&self, offset: u16) -> u16 {
        self.first_port + offset
    }

    /// Asks the OAuth server's test address.
    pub(crate) fn oauth(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port(1))).unwrap();
        write!(tcp, "GET {request} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{request}: {head}");
        body.to_owned()
    }

    /// Token requests of the client of `userN` so far.
    pub(crate) fn token_requests(&self, number: u32) -> u64 {
        self.oauth(&format!("/requests?client={}", client_of(number))).parse().unwrap()
    }

    /// The last lines of each peer's log.
    fn logs(&self) -> String {
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

/// Eight ports in a row that are free now, below the range that outgoing connections take theirs from.
fn free_ports() -> u16 {
    let start = 20_000 + u16::try_from(std::process::id() % 1000).unwrap() * 10;
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    (start..32_000).step_by(10).find(|first| (*first..first + 8).all(free)).expect("eight free ports")
}

/// A running `gatepost serve`, with the ports of its listeners.
pub(crate) struct Gatepost {
    process: Child,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) smtp: u16,
    pub(crate) imap: u16,
    pub(crate) pop3: u16,
}

/// What differs from the usual.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Which `userN@example.test`; tests do not share mailboxes.
    pub(crate) number: u32,
    pub(crate) sasl: &'static str,
    pub(crate) starttls_upstream: bool,
    pub(crate) tls: &'static str,
    pub(crate) grant: &'static str,
}

impl Default for Setting {
    fn default() -> Self {
        Self { number: 1, sasl: "xoauth2", starttls_upstream: false, tls: "none", grant: "client_credentials" }
    }
}

impl Gatepost {
    pub(crate) fn start(peers: &Peers, setting: Setting) -> Self {
        let directory = tempfile::tempdir().unwrap();
        run(Command::new(PROGRAM).args(["key", "generate", "--out"]).arg(directory.path().join("gatepost.key")), "");
        let hash = run(Command::new(PROGRAM).arg("hash-password"), &format!("{PASSWORD}\n"));
        std::fs::write(directory.path().join("gatepost.toml"), configuration(peers, setting, hash.trim())).unwrap();
        let mut process = Command::new(PROGRAM)
            .args(["serve", "--config", "gatepost.toml"])
            .current_dir(directory.path())
            .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let ports = listening(&directory.path().join("log"), &mut process);
        Self { process, smtp: ports[0], imap: ports[1], pop3: ports[2], directory }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Its events of that name.
    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        let lines = self.log();
        let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events.filter(|event| event["event"] == name).collect()
    }

    /// Law 8: the log at its most talkative holds no password, no key and no token, neither as it is nor in base64.
    pub(crate) fn log_holds_no_secret(&self, peers: &Peers) {
        let log = self.log();
        let key = std::fs::read_to_string(self.directory.path().join("gatepost.key")).unwrap();
        let issued = peers.oauth("/issued");
        assert!(!issued.is_empty(), "no token was issued");
        let known = [PASSWORD, "app-s3cret", "conf-s3cret", "$argon2id$", key.trim(), "Bearer", PLAIN];
        for secret in known.into_iter().chain(issued.lines()) {
            assert!(!log.contains(secret), "the log holds a secret, {secret:?}:\n{log}");
        }
    }

    pub(crate) fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if std::thread::panicking() {
            eprintln!("--- log of gatepost\n{}\n{}", self.log(), peers().map(Peers::logs).unwrap_or_default());
        }
    }
}

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gatepost");

/// The ports, as the log tells them.
fn listening(log: &Path, process: &mut Child) -> Vec<u16> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let text = std::fs::read_to_string(log).unwrap();
        let ports: Vec<u16> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["event"] == "service.listening")
            .filter_map(|event| event["address"].as_str()?.rsplit(':').next()?.parse().ok())
            .collect();
        if ports.len() == 3 {
            return ports;
        }
        assert!(Instant::now() < end && process.try_wait().unwrap().is_none(), "gatepost did not start:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program with this on its standard input; it must succeed. Returns what it printed.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn configuration(peers: &Peers, setting: Setting, hash: &str) -> String {
    let Setting { number, sasl, starttls_upstream, tls, grant } = setting;
    let directory = peers.directory.display();
    let (security, offset) = if starttls_upstream { ("starttls", 0) } else { ("implicit", 1) };
    let server = |offset| format!("{{ host = \"localhost\", port = {}, tls = \"{security}\" }}", peers.port(offset));
    let (imap, pop3, smtp) = (server(2 + offset), server(4 + offset), server(6 + offset));
    let client = match (grant, number % 2) {
        ("refresh_token", _) => "client_id = \"confidential\"\nclient_secret = \"conf-s3cret\"".to_owned(),
        (_, 1) => format!("client_id = \"{}\"\nclient_secret = \"app-s3cret\"", client_of(number)),
        _ => format!("client_id = \"{}\"\nclient_secret = \"app-s3cret\"\nclient_auth = \"basic\"", client_of(number)),
    };
    let listeners = ["smtp", "imap", "pop3"].map(|protocol| {
        format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\ntls = \"{tls}\"\n")
    });
    format!(
        r#"
[store]
key = {{ file = "gatepost.key" }}
[log]
format = "json"
level = "debug"
[tls]
certificate = "{directory}/cert.pem"
key = "{directory}/key.pem"
{listeners}
[providers.real]
token_url = "https://localhost:{oauth}/token"
scopes = ["mail"]
sasl = "{sasl}"
ca = "{directory}/ca.pem"
imap = {imap}
pop3 = {pop3}
smtp = {smtp}
[tokens.support]
provider = "real"
grant = "{grant}"
mailbox = "user{number}@example.test"
{client}
[accounts.EvMail]
password_hash = "{hash}"
token = "support"
"#,
        listeners = listeners.concat(),
        oauth = peers.port(0),
    )
}
