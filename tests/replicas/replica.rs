//! One of the services, in a process of its own.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Where it is, and whether it lives.
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) places: Places,
    directory: PathBuf,
    child: Option<Child>,
}

/// Where it listens.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) smtp: SocketAddr,
    pub(crate) imap: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// An address of loopback that this process has for itself: nobody is given a port there, and whoever is started again has
/// the one it had.
pub(crate) fn place() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 64 + high % 128, middle, low.max(1));
    SocketAddr::new(IpAddr::V4(address), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { smtp: place(), imap: place(), admin: place() }
    }
}

impl Replica {
    /// With this configuration, and what is its own.
    pub(crate) fn new(directory: &Path, name: &str, places: Places, config: &str) -> Self {
        let directory = directory.join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let mut text = config.replace("{NAME}", name);
        for (protocol, address) in [("smtp", places.smtp), ("imap", places.imap)] {
            let _ = write!(
                text,
                "\n[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"{address}\"\nproxy_protocol = [\"127.0.0.0/8\"]\n"
            );
        }
        let _ = write!(text, "[control]\nsocket = \"{}\"\n", directory.join("control").display());
        let text = text.replace("{ADMIN}", &places.admin.to_string());
        std::fs::write(directory.join("gatepost.toml"), text).unwrap();
        Self { name: name.to_owned(), places, directory, child: None }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.join("gatepost.toml")
    }

    pub(crate) fn start(&mut self) {
        let log = File::options().append(true).create(true).open(self.log_file()).unwrap();
        // It must not outlive this process.
        let mut serve = Command::new("setpriv");
        serve.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_gatepost"), "serve", "--config"]).arg(self.config());
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(serve.spawn().unwrap());
    }

    /// Waits until it takes programs.
    pub(crate) async fn answers(&mut self) {
        for _ in 0..2400 {
            // Its doors are opened one after the other.
            if open(self.places.admin).await && open(self.places.smtp).await && open(self.places.imap).await {
                return;
            }
            // Whose database does not answer at once ends, and is started again by whoever watches over it.
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                self.start();
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not start: {}", self.name, tail(&self.log()));
    }

    /// 0: it does not live.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success(), "{} is gone: {}", self.name, tail(&self.log()));
    }

    /// `kill -9`
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// After it was asked to stop.
    pub(crate) async fn ends(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        for _ in 0..1200 {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.child = Some(child);
        panic!("{} does not stop: {}", self.name, tail(&self.log()));
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Its events of this name.
    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        let events = self.log();
        let events = events.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        events.filter(|event| event["event"] == name).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
        gatepost_kit::keep_log("replicas", &self.log_file());
    }
}

async fn open(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}

pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
