use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{ProxyFault, resolve};

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

/// Connects to the first address of a host that answers (RFC 8305): families take turns, each attempt starts a little
/// after the one before, or at once when that one failed.
pub async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let late = || DialError::Timeout { host: host.to_owned(), port, seconds: limit.as_secs() };
    let connecting = async {
        race(addresses(host, port).await?).await.map_err(|attempts| DialError::Connect {
            host: host.to_owned(),
            port,
            attempts,
        })
    };
    let tcp = timeout(limit, connecting).await.map_err(|_| late())??;
    drop(tcp.set_nodelay(true));
    Ok(tcp)
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let unresolved = |fault: String| DialError::Resolve { host: host.to_owned(), fault };
    let found = resolve(host, port).await.map_err(|fault| unresolved(fault.to_string()))?;
    if found.is_empty() { Err(unresolved("no address".into())) } else { Ok(take_turns(found)) }
}

/// Interleaves the families, beginning with the resolver's first choice.
fn take_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = found.first().map(SocketAddr::is_ipv6) else { return found };
    let (preferred, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| a.is_ipv6() == first);
    let mut turns = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let pair = (preferred.next(), other.next());
        turns.extend(pair.0);
        turns.extend(pair.1);
        if pair == (None, None) {
            return turns;
        }
    }
}

/// RFC 8305, 8: "Connection Attempt Delay".
const HEAD_START: Duration = Duration::from_millis(250);

async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, String> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failures = String::new();
    if let Some(address) = waiting.next() {
        attempts.spawn(attempt(address));
    }
    loop {
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(HEAD_START), if waiting.len() > 0 => {
                attempts.extend_with(waiting.next());
                continue;
            }
        };
        match ended {
            Some(Ok((_, Ok(tcp)))) => return Ok(tcp),
            Some(Ok((address, Err(fault)))) => note(&mut failures, address, &fault),
            Some(Err(_)) | None => {}
        }
        attempts.extend_with(waiting.next());
        if attempts.is_empty() {
            return Err(failures);
        }
    }
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

fn note(failures: &mut String, address: SocketAddr, fault: &io::Error) {
    let separator = if failures.is_empty() { "" } else { ", " };
    let _ = write!(failures, "{separator}{address}: {fault}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|a| a.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        assert_eq!(take_turns(found), addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_end_the_race() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let dead = SocketAddr::from(([127, 0, 0, 1], closed_port().await));
        let tcp = race(vec![dead, alive]).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), alive);
    }

    #[tokio::test]
    async fn the_error_names_each_address() {
        let port = closed_port().await;
        let error = dial("127.0.0.1", port, Duration::from_secs(5)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}: ")) && error.contains("refused"), "{error}");
    }

    async fn closed_port() -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    }
}
