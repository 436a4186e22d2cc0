use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::wire::Duplex;

/// A distance to play: so long takes a round trip.
///
/// Everything arrives in order and exactly half a round trip late. Of a connection the server hears one and a half round
/// trips after it was begun, as with a handshake of TCP, and what the client says at once takes as long. Speed, losses and
/// windows of TCP are those of loopback.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    round_trip: Duration,
}

/// A line that was laid; dropping it cuts every connection on it.
pub struct Laid {
    near: SocketAddr,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    answers: AtomicUsize,
}

/// Octets under way, and when they arrive; none are the end.
type Flight = (Instant, Vec<u8>);

/// What is under way in one direction is at most so many pieces of so many octets.
const FLIGHTS: usize = 512;
const PIECE: usize = 64 * 1024;

impl Line {
    /// As long as this takes a round trip.
    #[must_use]
    pub const fn new(round_trip: Duration) -> Self {
        Self { round_trip }
    }

    /// Lays it to a server, from a free port of loopback.
    pub async fn to(self, server: SocketAddr) -> io::Result<Laid> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(accept(listener, self.round_trip, server, Arc::clone(&counts))).abort_handle();
        Ok(Laid { near, counts, task })
    }
}

impl Laid {
    /// Where the server seems to be.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.near
    }

    /// How many connections were begun.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many round trips clients have waited for in all, as a line of any length counts them: one for each connection, and
    /// one whenever the server speaks after its client did or for the first time. Whoever counts exactly has a server without
    /// tickets of TLS 1.3, which come at their own time.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.connections() + self.counts.answers.load(Ordering::SeqCst)
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, round_trip: Duration, server: SocketAddr, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { return };
        let dial = async move {
            let far = TcpStream::connect(server).await?;
            far.set_nodelay(true)?;
            Ok(far)
        };
        drop(near.set_nodelay(true));
        connections.spawn(carry(near, dial, round_trip, Arc::clone(&counts)));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry<F: Duplex>(
    near: impl Duplex,
    dial: impl Future<Output = io::Result<F>>,
    round_trip: Duration,
    counts: Arc<Counts>,
) {
    let connected = Instant::now() + round_trip;
    let half = round_trip / 2;
    counts.connections.fetch_add(1, Ordering::SeqCst);
    let client_spoke = AtomicBool::new(true);
    let (near_reads, near_writes) = split(near);
    let (up, upward) = mpsc::channel(FLIGHTS);
    let (down, downward) = mpsc::channel(FLIGHTS);
    let near_side = read(near_reads, up, |now, count| {
        client_spoke.fetch_or(count > 0, Ordering::SeqCst);
        now.max(connected) + half
    });
    let far_side = async {
        sleep_until(connected + half).await;
        // Who is refused finds the connection closed.
        let Ok(far) = dial.await else { return };
        let (far_reads, far_writes) = split(far);
        let answers = read(far_reads, down, |now, count| {
            if count > 0 && client_spoke.swap(false, Ordering::SeqCst) {
                counts.answers.fetch_add(1, Ordering::SeqCst);
            }
            now + half
        });
        tokio::join!(write(upward, far_writes), answers);
    };
    tokio::join!(near_side, far_side, write(downward, near_writes));
}

/// Sends off what comes, with the time when it arrives.
async fn read(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Flight>, arrives: impl Fn(Instant, usize) -> Instant) {
    let mut buffer = vec![0; PIECE];
    loop {
        // Who breaks off has left like everybody else.
        let count = from.read(&mut buffer).await.unwrap_or(0);
        let flight = (arrives(Instant::now(), count), buffer[..count].to_vec());
        if to.send(flight).await.is_err() || count == 0 {
            return;
        }
    }
}

