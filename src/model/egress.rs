use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use secrecy::SecretString;

/// The way out of this network: direct, or through a proxy.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    /// The proxy; none is the direct way.
    pub proxy: Option<Arc<Proxy>>,
    /// What is reached without it.
    pub direct: Arc<[Exempt]>,
}

/// A proxy.
#[derive(Debug)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User and password, where it wants them.
    pub login: Option<(String, SecretString)>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928); the proxy resolves names.
    Socks5,
    /// CONNECT of an HTTP proxy (RFC 9110, 9.3.6).
    Http,
}

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exempt {
    /// Addresses; names are not resolved for it.
    Network(IpNet),
    /// A name.
    Name(String),
    /// A domain and all below it.
    Below(String),
}

impl Egress {
    /// The proxy on the way to a host, given as a name or an address.
    #[must_use]
    pub fn toward(&self, host: &str) -> Option<&Proxy> {
        let proxy = self.proxy.as_deref()?;
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.trim_matches(['[', ']']).parse().ok();
        let direct = self.direct.iter().any(|exempt| exempt.holds(&host, address));
        (!direct).then_some(proxy)
    }
}

impl Exempt {
    fn holds(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Name(name) => host == name,
            Self::Below(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

impl ProxyKind {
    /// The scheme of its address.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

/// Its address, without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, host, port, .. } = self;
        let scheme = kind.scheme();
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

impl fmt::Display for Exempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Below(domain) => write!(f, ".{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_direct() {
        let login = Some(("me".to_owned(), "s3cret".into()));
        let proxy = Proxy { kind: ProxyKind::Socks5, host: "gate".into(), port: 1080, login };
        let direct = [
            Exempt::Network("10.0.0.0/8".parse().unwrap()),
            Exempt::Network("fd00::/8".parse().unwrap()),
            Exempt::Name("localhost".into()),
            Exempt::Below("example.com".into()),
        ];
        let egress = Egress { proxy: Some(Arc::new(proxy)), direct: direct.into() };
        for host in ["10.1.2.3", "[fd00::1]", "fd00::1", "LOCALHOST", "example.com", "Mail.Example.com."] {
            assert!(egress.toward(host).is_none(), "{host}");
        }
        for host in ["11.1.2.3", "::1", "localhost.example.net", "notexample.com", "example.com.evil.example"] {
            assert!(egress.toward(host).is_some(), "{host}");
        }
        assert!(Egress::default().toward("outlook.office365.com").is_none());
        assert!(!format!("{egress:?}").contains("s3cret"));
        assert_eq!(egress.toward("mail").unwrap().to_string(), "socks5://gate:1080");
    }
}
