//! A listener on this machine to which the browser comes back (RFC 8252, 7.3).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
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
/// How long a browser may take to say what it wants, and to be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at a time. Browsers open some ahead of need and say nothing on them: none may keep another waiting.
const MOST: usize = 32;

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

    /// The answer to the authorization of that state. Whatever else comes (a favicon, a stray or forged request) is told so
    /// and changes nothing.
    pub async fn returned(&self, state: &SecretString) -> Returned {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                Some(visit) = visits.join_next() => {
                    if let Ok(Some(returned)) = visit {
                        return returned;
                    }
                }
                tcp = self.accept(), if visits.len() < MOST => {
                    visits.spawn(serve(tcp, state.clone()));
                }
            }
        }
    }

    async fn accept(&self) -> TcpStream {
        loop {
            let accepted = tokio::select! {
                accepted = self.four.accept() => accepted,
                accepted = six(self.six.as_ref()) => accepted,
            };
            match accepted {
                Ok((tcp, _)) => return tcp,
                // A listener that fails for want of descriptors does better a little later.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
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

async fn serve(mut tcp: TcpStream, state: SecretString) -> Option<Returned> {
    let head = timeout(PATIENCE, head(&mut tcp)).await.ok()?.ok()?;
    let target = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let returned = Returned::query(query).filter(|returned| returned.answers(&state));
    let page = page(returned.as_ref());
    // A browser that has gone has brought its answer all the same.
    drop(timeout(PATIENCE, answer(&mut tcp, &page)).await);
    returned
}

/// The head of a request, as far as it came.
async fn head(tcp: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST {
        if tcp.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn answer(tcp: &mut TcpStream, page: &str) -> io::Result<()> {
    tcp.write_all(page.as_bytes()).await?;
    tcp.shutdown().await
}

fn page(returned: Option<&Returned>) -> String {
    let (status, text) = match returned {
        Some(Returned { outcome: Ok(_), .. }) => {
            ("200 OK", "Thank you. Gatepost has what it needs; look at the terminal. You can close this page.")
        }
        Some(_) => ("200 OK", "The provider said no. The terminal says why. You can close this page."),
        None => ("404 Not Found", "This is not the answer to a consent that is waited for here."),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open() -> (Loopback, SocketAddr) {
        let loopback = Loopback::open(model::Loopback::Address, None).await.unwrap();
        let address = loopback.four.local_addr().unwrap();
        (loopback, address)
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn neither_a_silent_connection_nor_a_forged_answer_stands_in_the_way() {
        let (loopback, address) = open().await;
        let state = "s1".into();
        let browser = async {
            let _ahead_of_need = TcpStream::connect(address).await.unwrap();
            for stray in
                ["GET /favicon.ico", "GET /?code=evil&state=s2", "GET /?code=evil", "POST /?code=evil&state=s1"]
            {
                assert!(
                    ask(address, &format!("{stray} HTTP/1.1\r\n\r\n")).await.starts_with("HTTP/1.1 404"),
                    "{stray}"
                );
            }
            ask(address, "GET /?code=c1&state=s1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await
        };
        let both = async { tokio::join!(loopback.returned(&state), browser) };
        let (returned, page) = timeout(PATIENCE / 2, both).await.unwrap();
        assert!(returned.outcome.is_ok() && page.contains("Thank you"), "{page}");
    }
}
