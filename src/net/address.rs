use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::net::UnixStream;

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On the network.
    Tcp(SocketAddr),
    /// At a file.
    Unix(PathBuf),
}

impl Address {
    /// The address on the network, where it is one.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The address on the network; a file counts as loopback.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip(),
            Self::Unix(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An address on the network. IPv4 is never dressed up as IPv6.
    Tcp(SocketAddr),
    /// A process of this machine, as far as the system tells.
    Unix(Option<Process>),
}

/// A process when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Whose it is.
    pub uid: u32,
    /// Its number; another process may have it by now.
    pub pid: Option<i32>,
}

impl Peer {
    /// Where networks are compared; a process of this machine counts as 127.0.0.1.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip(),
            Self::Unix(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(canonical(address))
    }
}

impl From<&UnixStream> for Peer {
    fn from(unix: &UnixStream) -> Self {
        Self::Unix(unix.peer_cred().ok().map(|process| Process { uid: process.uid(), pid: process.pid() }))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(None) => f.write_str("unix"),
            Self::Unix(Some(Process { uid, pid: None })) => write!(f, "unix:uid={uid}"),
            Self::Unix(Some(Process { uid, pid: Some(pid) })) => write!(f, "unix:uid={uid},pid={pid}"),
        }
    }
}

/// An IPv4 address that came as `::ffff:a.b.c.d` is an IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(four) => SocketAddr::from((four, address.port())),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_in_one_way() {
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        assert_eq!(peer("[::ffff:192.0.2.7]:25"), peer("192.0.2.7:25"));
        assert_eq!(peer("[::ffff:192.0.2.7]:25").to_string(), "192.0.2.7:25");
        assert_eq!(peer("[2001:db8::1]:25").to_string(), "[2001:db8::1]:25");
    }

    #[tokio::test]
    async fn a_process_of_this_machine_is_loopback_and_named() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::from(&one);
        assert!(peer.ip().is_loopback());
        let told = peer.to_string();
        assert!(told.starts_with("unix:uid=") && told.ends_with(&format!("pid={}", std::process::id())), "{told}");
        assert_eq!(Peer::Unix(None).to_string(), "unix");
    }
}
