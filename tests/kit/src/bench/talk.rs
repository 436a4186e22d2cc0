use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// A connection with what was read ahead: small when nothing happens, quick when much does.
pub(super) struct Talk {
    way: Way,
    ahead: Vec<u8>,
    start: usize,
}

enum Way {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Longest line; an access token of any provider fits.
const LONGEST: usize = 64 * 1024;
/// Read at a time: a line or a few.
const LINES: usize = 1024;
/// Read at a time of what nobody looks at.
const BULK: usize = 256 * 1024;

impl Talk {
    pub(super) fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self::over(Way::Clear(tcp)))
    }

    const fn over(way: Way) -> Self {
        Self { way, ahead: Vec::new(), start: 0 }
    }

    pub(super) const fn is_clear(&self) -> bool {
        matches!(self.way, Way::Clear(_))
    }

    /// The handshake as server.
    pub(super) async fn accept_tls(self, config: &Arc<ServerConfig>) -> io::Result<Self> {
        let tls = TlsAcceptor::from(Arc::clone(config)).accept(self.clear()?).await?;
        Ok(Self::over(Way::Tls(Box::new(tls.into()))))
    }

    /// The handshake as client of localhost.
    pub(super) async fn connect_tls(self, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, self.clear()?).await?;
        Ok(Self::over(Way::Tls(Box::new(tls.into()))))
    }

    fn clear(self) -> io::Result<TcpStream> {
        match self.way {
            Way::Clear(tcp) if self.start == self.ahead.len() => Ok(tcp),
            _ => Err(io::Error::other("TLS is there already, or something came before it")),
        }
    }

    pub(super) async fn say(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.way {
            Way::Clear(tcp) => tcp.write_all(text.as_ref()).await,
            Way::Tls(tls) => {
                tls.write_all(text.as_ref()).await?;
                tls.flush().await
            }
        }
    }

    /// The next line without its CRLF.
    pub(super) async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(length) = self.ahead[self.start..].iter().position(|&octet| octet == b'\n') {
                let line = String::from_utf8_lossy(&self.ahead[self.start..self.start + length]);
                let line = line.trim_end_matches('\r').to_owned();
                self.start += length + 1;
                return Ok(line);
            }
            if self.ahead.len() - self.start > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        self.ahead.drain(..self.start);
        self.start = 0;
        self.ahead.reserve(LINES);
        match self.way.read_buf(&mut self.ahead).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// So many octets, which nobody looks at.
    pub(super) async fn skip(&mut self, count: usize) -> io::Result<()> {
        let mut left = count - self.drop_ahead(count);
        let mut bulk = vec![0; BULK.min(left)];
        while left > 0 {
            let room = bulk.len().min(left);
            match self.way.read(&mut bulk[..room]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => left -= read,
            }
        }
        Ok(())
    }

    fn drop_ahead(&mut self, most: usize) -> usize {
        let dropped = most.min(self.ahead.len() - self.start);
        self.start += dropped;
        dropped
    }

    /// All up to an end after which the other side waits; how much that was.
    pub(super) async fn skip_until(&mut self, end: &[u8]) -> io::Result<usize> {
        let mut tail = self.ahead[self.start..].to_vec();
        let mut count = self.drop_ahead(usize::MAX);
        let mut bulk = vec![0; BULK];
        while !tail.ends_with(end) {
            let read = self.way.read(&mut bulk).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            count += read;
            tail.drain(..tail.len().saturating_sub(end.len()));
            tail.extend_from_slice(&bulk[read.saturating_sub(end.len())..read]);
        }
        Ok(count)
    }

    /// Waits for nothing but the other side's end.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        while self.way.read(&mut [0; LINES]).await? > 0 {}
        Ok(())
    }

    /// Ends the connection in order.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Clear(tcp) => tcp.shutdown().await,
            Way::Tls(tls) => tls.shutdown().await,
        }
    }
}

impl AsyncRead for Way {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        })?;
        Poll::Ready(Ok(()))
    }
}
