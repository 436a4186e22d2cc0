//! A connection as the servers see it: lines in, bytes out, TLS in between.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::ahead::Ahead;

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(crate) struct Wire {
    stream: Box<dyn Duplex>,
    ahead: Ahead,
    tls: Option<Arc<ServerConfig>>,
}

/// Longest line; an access token of any provider fits.
const LONGEST: usize = 64 * 1024;

impl Wire {
    /// A connection in clear that can be upgraded.
    pub(crate) fn clear(stream: impl Duplex + 'static, tls: Arc<ServerConfig>) -> Self {
        Self { stream: Box::new(stream), ahead: Ahead::default(), tls: Some(tls) }
    }

    /// A connection under TLS.
    pub(crate) fn encrypted(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), ahead: Ahead::default(), tls: None }
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        self.tls.is_none()
    }

    /// The next line without its CRLF. A bare LF ends the connection. Dropping the future loses nothing.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(line) = self.ahead.line() {
                let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::InvalidData)?;
                return Ok(String::from_utf8_lossy(line).into_owned());
            }
            if self.ahead.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    /// Exactly so many octets.
    pub(crate) async fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            self.more().await?;
        }
        Ok(self.ahead.take(count))
    }

    /// Whatever has arrived, at least one octet.
    pub(crate) async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        if self.ahead.is_empty() {
            self.more().await?;
        }
        Ok(self.ahead.take(self.ahead.len()))
    }

    /// Gives octets back that belong to the next reader.
    pub(crate) fn unread(&mut self, octets: &[u8]) {
        self.ahead.unread(octets);
    }

    /// Whether something was received that nobody has read yet.
    pub(crate) fn has_read_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.ahead.fill(&mut self.stream).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Ends the connection in order: TLS says goodbye, too.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Performs the handshake as server; what was read ahead in clear is dropped.
    pub(crate) async fn starttls(mut self) -> io::Result<Self> {
        let tls = self.tls.take().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self::encrypted(TlsAcceptor::from(tls).accept(self.stream).await?))
    }
}
