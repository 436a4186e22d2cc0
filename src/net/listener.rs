use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::bind::{self, BindError};
use super::socket_file::SocketFile;
use super::{Address, Peer, Place, Socket};

/// An open listening socket.
#[derive(Debug)]
pub struct Listener {
    /// Goes before the socket is closed: whoever finds the file finds someone who listens.
    file: Option<SocketFile>,
    socket: Listening,
    address: Address,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that was accepted and holds its place until it ends.
#[derive(Debug)]
pub struct Accepted<P = Place> {
    /// The connection.
    pub socket: Socket,
    /// Who connected.
    pub peer: Peer,
    /// One of the sessions that are allowed at a time; dropped with the session.
    pub permit: P,
}

/// What to tell a client for which there is no place.
pub type Refusal = Vec<u8>;

impl Listener {
    /// How long to wait when the system has no descriptor left: sessions end meanwhile.
    const BACK_OFF: Duration = Duration::from_millis(100);

    /// Opens the socket. Port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::open(address, false)
    }

    /// The same beside a socket that [made way](Self::make_way).
    pub fn bind_beside(address: SocketAddr) -> Result<Self, BindError> {
        Self::open(address, true)
    }

    fn open(address: SocketAddr, beside: bool) -> Result<Self, BindError> {
        let listening = |socket: socket2::Socket| Self::of(TcpListener::from_std(socket.into())?);
        bind::tcp(address, beside).and_then(listening).map_err(|fault| BindError::system(Address::Tcp(address), fault))
    }

    /// Makes the socket file, which only those may use whom `mode` allows. The file goes when the listener does.
    pub fn bind_unix(path: &Path, mode: u32) -> Result<Self, BindError> {
        Self::at_file(path, bind::unix(path, mode)?)
    }

    /// The same, taking the place of whoever listens there.
    pub fn bind_unix_over(path: &Path, mode: u32) -> Result<Self, BindError> {
        Self::at_file(path, bind::unix_over(path, mode)?)
    }

    fn at_file(path: &Path, (file, socket): (SocketFile, socket2::Socket)) -> Result<Self, BindError> {
        let address = Address::Unix(path.to_owned());
        let listening = UnixListener::from_std(socket.into());
        let listening = listening.map_err(|fault| BindError::system(address.clone(), fault))?;
        Ok(Self { file: Some(file), socket: Listening::Unix(listening), address })
    }

    /// Goes on with a socket that someone else has opened; its file, where it has one, is not ours to remove.
    pub(super) fn adopt(given: OwnedFd) -> io::Result<Self> {
        let socket = socket2::Socket::from(given);
        if socket.r#type()? != socket2::Type::STREAM || !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen for streams"));
        }
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        if !address.is_unix() {
            return Self::of(TcpListener::from_std(socket.into())?);
        }
        let path = address.as_pathname().map_or_else(PathBuf::new, Path::to_owned);
        let socket = Listening::Unix(UnixListener::from_std(socket.into())?);
        Ok(Self { file: None, socket, address: Address::Unix(path) })
    }

    fn of(socket: TcpListener) -> io::Result<Self> {
        // Dialogues are short lines each way: waiting to fill a segment only costs time. Who is accepted inherits it.
        drop(socket2::SockRef::from(&socket).set_tcp_nodelay(true));
        let address = Address::Tcp(socket.local_addr()?);
        Ok(Self { file: None, socket: Listening::Tcp(socket), address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Who may connect to the file, where it has one of its own, from now on.
    pub fn allow(&self, mode: u32) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.allow(mode))
    }

    /// Lets another socket of ours be opened at an address that overlaps with this one's, while this one is
    /// still open; or no more.
    pub fn make_way(&self, way: bool) -> io::Result<()> {
        match &self.socket {
            Listening::Tcp(listener) => socket2::SockRef::from(listener).set_reuse_port(way),
            Listening::Unix(_) => Ok(()),
        }
    }

    /// Accepts until stopped. No error ends it: a server that stops accepting helps nobody.
    pub async fn serve<P>(
        &self,
        place: impl Fn(&Peer) -> Option<P>,
        refusal: impl Fn() -> Refusal,
        stop: CancellationToken,
        session: impl Fn(Accepted<P>),
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((socket, peer)) => admit(socket, peer, &place, &refusal, &session),
                Err(fault) if is_of_one_connection(&fault) => {}
                Err(fault) => {
                    error!(address = %self.address, error = %fault, "limit.reached");
                    sleep(Self::BACK_OFF).await;
                }
            }
        }
    }

    /// Accepts those who have connected already: the socket is about to be closed, and would cut them off.
    pub async fn serve_the_last<P>(
        &self,
        place: impl Fn(&Peer) -> Option<P>,
        refusal: impl Fn() -> Refusal,
        session: impl Fn(Accepted<P>),
    ) {
        let end = Instant::now() + Self::BACK_OFF;
        while let Ok(Ok((socket, peer))) = timeout_at(end, self.accept()).await {
            admit(socket, peer, &place, &refusal, &session);
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.socket {
            Listening::Tcp(listener) => {
                let (tcp, peer) = listener.accept().await?;
                Ok((tcp.into(), peer.into()))
            }
            Listening::Unix(listener) => {
                let (unix, _) = listener.accept().await?;
                let peer = Peer::from(&unix);
                Ok((unix.into(), peer))
            }
        }
    }
}

fn admit<P>(
    socket: Socket,
    peer: Peer,
    place: &impl Fn(&Peer) -> Option<P>,
    refusal: &impl Fn() -> Refusal,
    session: &impl Fn(Accepted<P>),
) {
    if let Some(permit) = place(&peer) {
        session(Accepted { socket, peer, permit });
    } else {
        drop(socket.try_write(&refusal()));
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
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;

    use super::*;
    use crate::net::Places;

    #[tokio::test]
    async fn beyond_the_permits_a_client_is_told_and_the_next_one_is_served() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address().tcp().unwrap();
        let (sender, mut sessions) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (places, stopped) = (Places::new(1), stop.clone());
        let serving = tokio::spawn(async move {
            let session = |accepted| sender.send(accepted).unwrap();
            listener.serve(|peer| places.take_for(peer), || b"421 busy\r\n".to_vec(), stopped, session).await;
        });

        let _first_client = TcpStream::connect(address).await.unwrap();
        let first: Accepted = sessions.recv().await.unwrap();
        assert!(matches!(&first.socket, Socket::Tcp(tcp) if tcp.nodelay().unwrap()), "no line waits for another");
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
