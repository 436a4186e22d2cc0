//! A connection as the servers see it: lines in, bytes out, TLS in between.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(crate) struct Wire {
    stream: Box<dyn Duplex>,
    ahead: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), ahead: Vec::new() }
    }

    /// The next line without its CRLF.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.ahead.iter().position(|&octet| octet == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::InvalidData)?;
                return Ok(String::from_utf8_lossy(line).into_owned());
            }
            self.more().await?;
        }
    }

    /// Exactly so many octets.
    pub(crate) async fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            self.more().await?;
        }
        Ok(self.ahead.drain(..count).collect())
    }

    /// Whatever has arrived, at least one octet.
    pub(crate) async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        if self.ahead.is_empty() {
            self.more().await?;
        }
        Ok(std::mem::take(&mut self.ahead))
    }

    /// Gives octets back that belong to the next reader.
    pub(crate) fn unread(&mut self, octets: &[u8]) {
        self.ahead.splice(..0, octets.iter().copied());
    }

    async fn more(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        match self.stream.read(&mut chunk).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.ahead.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Performs the handshake as server; what was read ahead in clear is dropped.
    pub(crate) async fn starttls(mut self, config: Arc<ServerConfig>) -> io::Result<Self> {
        self.ahead.clear();
        let tls = TlsAcceptor::from(config).accept(self.stream).await?;
        Ok(Self::new(tls))
    }
}
