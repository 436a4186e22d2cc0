//! Connections through a proxy: SOCKS5, or CONNECT of an HTTP proxy.
//!
//! A mail server speaks first, perhaps in the same packet as the proxy's yes. Whatever reads the proxy's answer must not
//! read a byte more: it would be missing from the greeting. hyper-util's `Tunnel` and `SocksV5` read what there is and drop
//! the rest (harmless for HTTP, whose client speaks first), so the few lines stand here.

mod connect;
mod socks;

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::dial::dial;
use super::{DialError, Names};

/// A proxy on the way.
#[derive(Clone, Copy)]
pub struct Hop<'a> {
    /// Its host.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// User and password.
    pub login: Option<(&'a str, &'a str)>,
    /// How errors call it.
    pub name: &'a str,
    /// Where its address is found.
    pub names: &'a Names,
}

impl std::fmt::Debug for Hop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a proxy that was reached did not connect.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFault {
    /// It lets in nobody without a login.
    #[error("it wants a user and a password; set them beside the proxy's address")]
    LoginWanted,
    /// It did not take the login.
    #[error("it refuses the user or the password; check both beside the proxy's address")]
    LoginRefused,
    /// It has answered, and will not.
    #[error("it says {0}")]
    Says(String),
    /// What answers is no proxy of this kind.
    #[error("what answers there does not speak {0}; check the port and the scheme of the proxy's address")]
    Foreign(&'static str),
    /// The connection to it broke.
    #[error("the connection broke: {0}")]
    Broke(#[from] io::Error),
    /// Nothing came in time.
    #[error("no answer within {0} s")]
    Silent(u64),
}

/// Connects by SOCKS5 (RFC 1928, RFC 1929). The proxy resolves the name.
pub async fn dial_socks5(hop: &Hop<'_>, host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    through(Way::Socks5, hop, host, port, limit).await
}

/// Connects by CONNECT (RFC 9110, 9.3.6). The proxy resolves the name.
pub async fn dial_connect(hop: &Hop<'_>, host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    through(Way::Connect, hop, host, port, limit).await
}

#[derive(Clone, Copy)]
enum Way {
    Socks5,
    Connect,
}

async fn through(way: Way, hop: &Hop<'_>, host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let end = Instant::now() + limit;
    let proxy = || hop.name.to_owned();
    let tcp = dial(hop.names, hop.host, hop.port, limit).await;
    let mut tcp = tcp.map_err(|fault| DialError::NoProxy { proxy: proxy(), fault: Box::new(fault) })?;
    let connecting = async {
        match way {
            Way::Socks5 => socks::connect(&mut tcp, hop.login, host, port).await,
            Way::Connect => connect::connect(&mut tcp, hop.login, host, port).await,
        }
    };
    let connected = timeout_at(end, connecting).await.unwrap_or(Err(ProxyFault::Silent(limit.as_secs())));
    connected.map_err(|fault| DialError::Proxy { proxy: proxy(), host: host.to_owned(), port, fault })?;
    Ok(tcp)
}

#[cfg(test)]
mod tests;
