//! Gatepost and those it is measured beside, each as its makers would set it up for this.

mod dovecot;
mod emailproxy;
mod gatepost;
mod haproxy;
mod nginx;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use gatepost_kit::bench::{Process, Program, Protocol, Tls};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::stage::{Ground, PASSWORD, user};

/// Who is measured.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No relay: the program speaks TLS and XOAUTH2 itself.
    Direct,
    /// Checks the password and logs in.
    Gatepost,
    /// TCP to TLS, no authentication: a whole handshake for each connection.
    Haproxy,
    /// The same, as nginx does it.
    Nginx,
    /// HAProxy, resuming its TLS sessions.
    HaproxyResuming,
    /// nginx, resuming its TLS sessions.
    NginxResuming,
    /// Dovecot as a login proxy: checks the password and logs in with a token that never changes.
    Dovecot,
    /// What people use today.
    Emailproxy,
}

/// One that runs; dropping it ends it.
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    /// When its process was started.
    pub(crate) since: Instant,
    way: Way,
    log: PathBuf,
    child: Option<Child>,
}

/// Where and how programs reach the provider.
#[derive(Clone)]
struct Way {
    smtp: SocketAddr,
    imap: SocketAddr,
    /// TLS from the program, where the peer has it.
    imaps: Option<SocketAddr>,
    pop3: Option<SocketAddr>,
    password: bool,
    program: Program,
}

/// A process that is about to be started.
struct Plan {
    command: Command,
    directory: PathBuf,
    smtp: SocketAddr,
    imap: SocketAddr,
    imaps: Option<SocketAddr>,
    pop3: Option<SocketAddr>,
    password: bool,
}

/// How long a start may take …
const START: Duration = Duration::from_mins(1);
/// … and an orderly end.
const END: Duration = Duration::from_secs(10);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Gatepost => "gatepost",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::HaproxyResuming => "haproxy-resuming",
            Self::NginxResuming => "nginx-resuming",
            Self::Dovecot => "dovecot",
            Self::Emailproxy => "emailproxy",
        })
    }
}

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// The floor of what a relay can cost that makes a whole handshake: figures are said in ratio to the better of these.
    pub(crate) const fn is_floor(self) -> bool {
        matches!(self, Self::Haproxy | Self::Nginx)
    }

    /// Like another but for one thing.
    pub(crate) const fn resumes(self) -> bool {
        matches!(self, Self::HaproxyResuming | Self::NginxResuming)
    }

    /// Whether it stands between the program and its provider, and is not like another but for one thing.
    pub(crate) fn relays(self) -> bool {
        self != Self::Direct && !self.resumes()
    }

    /// What is not installed.
    pub(crate) fn missing(self) -> Option<&'static str> {
        match self {
            Self::Direct | Self::Gatepost => None,
            Self::Haproxy | Self::HaproxyResuming => haproxy::missing(),
            Self::Nginx | Self::NginxResuming => nginx::missing(),
            Self::Dovecot => dovecot::missing(),
            Self::Emailproxy => emailproxy::missing(),
        }
    }

    fn plan(self, ground: &Ground<'_>) -> Option<Plan> {
        match self {
            Self::Direct => None,
            Self::Gatepost => Some(gatepost::plan(ground)),
            Self::Haproxy | Self::HaproxyResuming => Some(haproxy::plan(self, ground)),
            Self::Nginx | Self::NginxResuming => Some(nginx::plan(self, ground)),
            Self::Dovecot => Some(dovecot::plan(ground)),
            Self::Emailproxy => Some(emailproxy::plan(ground)),
        }
    }
}

impl Peer {
    /// Starts it and waits until it can be reached.
    pub(crate) async fn start(kind: Kind, ground: &Ground<'_>) -> Result<Self, String> {
        let mut peer = Self::begin(kind, ground)?;
        let start = Instant::now();
        while TcpStream::connect(peer.way.imap).await.is_err() || TcpStream::connect(peer.way.smtp).await.is_err() {
            if let Some(Ok(Some(status))) = peer.child.as_mut().map(Child::try_wait) {
                return Err(format!("it ended with {status}: {}", tail(&ground.own(kind))));
            }
            if start.elapsed() > START {
                return Err(format!("nobody answers: {}", tail(&ground.own(kind))));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(peer)
    }

    /// Starts it and does not wait.
    pub(crate) fn begin(kind: Kind, ground: &Ground<'_>) -> Result<Self, String> {
        let users = (0..ground.accounts).map(user).collect();
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let direct = at(ground.ports.imaps);
        let program = Program::new(Protocol::Imap, direct, &ground.upstream.authority, users);
        let Some(mut plan) = kind.plan(ground) else {
            let (smtp, pop3) = (at(ground.ports.smtp), Some(at(ground.ports.pop3s)));
            let way = Way { smtp, imap: direct, imaps: Some(direct), pop3, password: false, program };
            return Ok(Self { kind, since: Instant::now(), way, log: PathBuf::new(), child: None });
        };
        let file = plan.directory.join("log");
        let log = std::fs::File::create(&file).map_err(|fault| fault.to_string())?;
        plan.command.stdin(Stdio::null()).stdout(log.try_clone().map_err(|fault| fault.to_string())?).stderr(log);
        let since = Instant::now();
        let child = plan.command.spawn().map_err(|fault| fault.to_string())?;
        let Plan { smtp, imap, imaps, pop3, password, .. } = plan;
        Ok(Self { kind, since, way: Way { smtp, imap, imaps, pop3, password, program }, log: file, child: Some(child) })
    }

    /// Its process; nobody's where there is no relay.
    pub(crate) fn process(&self) -> Option<Process> {
        self.child.as_ref().map(|child| Process::of(child.id()))
    }

    /// A program that goes this way to its provider; in clear where it goes to a relay.
    pub(crate) fn program(&self, protocol: Protocol) -> Option<Program> {
        let way = &self.way;
        let address = match protocol {
            Protocol::Smtp => way.smtp,
            Protocol::Imap => way.imap,
            Protocol::Pop3 => way.pop3?,
        };
        let tls = match (self.kind, protocol) {
            (Kind::Direct, Protocol::Smtp) => Tls::Starttls,
            (Kind::Direct, _) => Tls::Implicit,
            _ => Tls::None,
        };
        Some(self.knowing(way.program.clone().speaking(protocol).at(address).tls(tls)))
    }

    /// An IMAP program that speaks TLS to the relay.
    pub(crate) fn program_under_tls(&self) -> Option<Program> {
        Some(self.knowing(self.way.program.clone().at(self.way.imaps?).tls(Tls::Implicit)))
    }

    fn knowing(&self, program: Program) -> Program {
        if self.way.password { program.password(PASSWORD) } else { program }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        // Asked, and not killed, it takes its children along.
        drop(Command::new("kill").arg(child.id().to_string()).status());
        let start = Instant::now();
        while start.elapsed() < END && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(child.kill());
        drop(child.wait());
        if self.kind == Kind::Gatepost {
            gatepost_kit::keep_log("bench", &self.log);
        }
    }
}

/// So many, held together: none of them is another.
fn free<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap())
}

/// Where a program is, also in those directories that only root has in its path.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    path.split(':').map(|directory| Path::new(directory).join(program)).find(|file| file.is_file())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

fn tail(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
