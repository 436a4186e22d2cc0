use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsStream;

use super::Socket;
use super::scratch::with_scratch;

/// A connection in clear or under TLS. TLS state is boxed: an idle session in clear must not pay for it.
#[derive(Debug)]
pub enum Stream {
    /// In clear.
    Plain(Socket),
    /// Under TLS, as server or client.
    Tls(Box<TlsStream<Socket>>),
}

/// A stream with deadlines on everything: nothing waits for a peer without end.
#[derive(Debug)]
pub struct Link {
    /// The connection.
    pub stream: Stream,
    /// How long one write may take before the peer counts as stalled.
    pub patience: Duration,
}

impl Link {
    /// How much one read takes at most during a dialogue, so that a client cannot fill memory with read-ahead.
    const READ: usize = 4096;

    /// Reads what is there, waiting at most `wait`; no buffer is held meanwhile. Empty means that the peer closed, be it
    /// without TLS's goodbye.
    pub async fn read(&mut self, wait: Duration) -> io::Result<Vec<u8>> {
        let reading = poll_fn(|cx| {
            with_scratch(|scratch| {
                let mut buffer = ReadBuf::new(&mut scratch[..Self::READ]);
                match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                    Ok(()) => Poll::Ready(Ok(buffer.filled().to_vec())),
                    Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(Vec::new())),
                    Err(fault) => Poll::Ready(Err(fault)),
                }
            })
        });
        timeout(wait, reading).await.map_err(|_| timed_out())?
    }

    /// Sends all of it, down to the socket.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(self.patience, sending).await.map_err(|_| timed_out())?
    }

    /// Replaces a connection in clear by the one that `handshake` makes of it. One that is under TLS stays as it is.
    pub async fn upgrade<F, E>(self, handshake: impl FnOnce(Socket) -> F) -> Result<Self, E>
    where
        F: Future<Output = Result<Stream, E>>,
    {
        let Self { stream, patience } = self;
        let stream = match stream {
            Stream::Plain(socket) => handshake(socket).await?,
            tls @ Stream::Tls(_) => tls,
        };
        Ok(Self { stream, patience })
    }

    /// Says goodbye to the peer's TLS and TCP; errors do not matter any more. What the peer still sends is read for a
    /// moment: closing a socket with unread bytes resets it, and the last reply would be lost with it.
    pub async fn close(&mut self) {
        drop(timeout(self.patience, self.stream.shutdown()).await);
        let end = Instant::now() + LINGER;
        for _ in 0..LINGER_READS {
            match self.read(end.saturating_duration_since(Instant::now())).await {
                Ok(chunk) if !chunk.is_empty() => {}
                _ => return,
            }
        }
    }
}

/// How long, and how many reads, to wait for the other side's goodbye.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_READS: usize = 64;

impl Stream {
    /// Postfix and others send their TLS tickets, and what follows them, in small pieces, each only when the one before was
    /// acknowledged: a side that has nothing to say would let each wait 40 ms (Nagle's algorithm against delayed
    /// acknowledgements). To be called before the first word under TLS is waited for; elsewhere a word answers a word.
    pub fn hasten_tickets(&self) {
        if let Self::Tls(tls) = self {
            tls.get_ref().0.hasten_acknowledgement();
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "timed out")
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
