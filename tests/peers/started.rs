//! An OAuth server and mail servers that nobody here wrote, as they are started for all tests of a binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use gatepost_kit::Authority;

/// The running peers. Their script ends them when this process ends, for then its standard input closes.
pub(crate) struct Peers {
    pub(crate) directory: PathBuf,
    first_port: u16,
    _script: Child,
}

impl Peers {
    /// Started, where these programs are there; else it is said that tests are skipped, and which.
    pub(crate) fn unless_skipped(tests: &str, needed: &[&str]) -> Option<Self> {
        let Some(reason) = reason_to_skip(needed) else { return Some(Self::start()) };
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, but {reason}");
        say(&format!("\n*** SKIPPED: {tests}: {reason} ***\n"));
        None
    }

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
        let (status, body) = get(self.port(1), request);
        assert_eq!(status, 200, "{request}: {body}");
        body
    }
}

/// Says something that is seen also when all goes well: the test harness keeps what the printing macros of a test that
/// passes print.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn reason_to_skip(needed: &[&str]) -> Option<String> {
    if modules().as_os_str() == "none" {
        return Some("not wanted (--fast)".to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/lib/dovecot:/usr/lib/postgresql/15/bin";
    let exists = |program: &&str| path.split(':').any(|directory| Path::new(directory).join(program).exists());
    let program = needed.iter().copied().find(|program| !exists(program));
    program
        .or_else(|| (!modules().join("node_modules/oidc-provider").exists()).then_some("oidc-provider (npm)"))
        .map(|missing| format!("there is no {missing}; `tests/run` as root on Debian installs it"))
        .or_else(|| (!is_root()).then(|| "Postfix and Dovecot have to be started as root".to_owned()))
}

/// Where `tests/run` puts oidc-provider and the other modules of Node.js; `none` for a run without peers.
pub(crate) fn modules() -> PathBuf {
    std::env::var_os("GATEPOST_PEERS").map_or_else(|| PathBuf::from("target/peers"), PathBuf::from)
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

/// Ports that are free now and that nobody else in this process is given; below those of [`free_ports`], and beside those of
/// other tests. Not from 10,000 on: browsers open no page at 10,080.
pub(crate) fn free<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 11_000 + u16::try_from(std::process::id() % 80).unwrap() * 100;
    let next = || start + NEXT.fetch_add(1, Ordering::Relaxed);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::array::from_fn(|_| std::iter::repeat_with(next).take(1000).find(free).expect("a free port"))
}

/// Nine ports in a row that are free now, below the range that outgoing connections take theirs from, and beside those of
/// other tests.
fn free_ports() -> u16 {
    let start = 20_000 + u16::try_from(std::process::id() % 1000).unwrap() * 10;
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (start..32_000).step_by(10).find(|first| (*first..first + 9).all(free)).expect("nine free ports")
}

/// What a browser on this machine gets: the status and the page.
pub(crate) fn get(port: u16, request: &str) -> (u16, String) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(tcp, "GET {request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}
