use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address of this machine and a port.
    Tcp(SocketAddr),
    /// A file, for the programs of this machine.
    Unix(PathBuf),
    /// The sockets that systemd has opened under this name.
    Systemd(String),
}

/// What an address may be, for error messages.
pub(super) const ADDRESSES: &str =
    "\"127.0.0.1:1587\", \"[::1]:1587\", \"unix:/run/gatepost/smtp.sock\", \"systemd:NAME\", or a list of such";

impl Address {
    /// Reads one; a relative path starts at the directory.
    pub(super) fn read(text: &str, directory: &Path) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            // "@" would be a socket without a file: anyone on this machine could connect.
            return (!path.is_empty() && !path.starts_with('@')).then(|| Self::Unix(directory.join(path)));
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            let fits = !name.is_empty() && name.len() <= 255 && !name.contains([':', '"']);
            return (fits && !name.contains(char::is_control)).then(|| Self::Systemd(name.to_owned()));
        }
        text.parse().ok().map(|address| Self::Tcp(canonical(address)))
    }

    /// Whether both cannot be listened on.
    pub(super) fn is_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            // Port 0 is a free one each time. All addresses have each one among them; IPv4 and IPv6 are apart.
            (Self::Tcp(one), Self::Tcp(two)) => {
                let all = one.is_ipv4() == two.is_ipv4() && (one.ip().is_unspecified() || two.ip().is_unspecified());
                one.port() == two.port() && one.port() != 0 && (all || one == two)
            }
            _ => self == other,
        }
    }

    /// Whether it is for programs of this machine only, as far as that is known: systemd's sockets can be anywhere.
    pub(super) const fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
            Self::Systemd(_) => false,
        }
    }

    /// The name of sockets that systemd opens.
    #[must_use]
    pub fn systemd(&self) -> Option<&str> {
        if let Self::Systemd(name) = self { Some(name) } else { None }
    }

    /// Whether it is a file that the service makes.
    #[must_use]
    pub const fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// `::ffff:a.b.c.d` is an IPv4 address: a socket for IPv6 alone would refuse it.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(four) => SocketAddr::from((four, address.port())),
        IpAddr::V6(_) => address,
    }
}
