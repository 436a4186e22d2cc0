use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::ahead::Ahead;
use crate::wire::Duplex;

/// A client that knows only bytes. Everything has a deadline, and a failed expectation shows the conversation so far.
pub struct Peer {
    stream: Box<dyn Duplex>,
    received: Ahead,
    transcript: String,
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Connects under TLS from the first byte.
pub async fn tls_peer(address: SocketAddr, config: &Arc<ClientConfig>) -> Peer {
    Peer::connect(address).await.tls(config).await
}

impl Peer {
    /// Connects in clear.
    pub async fn connect(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::over(tcp)
    }

    /// Connects in clear to a Unix socket.
    pub async fn connect_unix(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).await.unwrap())
    }

    fn over(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), received: Ahead::default(), transcript: String::new() }
    }

    /// Performs the handshake as client.
    pub async fn tls(self, config: &Arc<ClientConfig>) -> Self {
        assert!(self.received.is_empty(), "bytes in clear before TLS");
        let name = ServerName::try_from("localhost").unwrap();
        let tls = timeout(PATIENCE, TlsConnector::from(Arc::clone(config)).connect(name, self.stream)).await;
        Self { stream: Box::new(tls.unwrap().unwrap()), ..self }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let _ = writeln!(self.transcript, "C: {}", shown(bytes));
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        // A server that has closed already is found out by what is expected next.
        let _ = timeout(PATIENCE, sending).await.unwrap_or_else(|_| panic!("cannot send\n{}", self.transcript));
    }

    /// Tells the server that nothing more comes.
    pub async fn shutdown(&mut self) {
        drop(timeout(PATIENCE, self.stream.shutdown()).await);
    }

    /// Sends a command that asks for TLS, awaits the go-ahead and performs the handshake as client.
    pub async fn starttls(mut self, command: &str, go_ahead: &str, config: &Arc<ClientConfig>) -> Self {
        self.send(command).await;
        self.expect(go_ahead).await;
        self.tls(config).await
    }

    /// The next line with its line break; empty at the end of the stream.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(line) = self.received.line() {
                let line = String::from_utf8_lossy(&line).into_owned();
                let _ = writeln!(self.transcript, "S: {}", shown(line.as_bytes()));
                return line;
            }
            if !self.more().await {
                return String::new();
            }
        }
    }

    /// Lines up to and with the first that begins like this.
    pub async fn read_until(&mut self, start: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "expected {start:?}, got the end\n{}", self.transcript);
            all += &line;
            if line.starts_with(start) {
                return all;
            }
        }
    }

    /// Reads lines until the one that ends a reply: SMTP's `ddd `, or else just one line. It must begin like this.
    pub async fn expect(&mut self, start: &str) -> String {
        let mut reply = self.line().await;
        while reply.len() > 3
            && reply.lines().last().is_some_and(|line| {
                line.as_bytes().get(3) == Some(&b'-') && line.as_bytes()[..3].iter().all(u8::is_ascii_digit)
            })
        {
            reply += &self.line().await;
        }
        assert!(reply.starts_with(start), "expected {start:?}, got {reply:?}\n{}", self.transcript);
        reply
    }

    /// Reads IMAP lines until the tagged one, which must begin like this; returns all of them.
    pub async fn tagged(&mut self, start: &str) -> String {
        let tag = start.split(' ').next().unwrap_or_default();
        let mut all = String::new();
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "expected {start:?}, got the end\n{}", self.transcript);
            all += &line;
            if line.starts_with(&format!("{tag} ")) {
                assert!(line.starts_with(start), "expected {start:?}, got {line:?}\n{}", self.transcript);
                return all;
            }
        }
    }

    /// Exactly so many octets.
    pub async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(self.more().await, "expected {count} octets, got {}\n{}", self.received.len(), self.transcript);
        }
        self.received.take(count)
    }

    /// A POP3 multi-line response after its `+OK`, dots unstuffed.
    pub async fn multi_line(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = loop {
                match self.received.line() {
                    Some(line) => break line,
                    None => assert!(self.more().await, "expected a dot, got the end\n{}", self.transcript),
                }
            };
            if line == b".\r\n" {
                return content;
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// The server must close now, without another word.
    pub async fn expect_end(&mut self) {
        let line = self.line().await;
        assert!(line.is_empty() && self.received.is_empty(), "expected the end, got {line:?}\n{}", self.transcript);
    }

    /// Everything until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        self.received.take(self.received.len())
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.received.fill(&mut self.stream)).await;
        read.unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}\n{}", self.transcript)).unwrap_or(0) > 0
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    text.escape_debug().to_string()
}
