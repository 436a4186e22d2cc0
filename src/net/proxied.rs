use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::proxy_header::{HeaderFault, HeaderStep, ProxyHeader};
use super::{Peer, Socket};

/// Bounds of a PROXY header.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBounds {
    /// How long it may take.
    pub wait: Duration,
    /// How long it may be, in octets, where it says so itself (version 2).
    pub octets: usize,
}

/// Why there is no client behind a proxy.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Closed before the first octet: many proxies look in this way whether somebody listens.
    #[error("it closed without a word")]
    Silent,
    /// It is not what a proxy sends.
    #[error(transparent)]
    Fault(#[from] HeaderFault),
    /// It did not come in time.
    #[error(
        "no PROXY header came within {0} s; if it is a proxy, let it send one, or else take its address out of `proxy_protocol`"
    )]
    Late(u64),
    /// The connection broke within it.
    #[error("{0} within its PROXY header")]
    Broke(#[from] io::Error),
}

/// Reads the header with which a proxy says for whom it has connected, and not one octet more. Nothing: for itself.
pub async fn read_proxy_header(socket: &mut Socket, bounds: HeaderBounds) -> Result<Option<Peer>, HeaderError> {
    let reading = read(socket, bounds.octets);
    timeout(bounds.wait, reading).await.map_err(|_| HeaderError::Late(bounds.wait.as_secs()))?
}

async fn read(socket: &mut Socket, longest: usize) -> Result<Option<Peer>, HeaderError> {
    let mut header = ProxyHeader::new(longest);
    loop {
        match header.step()? {
            HeaderStep::Done(client) => return Ok(client.map(Peer::from)),
            HeaderStep::Read(most) => {
                let mut piece = [0; PIECE];
                match socket.read(&mut piece[..most.min(PIECE)]).await? {
                    0 if header.is_empty() => return Err(HeaderError::Silent),
                    0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                    count => header.push(&piece[..count]),
                }
            }
        }
    }
}

/// Most headers are shorter.
const PIECE: usize = 256;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;

    use super::*;

    const BOUNDS: HeaderBounds = HeaderBounds { wait: Duration::from_secs(5), octets: 4096 };

    #[tokio::test]
    async fn what_stands_behind_the_header_is_the_clients() {
        let (mut proxy, near) = UnixStream::pair().unwrap();
        proxy.write_all(b"PROXY TCP4 192.0.2.7 10.0.0.5 12345 25\r\nEHLO me\r\n").await.unwrap();
        let mut near = Socket::from(near);
        let client = read_proxy_header(&mut near, BOUNDS).await.unwrap().unwrap();
        assert_eq!(client.to_string(), "192.0.2.7:12345");
        let mut rest = [0; 9];
        near.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"EHLO me\r\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_does_not_come_or_end_is_not_waited_for() {
        for begun in [&b""[..], b"PROXY TCP4 "] {
            let (mut proxy, near) = UnixStream::pair().unwrap();
            proxy.write_all(begun).await.unwrap();
            let error = read_proxy_header(&mut near.into(), BOUNDS).await.unwrap_err();
            assert!(matches!(error, HeaderError::Late(5)), "{error}");
        }
    }

    #[tokio::test]
    async fn a_look_whether_somebody_listens_is_no_broken_header() {
        let (proxy, near) = UnixStream::pair().unwrap();
        drop(proxy);
        let error = read_proxy_header(&mut near.into(), BOUNDS).await.unwrap_err();
        assert!(matches!(error, HeaderError::Silent), "{error}");
        let (mut proxy, near) = UnixStream::pair().unwrap();
        proxy.write_all(b"PROXY").await.unwrap();
        drop(proxy);
        let error = read_proxy_header(&mut near.into(), BOUNDS).await.unwrap_err();
        assert!(matches!(error, HeaderError::Broke(_)), "{error}");
    }
}
