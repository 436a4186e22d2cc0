use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// An open listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// A connection that was accepted and holds its permit until it ends.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub tcp: TcpStream,
    /// Who connected.
    pub peer: SocketAddr,
    /// One of the sessions that are allowed at a time; dropped with the session.
    pub permit: OwnedSemaphorePermit,
}

/// What to tell a client for which there is no permit.
pub type Refusal = Vec<u8>;

impl Listener {
    /// Bursts of logins wait here instead of being dropped; a backlog of 5 loses 64 of them.
    const BACKLOG: i32 = 4096;
    /// How long to wait when the system has no descriptor left: sessions end meanwhile.
    const BACK_OFF: Duration = Duration::from_millis(100);

    /// Opens the socket. Port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // [::] and 0.0.0.0 can then be listed side by side, whatever the system's default.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(Self::BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until stopped. No error ends it: a server that stops accepting helps nobody.
    pub async fn serve(
        self,
        permits: Arc<Semaphore>,
        refusal: Refusal,
        stop: CancellationToken,
        session: impl Fn(Accepted),
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((tcp, peer)) => admit(tcp, peer, &permits, &refusal, &session),
                Err(fault) if is_of_one_connection(&fault) => {}
                Err(fault) => {
                    error!(address = %self.address, error = %fault, "limit.reached");
                    sleep(Self::BACK_OFF).await;
                }
            }
        }
    }
}

fn admit(tcp: TcpStream, peer: SocketAddr, permits: &Arc<Semaphore>, refusal: &Refusal, session: &impl Fn(Accepted)) {
    // Dialogues are short lines each way: waiting to fill a segment only costs time.
    drop(tcp.set_nodelay(true));
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        session(Accepted { tcp, peer, permit });
    } else {
        warn!(limit = "sessions", %peer, "limit.reached");
        drop(tcp.try_write(refusal));
    }
}

/// The client gave up between SYN and accept; nothing is wrong with the listener.
fn is_of_one_connection(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn beyond_the_permits_a_client_is_told_and_the_next_one_is_served() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let (sender, mut sessions) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let permits = Arc::new(Semaphore::new(1));
        let serving = tokio::spawn(listener.serve(permits, b"421 busy\r\n".to_vec(), stop.clone(), move |accepted| {
            sender.send(accepted).unwrap();
        }));

        let _first_client = TcpStream::connect(address).await.unwrap();
        let first = sessions.recv().await.unwrap();
        let mut second_client = TcpStream::connect(address).await.unwrap();
        let mut told = String::new();
        second_client.read_to_string(&mut told).await.unwrap();
        assert_eq!(told, "421 busy\r\n");

        drop(first);
        let _third_client = TcpStream::connect(address).await.unwrap();
        assert!(sessions.recv().await.is_some());
        stop.cancel();
        serving.await.unwrap();
    }
}
