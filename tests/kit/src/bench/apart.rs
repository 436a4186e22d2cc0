use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use super::upstream::{Ports, Upstream};
use crate::authority::{Authority, server};

/// An upstream in a process of its own, so that what it costs is told apart. Dropping it ends it.
pub struct Apart {
    /// Who signed its certificate.
    pub authority: Authority,
    /// Where it listens, on 127.0.0.1.
    pub ports: Ports,
    child: Child,
}

const DIRECTORY: &str = "GATEPOST_BENCH_UPSTREAM";
const OCTETS: &str = "GATEPOST_BENCH_OCTETS";
const THREADS: usize = 2;

impl Apart {
    /// Starts this very program once more, which has to begin with [`serve_if_asked`]. The directory gets the certificates
    /// (`ca.pem`, `cert.pem`, `key.pem`); the upstream's message has so many octets.
    pub fn start(directory: &Path, octets: usize) -> io::Result<Self> {
        let authority = Authority::new(&["localhost", "127.0.0.1"]);
        authority.write(directory)?;
        let mut child = Command::new(std::env::current_exe()?)
            .env(DIRECTORY, directory)
            .env(OCTETS, octets.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let ports = serde_json::from_str(&line).ok().and_then(|value: Value| Ports::from_json(&value));
        let ports = ports.ok_or_else(|| io::Error::other(format!("the upstream does not start, it says {line:?}")))?;
        Ok(Self { authority, ports, child })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Is the upstream, if that is what this process was started for, until its starter has left; else does nothing. The first
/// line of a bench's `main`.
pub fn serve_if_asked() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let octets = std::env::var(OCTETS).ok().and_then(|octets| octets.parse().ok()).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
    let serving = runtime.block_on(async { Upstream::start(tls(Path::new(&directory)), octets) }).unwrap();
    println!("{}", serving.ports.to_json());
    io::stdout().flush().unwrap();
    // The pipe ends with the starter, however that ends.
    drop(io::stdin().read_to_end(&mut Vec::new()));
    std::process::exit(0);
}

/// With tickets, as the large providers have them.
fn tls(directory: &Path) -> Arc<ServerConfig> {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let mut config = server(&read("cert.pem"), &read("key.pem"));
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    Arc::new(config)
}
