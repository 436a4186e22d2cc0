//! The service in a process of its own, and all that it deals with.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use gatepost::account::hash_password;
use gatepost::config::Config;
use gatepost::store::{Keys, SqliteStore};
use gatepost::token::import;
use gatepost_kit::{Authority, Provider, Rotation};
use tokio::time::sleep;

use crate::wire::{Mode, Wire};

pub(crate) const PASSWORD: &str = "soak pass word";
/// Mailboxes, each with a token and an account.
pub(crate) const MAILBOXES: usize = 8;
pub(crate) const SINK: &str = "sink@example.com";
const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// How long access tokens live: an hour, when eight hours are twenty minutes.
const LIFE: Duration = Duration::from_secs(150);

pub(crate) struct Stage {
    pub(crate) provider: Provider,
    pub(crate) mail: [Wire; 3],
    pub(crate) endpoint: Wire,
    pub(crate) smtp: SocketAddr,
    pub(crate) imap: SocketAddr,
    pub(crate) pop3: SocketAddr,
    directory: tempfile::TempDir,
    hash: String,
    /// Accounts that come and go with reloads.
    pub(crate) guests: usize,
    child: Child,
    /// How far the clock is off, where it can be.
    clock: Option<PathBuf>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let provider = Provider::start().await;
        provider
            .register(gatepost_kit::Client::new("client", "box0@example.com").rotation(Rotation::Lenient).life(LIFE));
        let directory = tempfile::tempdir().unwrap();
        let ports = provider.ports;
        let mail = [Wire::to(ports.smtps).await, Wire::to(ports.imaps).await, Wire::to(ports.pop3s).await];
        let endpoint = Wire::to(ports.token).await;
        let [smtp, imap, pop3] = [(); 3].map(|()| free());
        let hash = hash_password(&PASSWORD.into()).unwrap().as_str().to_owned();
        std::fs::write(directory.path().join("ca.pem"), provider.authority.ca_pem()).unwrap();
        let clock = fake_clock(directory.path());
        let child = Command::new("true").spawn().unwrap();
        let mut stage = Self { provider, mail, endpoint, smtp, imap, pop3, directory, hash, guests: 0, child, clock };
        stage.renew_certificate();
        stage.write(&stage.text());
        stage.seed().await;
        stage.start();
        stage.answers().await;
        stage
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new one, by another authority, as a renewal writes it: the key, then the certificate.
    pub(crate) fn renew_certificate(&self) {
        let authority = Authority::new(&["localhost"]);
        for (name, content) in [("key.pem", authority.key_pem()), ("cert.pem", authority.certificate_pem())] {
            let path = self.directory.path().join(name);
            std::fs::write(path.with_extension("new"), content).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    /// What the service says about itself goes there.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success(), "the service is gone: {}", tail(&self.log()));
    }

    /// Whether its files may grow.
    pub(crate) fn disk(&self, full: bool) {
        let size = if full { "--fsize=1:unlimited" } else { "--fsize=unlimited:unlimited" };
        let set = Command::new("prlimit").args(["--pid", &self.pid().to_string(), size]).status().unwrap();
        assert!(set.success());
    }

    /// Turns its clock. Whether it has one that can be.
    pub(crate) fn turn_clock(&self, offset: &str) -> bool {
        self.clock.as_ref().is_some_and(|file| std::fs::write(file, offset).is_ok())
    }

    pub(crate) fn wires(&self, mode: Mode) {
        self.mail.iter().for_each(|wire| wire.set(mode));
    }

    /// Asks it to stop, and waits.
    pub(crate) async fn stop(&mut self) -> Option<ExitStatus> {
        self.signal("TERM");
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            sleep(Duration::from_millis(100)).await;
        }
        None
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("gatepost.toml")
    }

    async fn seed(&self) {
        let config = Config::load(&self.config(), std::iter::empty()).unwrap_or_else(|fault| panic!("{fault}"));
        let store =
            SqliteStore::open(&self.directory.path().join("gatepost.db"), Keys::new(&KEY.into()).unwrap()).unwrap();
        for token in &config.tokens {
            let refresh = self.provider.issue_refresh_token_to("client", &token.mailbox);
            import(&store, token, refresh.into()).await.unwrap();
        }
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut serve = Command::new("sh");
        // Without the signal a write beyond the limit is an error like any other, as on a full disk.
        serve.args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\"", env!("CARGO_BIN_EXE_gatepost")]);
        serve.arg(self.config()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some(clock) = &self.clock {
            serve.env("LD_PRELOAD", library().unwrap()).env("FAKETIME_TIMESTAMP_FILE", clock);
            serve.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_CACHE_DURATION", "1");
        }
        self.child = serve.spawn().unwrap();
    }

    async fn answers(&self) {
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(self.pop3).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not start: {}", self.log());
    }

    /// The configuration as it is now.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            r#"
hostname = "relay.example"
log = {{ level = "debug" }}
[store]
key = "{KEY}"
[tls]
certificate = "cert.pem"
key = "key.pem"
[limits]
connect_seconds = 3
upstream_login_seconds = 5
upstream_reply_seconds = 10
end_of_data_seconds = 10
token_seconds = 5
refresh_ahead_seconds = 30
login_seconds = 20
shutdown_seconds = 10
certificate_check_seconds = 2
"#
        );
        for (protocol, address) in [("smtp", self.smtp), ("imap", self.imap), ("pop3", self.pop3)] {
            let _ =
                write!(text, "[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"{address}\"\ntls = \"starttls\"\n");
        }
        let [smtp, imap, pop3] = self
            .mail
            .each_ref()
            .map(|wire| format!("{{ host = \"localhost\", port = {}, tls = \"implicit\" }}", wire.port));
        let _ = write!(
            text,
            "[providers.simulated]\ntoken_url = \"https://127.0.0.1:{}/token\"\nscopes = [\"mail\"]\nca = \"ca.pem\"\n\
             smtp = {smtp}\nimap = {imap}\npop3 = {pop3}\n",
            self.endpoint.port
        );
        for number in 0..MAILBOXES {
            let _ = write!(
                text,
                "[tokens.t{number}]\nprovider = \"simulated\"\ngrant = \"refresh_token\"\nmailbox = \
                 \"box{number}@example.com\"\nclient_id = \"client\"\n[accounts.user{number}]\npassword_hash = \
                 \"{}\"\ntoken = \"t{number}\"\n",
                self.hash
            );
        }
        for number in 0..self.guests {
            let _ = write!(text, "[accounts.guest{number}]\npassword_hash = \"{}\"\ntoken = \"t0\"\n", self.hash);
        }
        text
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        gatepost_kit::keep_log("soak", &self.directory.path().join("log"));
        if std::thread::panicking() {
            println!("the end of the log:\n{}", tail(&self.log()));
        }
    }
}

pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// An address of this process alone: a port that was free a moment ago may be somebody else's by now.
fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 64 + high % 64, middle, low.max(1)], NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// libfaketime, where it is installed.
fn library() -> Option<PathBuf> {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    places.iter().map(|place| Path::new(place).join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

fn fake_clock(directory: &Path) -> Option<PathBuf> {
    library()?;
    let file = directory.join("clock");
    std::fs::write(&file, "+0").unwrap();
    Some(file)
}
