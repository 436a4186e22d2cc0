use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;

use super::Target;
use crate::model::{Endpoint, Proxy, ProxyKind};
use crate::net::{DialError, Hop, Names, dial, dial_connect, dial_socks5};

impl Target<'_> {
    /// The proxy on the way to the server.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.provider.egress.toward(&self.endpoint.host)
    }

    /// Connects to the server, through the proxy where there is one.
    pub(super) async fn connect(&self) -> Result<TcpStream, DialError> {
        let Endpoint { host, port, .. } = self.endpoint;
        let (names, limit) = (self.roads.names(), self.limits.connect);
        match self.proxy() {
            // Boxed: most logins need none of it.
            Some(proxy) => Box::pin(through(names, proxy, (host, *port), limit)).await,
            None => dial(names, host, *port, limit).await,
        }
    }
}

async fn through(
    names: &Names,
    proxy: &Proxy,
    (host, port): (&str, u16),
    limit: Duration,
) -> Result<TcpStream, DialError> {
    let name = proxy.to_string();
    let login = proxy.login.as_ref().map(|(user, password)| (user.as_str(), password.expose_secret()));
    let hop = Hop { host: &proxy.host, port: proxy.port, login, name: &name, names };
    match proxy.kind {
        ProxyKind::Socks5 => dial_socks5(&hop, host, port, limit).await,
        ProxyKind::Http => dial_connect(&hop, host, port, limit).await,
    }
}
