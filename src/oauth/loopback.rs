//! A listener on this machine to which the browser comes back (RFC 8252, 7.3).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;

use super::authorize::Returned;
use crate::model;

/// The listener, on IPv4 and, where there is one, IPv6: a browser takes `localhost` for either.
#[derive(Debug)]
pub struct Loopback {
    four: TcpListener,
    six: Option<TcpListener>,
    redirect: Url,
}

/// It could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the browser: {fault}; choose another port in `redirect_uri`, or use --paste")]
pub struct LoopbackError {
    address: SocketAddr,
    fault: io::Error,
}

/// Longest request head, in octets; an address with a code stays below 8 KiB.
const LONGEST: usize = 32 * 1024;
/// How long a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

impl Loopback {
    /// Listens where a registered redirect wants it, or on any free port.
    pub async fn open(host: model::Loopback, registered: Option<&Url>) -> Result<Self, LoopbackError> {
        let port = registered.and_then(Url::port_or_known_default).unwrap_or(0);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let four = TcpListener::bind(address).await.map_err(|fault| LoopbackError { address, fault })?;
        let port = four.local_addr().map_err(|fault| LoopbackError { address, fault })?.port();
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        let name = match host {
            model::Loopback::Address => "127.0.0.1",
            model::Loopback::Name => "localhost",
        };
        let own = format!("http://{name}:{port}/").parse().ok();
        let redirect = registered.cloned().or(own);
        let unsound = || LoopbackError { address, fault: io::ErrorKind::InvalidInput.into() };
        Ok(Self { four, six, redirect: redirect.ok_or_else(unsound)? })
    }

    /// Whether a browser can reach this redirect on its own machine.
    #[must_use]
    pub fn is_loopback(redirect: &Url) -> bool {
        redirect.scheme() == "http" && matches!(redirect.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    /// What the browser is told to come back to.
    #[must_use]
    pub const fn redirect(&self) -> &Url {
        &self.redirect
    }

    /// The next request that `wanted` takes for an answer. Whatever else comes (a favicon, a stray or forged request) is told
    /// so and changes nothing.
    pub async fn returned(&self, wanted: impl Fn(&Returned) -> bool) -> Returned {
        loop {
            let accepted = tokio::select! {
                accepted = self.four.accept() => accepted,
                accepted = six(self.six.as_ref()) => accepted,
            };
            // A listener that fails for want of descriptors does better a little later.
            let Ok((tcp, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if let Ok(Ok(Some(returned))) = timeout(PATIENCE, serve(tcp, &wanted)).await {
                return returned;
            }
        }
    }
}

async fn six(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn serve(mut tcp: TcpStream, wanted: impl Fn(&Returned) -> bool) -> io::Result<Option<Returned>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST {
        if tcp.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let target = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
    let is_get = head.starts_with(b"GET ");
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let returned = Returned::query(query).filter(|returned| is_get && wanted(returned));
    let (status, text) = match &returned {
        Some(Returned { outcome: Ok(_), .. }) => {
            ("200 OK", "Thank you. Gatepost has what it needs; look at the terminal. You can close this page.")
        }
        Some(_) => ("200 OK", "The provider said no. The terminal says why. You can close this page."),
        None => ("404 Not Found", "This is not the answer to a consent that is waited for here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    tcp.write_all(answer.as_bytes()).await?;
    tcp.shutdown().await?;
    Ok(returned)
}
