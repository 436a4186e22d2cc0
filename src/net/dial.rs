use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Names, ProxyFault};

/// Why a host could not be reached; says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address, or the name server did not answer.
    #[error("cannot resolve {host}: {fault}; check the host name and this machine's DNS")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        fault: String,
    },
    /// No address of the host answered.
    #[error("cannot connect to {host} port {port}: {attempts}; check the firewall and the port")]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Each address with its error.
        attempts: String,
    },
    /// This machine has nothing left to connect with.
    #[error("cannot connect to {host} port {port}: {fault}; this machine has no descriptors, ports or memory left")]
    Exhausted {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        fault: String,
    },
    /// Nothing came of it in time.
    #[error("cannot connect to {host} port {port} within {seconds} s; check the firewall and the port")]
    Timeout {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// The limit (`limits.connect_seconds`).
        seconds: u64,
    },
    /// The proxy on the way cannot be reached.
    #[error("the proxy {proxy}: {fault}")]
    NoProxy {
        /// The proxy.
        proxy: String,
        /// Why.
        fault: Box<DialError>,
    },
    /// The proxy on the way did not connect.
    #[error("the proxy {proxy} did not connect to {host} port {port}: {fault}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        fault: ProxyFault,
    },
}

impl DialError {
    /// Whether it says nothing of the other side.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }
}

/// Connects to the first address of a host that answers (RFC 8305): families take turns, each attempt starts a little
/// after the one before, or at once when that one failed. Which did not answer is remembered.
pub async fn dial(names: &Names, host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let late = || DialError::Timeout { host: host.to_owned(), port, seconds: limit.as_secs() };
    let connecting = async {
        let addresses = addresses(names, host, port).await?;
        race(addresses).await.map_err(|failures| failures.told(host, port))
    };
    let dialled = timeout(limit, connecting).await.unwrap_or_else(|_| Err(late()));
    let Won { tcp, address, late } = dialled.inspect_err(|_| names.doubt(host))?;
    names.fared(host, address, &late);
    drop(tcp.set_nodelay(true));
    Ok(tcp)
}

async fn addresses(names: &Names, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let unresolved = |fault: String| DialError::Resolve { host: host.to_owned(), fault };
    let mut found = names.find(host).await.map_err(|fault| unresolved(fault.to_string()))?;
    for address in &mut found {
        address.set_port(port);
    }
    if found.is_empty() { Err(unresolved("no address".into())) } else { Ok(names.in_order(host, found)) }
}

/// The first that answered.
#[derive(Debug)]
struct Won {
    tcp: TcpStream,
    address: SocketAddr,
    /// Those that had a head start and did not.
    late: Vec<SocketAddr>,
}

/// None did.
#[derive(Debug)]
struct Failures {
    attempts: String,
    /// This machine did not let any of them begin.
    own: bool,
}

impl Failures {
    fn note(&mut self, address: SocketAddr, fault: &io::Error) {
        let separator = if self.attempts.is_empty() { "" } else { ", " };
        let _ = write!(self.attempts, "{separator}{address}: {fault}");
        self.own &= fault.raw_os_error().is_some_and(|code| OWN.contains(&code));
    }

    fn told(self, host: &str, port: u16) -> DialError {
        let (host, Self { attempts, own }) = (host.to_owned(), self);
        if own {
            DialError::Exhausted { host, port, fault: attempts }
        } else {
            DialError::Connect { host, port, attempts }
        }
    }
}

/// What the system says when it has nothing left to connect with.
const OWN: [i32; 5] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL];

/// RFC 8305, 8: "Connection Attempt Delay".
const HEAD_START: Duration = Duration::from_millis(250);