async fn write(mut from: mpsc::Receiver<Flight>, mut to: impl AsyncWrite + Unpin) {
    while let Some((arrival, octets)) = from.recv().await {
        sleep_until(arrival).await;
        if octets.is_empty() || to.write_all(&octets).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::io::{DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(40);
    const HALF: Duration = Duration::from_millis(20);

    /// A client and a server, a line between them, and what it counts.
    fn laid(
        counts: &Arc<Counts>,
    ) -> (DuplexStream, impl Future<Output = DuplexStream> + use<>, impl Future<Output = ()> + use<>) {
        let (client, near) = duplex(1 << 20);
        let (far, server) = duplex(1 << 20);
        let (opened, told) = tokio::sync::oneshot::channel();
        let dial = async move {
            drop(opened.send(server));
            Ok(far)
        };
        (client, async { told.await.unwrap() }, carry(near, dial, ROUND_TRIP, Arc::clone(counts)))
    }

    async fn octets<const N: usize>(stream: &mut DuplexStream) -> [u8; N] {
        let mut octets = [0; N];
        stream.read_exact(&mut octets).await.unwrap();
        octets
    }

    #[tokio::test(start_paused = true)]
    async fn a_greeting_takes_two_round_trips_and_each_answer_one() {
        let counts = Arc::new(Counts::default());
        let (mut client, server, carrying) = laid(&counts);
        tokio::spawn(carrying);
        let start = Instant::now();
        tokio::spawn(async move {
            let mut server = server.await;
            assert_eq!(start.elapsed(), ROUND_TRIP + HALF);
            server.write_all(b"hello").await.unwrap();
            while octets::<1>(&mut server).await == *b"?" {
                server.write_all(b"!").await.unwrap();
            }
        });
        assert_eq!(octets(&mut client).await, *b"hello");
        assert_eq!(start.elapsed(), 2 * ROUND_TRIP);
        for turn in 3..6 {
            client.write_all(b"?").await.unwrap();
            assert_eq!(octets(&mut client).await, *b"!");
            assert_eq!(start.elapsed(), turn * ROUND_TRIP);
        }
        assert_eq!(counts.connections.load(Ordering::SeqCst), 1);
        assert_eq!(counts.answers.load(Ordering::SeqCst), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn who_speaks_first_waits_for_the_connection_too() {
        let counts = Arc::new(Counts::default());
        let (mut client, server, carrying) = laid(&counts);
        tokio::spawn(carrying);
        let start = Instant::now();
        client.write_all(b"?").await.unwrap();
        let mut server = server.await;
        assert_eq!(octets(&mut server).await, *b"?");
        assert_eq!(start.elapsed(), ROUND_TRIP + HALF);
        server.write_all(b"!").await.unwrap();
        assert_eq!(octets(&mut client).await, *b"!");
        assert_eq!(start.elapsed(), 2 * ROUND_TRIP);
        assert_eq!(counts.answers.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_in_a_row_arrives_in_a_row_and_nothing_waits_for_the_other_direction() {
        let counts = Arc::new(Counts::default());
        let (mut client, server, carrying) = laid(&counts);
        tokio::spawn(carrying);
        let mut server = server.await;
        let start = Instant::now();
        for octet in 0..10_u8 {
            client.write_all(&[octet]).await.unwrap();
            server.write_all(&[octet]).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(octets(&mut server).await, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(start.elapsed(), HALF + Duration::from_millis(9));
        assert_eq!(octets(&mut client).await, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(start.elapsed(), HALF + Duration::from_millis(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_close_comes_through_late_and_the_other_half_stays() {
        let counts = Arc::new(Counts::default());
        let (mut client, server, carrying) = laid(&counts);
        let carried = tokio::spawn(carrying);
        let mut server = server.await;
        let start = Instant::now();
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(start.elapsed(), HALF);
        server.write_all(b"bye").await.unwrap();
        drop(server);
        assert_eq!(octets(&mut client).await, *b"bye");
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(start.elapsed(), ROUND_TRIP);
        carried.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_no_answer() {
        let counts = Arc::new(Counts::default());
        let (client, server, carrying) = laid(&counts);
        let mut carried = pin!(carrying);
        assert!(timeout(Duration::from_secs(1), carried.as_mut()).await.is_err());
        drop((client, server));
        carried.await;
        assert_eq!(counts.answers.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn it_is_laid_to_a_server_for_any_number_of_connections() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = Line::new(Duration::ZERO).to(server.local_addr().unwrap()).await.unwrap();
        let mut ends = Vec::new();
        for number in 0..20_u8 {
            let mut client = TcpStream::connect(line.address()).await.unwrap();
            client.write_all(&[number]).await.unwrap();
            let (mut taken, _) = server.accept().await.unwrap();
            assert_eq!(taken.read_u8().await.unwrap(), number);
            taken.write_all(&[number]).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), number);
            ends.push((client, taken));
        }
        assert_eq!((line.connections(), line.round_trips()), (20, 40));
        drop(line);
        let (client, _) = &mut ends[0];
        assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