async fn race(addresses: Vec<SocketAddr>) -> Result<Won, Failures> {
    if let [only] = addresses[..] {
        return alone(only).await;
    }
    let mut waiting = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failures = Failures { attempts: String::new(), own: true };
    attempts.extend_with(waiting.next());
    loop {
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(HEAD_START), if waiting.len() > 0 => {
                attempts.extend_with(waiting.next());
                continue;
            }
        };
        match ended {
            Some(Ok((address, Ok(tcp)))) => {
                let late = addresses.iter().take_while(|other| **other != address).copied().collect();
                return Ok(Won { tcp, address, late });
            }
            Some(Ok((address, Err(fault)))) => failures.note(address, &fault),
            Some(Err(_)) | None => {}
        }
        attempts.extend_with(waiting.next());
        if attempts.is_empty() {
            return Err(failures);
        }
    }
}

/// Without the tasks of a race.
async fn alone(address: SocketAddr) -> Result<Won, Failures> {
    let connected = TcpStream::connect(address).await;
    connected.map(|tcp| Won { tcp, address, late: Vec::new() }).map_err(|fault| {
        let mut failures = Failures { attempts: String::new(), own: true };
        failures.note(address, &fault);
        failures
    })
}

/// Starting the next attempt, where there is one.
trait ExtendWith {
    fn extend_with(&mut self, address: Option<SocketAddr>);
}

impl ExtendWith for JoinSet<(SocketAddr, io::Result<TcpStream>)> {
    fn extend_with(&mut self, address: Option<SocketAddr>) {
        if let Some(address) = address {
            self.spawn(attempt(address));
        }
    }
}

async fn attempt(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    (address, TcpStream::connect(address).await)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Nobody listens there, on any machine that this runs on.
    const CLOSED_PORT: u16 = 1;

    #[tokio::test]
    async fn a_dead_first_address_does_not_end_the_race() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let dead = SocketAddr::from(([127, 0, 0, 1], CLOSED_PORT));
        let won = race(vec![dead, alive]).await.unwrap();
        assert_eq!(won.tcp.peer_addr().unwrap(), alive);
        assert_eq!((won.address, won.late), (alive, vec![dead]));
    }

    /// Addresses of loopback that nobody else uses.
    #[tokio::test]
    async fn what_did_not_answer_is_tried_last_the_next_time() {
        let alive = TcpListener::bind("127.83.1.2:0").await.unwrap();
        let port = alive.local_addr().unwrap().port();
        let silent = deaf(SocketAddr::from(([127, 83, 1, 1], port)));
        let names = Names::found_by(|_| Ok(vec!["127.83.1.1:0".parse().unwrap(), "127.83.1.2:0".parse().unwrap()]));
        let limit = Duration::from_mins(1);
        let tcp = dial(&names, "two.invalid", port, limit).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), alive.local_addr().unwrap());
        let found = names.find("two.invalid").await.unwrap();
        let first = names.in_order("two.invalid", found)[0];
        assert_eq!(first.ip(), alive.local_addr().unwrap().ip());
        drop(silent);
    }

    /// A listener that takes no more connections, as a firewall does that drops packets.
    fn deaf(address: SocketAddr) -> (socket2::Socket, Vec<std::net::TcpStream>) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.listen(0).unwrap();
        let short = Duration::from_millis(200);
        let filled = std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, short).ok()).collect();
        (socket, filled)
    }

    #[test]
    fn a_machine_that_has_nothing_left_says_nothing_of_the_server() {
        let mut failures = Failures { attempts: String::new(), own: true };
        let address = SocketAddr::from(([192, 0, 2, 1], 993));
        failures.note(address, &io::Error::from_raw_os_error(libc::EMFILE));
        let error = Failures { attempts: failures.attempts.clone(), own: failures.own }.told("mail.example.com", 993);
        assert!(error.is_own() && error.to_string().contains("no descriptors"), "{error}");
        failures.note(address, &io::Error::from_raw_os_error(libc::ECONNREFUSED));
        assert!(!failures.told("mail.example.com", 993).is_own());
    }

    #[tokio::test]
    async fn the_error_names_each_address() {
        let port = CLOSED_PORT;
        let error = dial(Names::system(), "127.0.0.1", port, Duration::from_secs(5)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}: ")) && error.contains("refused"), "{error}");
    }
}
