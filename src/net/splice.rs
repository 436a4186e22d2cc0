use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Stream;
use super::scratch::with_scratch;

/// One side of a splice and what was already received from it, which is handed over first.
#[derive(Debug)]
pub struct Leg {
    /// The connection.
    pub stream: Stream,
    /// Read-ahead: bytes received from this side and not yet given to the other.
    pub ahead: Vec<u8>,
}

/// The octets that a session has carried, for whoever looks while it is under way.
#[derive(Debug, Default)]
pub struct Carried {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Carried {
    /// From the client to the upstream.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// From the upstream to the client.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// More went upstream.
    pub fn send(&self, octets: usize) {
        self.sent.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// More went to the client.
    pub fn receive(&self, octets: usize) {
        self.received.fetch_add(octets as u64, Ordering::Relaxed);
    }
}

/// Who ended a splice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client closed first.
    Client,
    /// The upstream closed first.
    Upstream,
    /// The connection to the client broke.
    ClientBroke(io::ErrorKind),
    /// The connection to the upstream broke.
    UpstreamBroke(io::ErrorKind),
    /// Nothing moved for too long.
    Idle,
    /// It lasted as long as it may, and nothing was under way.
    Outlived,
    /// It was stopped.
    Stopped,
}

/// What the client is told when Gatepost ends a splice.
pub struct LastWords<F> {
    /// Whether they may stand behind this, the latest that the upstream said.
    pub fits: fn(&[u8]) -> bool,
    /// Whether the client, whose latest octets these are, means to be silent for up to half an hour.
    pub waits: fn(&[u8]) -> bool,
    /// The words; none where nothing is to be said.
    pub words: F,
}

/// How long a splice may last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// In silence.
    pub idle: Duration,
    /// At all; it ends when nothing is under way. None: for ever.
    pub most: Option<Duration>,
    /// How long both sides have to be silent, the upstream last, until nothing is under way.
    pub quiet: Duration,
}

/// Sees what the upstream sends, as it passes, until it answers that it has seen enough; then it is dropped. Called while
/// bytes are on their way: it must not wait.
pub type Watch<'a> = Box<dyn FnMut(&[u8]) -> ControlFlow<()> + Send + 'a>;

/// Hears what passes either way. Called while bytes are on their way: it must not wait.
pub trait Ear: Send + Sync {
    /// The client or the upstream says this.
    fn hear(&self, from_client: bool, bytes: &[u8]);
}

/// Relays raw bytes both ways until both sides have closed, keeping half-close.
///
/// No buffer is held while nothing moves: bytes go through a scratch buffer of the thread, and only what a slow reader
/// does not take at once is kept, at most one scratch a direction; until it is gone nothing more is read for it.
/// `watch` sees what comes from the upstream, its read-ahead first. `idle` counts silence of both sides together; a connection closed by one side gets [`HALF_CLOSED`] of silence.
///
/// Not an `async fn`: its arguments would stay in the future beside what is made of them, in every idle session.
pub fn splice<'a, F: Fn(Ended) -> &'static [u8] + Send + 'a>(
    (client, upstream): (Leg, Leg),
    (watch, ear): (Watch<'a>, Arc<dyn Ear>),
    times: Times,
    carried: &'a Carried,
    (stop, last): (&'a CancellationToken, LastWords<F>),
) -> impl Future<Output = Ended> + Send + use<'a, F> {
    let mut to_upstream = Flow::new(client.ahead, &carried.sent, (true, Arc::clone(&ear)));
    to_upstream.show_ahead();
    let mut to_client = Flow { watch: Some(watch), ..Flow::new(upstream.ahead, &carried.received, (false, ear)) };
    to_client.rests = last.fits;
    to_client.at_rest = true;
    to_client.show_ahead();
    let mut splice = Splice {
        asked: !to_upstream.pending.is_empty(),
        to_upstream,
        to_client,
        client: client.stream,
        upstream: upstream.stream,
        first: None,
    };
    async move {
        let ended = splice.run(times, last.waits, stop).await;
        let words = (last.words)(ended);
        match ended {
            Ended::Stopped => Box::pin(splice.leave(words)).await,
            Ended::Idle | Ended::Outlived => Box::pin(splice.part(words)).await,
            _ => {}
        }
        ended
    }
}

/// How long a stop waits for what is under way, and how long the last words may take to be taken.
const PARTING: Duration = Duration::from_secs(2);

/// How long a client that sends nothing is taken for one that waits.
const STILL: Duration = Duration::from_millis(50);

/// RFC 2177, 3: a client in IDLE may be logged out after 30 minutes, and not before.
const PATIENCE: Duration = Duration::from_mins(30);

/// The latest octets of a client that are kept: as many as ` IDLE` and its end of line have.
const TAIL: usize = 7;

/// How long a half-closed connection may be silent. A peer that is gone for good looks the same as one that listens.
const HALF_CLOSED: Duration = Duration::from_mins(1);

/// Rounds of reading and writing before other sessions of the thread get their turn.
const BUDGET: usize = 16;

struct Splice<'a> {
    client: Stream,
    upstream: Stream,
    to_upstream: Flow<'a>,
    to_client: Flow<'a>,
    /// The side that closed first.
    first: Option<Ended>,
    /// The client has said something and the upstream nothing since.
    asked: bool,
}

/// One direction.
struct Flow<'a> {
    /// What the destination did not take yet, from `written` on.
    pending: Vec<u8>,
    written: usize,
    octets: &'a AtomicU64,
    state: FlowState,
    /// Something was written since the last flush.
    unflushed: bool,
    watch: Option<Watch<'a>>,
    /// Whether it carries what the client says, and who hears it.
    ear: (bool, Arc<dyn Ear>),
    /// Whether something of Gatepost's own could be said behind a chunk, and behind the last one.
    rests: fn(&[u8]) -> bool,
    at_rest: bool,
    tail: [u8; TAIL],
    /// Something has come since this was taken back.
    spoke: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FlowState {
    Open,
    /// The source ended; the destination has to be told once all is written.
    Draining,
    Done,
}

impl Splice<'_> {
    async fn run(&mut self, times: Times, waits: fn(&[u8]) -> bool, stop: &CancellationToken) -> Ended {
        let (mut since, mut before) = (Instant::now(), 0);
        let most = times.most.and_then(|most| since.checked_add(most));
        let first_look = since + times.idle;
        let deadline = sleep_until(most.map_or(first_look, |most| most.min(first_look)));
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                ended = poll_fn(|cx| self.poll(cx)) => return ended,
                () = stop.cancelled() => return Ended::Stopped,
                () = &mut deadline => {
                    let (now, carried) = (Instant::now(), self.to_upstream.carries() + self.to_client.carries());
                    let idle = self.patience(times.idle, waits);
                    if carried != before {
                        (before, since) = (carried, now);
                    } else if now >= since + idle {
                        return self.first.unwrap_or(Ended::Idle);
                    } else if most.is_some_and(|most| now >= most + times.quiet) && !self.asked && self.may_part() {
                        return Ended::Outlived;
                    }
                    // Once it has outlived its time it is looked at more often.
                    let look = most.map_or(since + idle, |most| most.max(now + times.quiet).min(since + idle));
                    deadline.as_mut().reset(look);
                }
            }
        }
    }

    /// Goes on until an answer is whole, and nothing comes from the client for a moment: it may be within a message that it stores.
    async fn come_to_rest(&mut self) {
        loop {
            let before = self.to_upstream.carries();
            tokio::select! {
                biased;
                _ = poll_fn(|cx| self.poll(cx)) => return,
                () = sleep(STILL) => {}
            }
            let rests = self.to_client.at_rest && self.to_client.pending.is_empty();
            if rests && self.to_upstream.carries() == before {
                return;
            }
        }
    }

    async fn leave(&mut self, words: &[u8]) {
        drop(timeout(PARTING, self.come_to_rest()).await);
        self.part(words).await;
    }

    /// How long silence may last.
    fn patience(&self, idle: Duration, waits: fn(&[u8]) -> bool) -> Duration {
        match self.first {
            Some(_) => idle.min(HALF_CLOSED),
            None if waits(&self.to_upstream.tail) => idle.max(PATIENCE),
            None => idle,
        }
    }

    /// Whether something of Gatepost's own can be said.
    fn may_part(&self) -> bool {
        self.to_client.at_rest && self.to_client.pending.is_empty() && self.first.is_none()
    }

    /// Says the last words where they cannot be taken for a part of something else, and closes.
    async fn part(&mut self, words: &[u8]) {
        let fits = self.may_part();
        let saying = async {
            if fits {
                self.client.write_all(words).await?;
            }
            self.client.shutdown().await
        };
        // Whoever does not listen needs no goodbye.
        drop(timeout(PARTING, saying).await);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let up = self.to_upstream.poll(cx, &mut self.client, &mut self.upstream);
        if let Poll::Ready(Err(fault)) = &up {
            return Poll::Ready(fault.ended(Ended::ClientBroke, Ended::UpstreamBroke));
        }
        let down = self.to_client.poll(cx, &mut self.upstream, &mut self.client);
        if let Poll::Ready(Err(fault)) = &down {
            return Poll::Ready(fault.ended(Ended::UpstreamBroke, Ended::ClientBroke));
        }
        let (asked, answered) = (take(&mut self.to_upstream.spoke), take(&mut self.to_client.spoke));
        // Of both at once nobody knows which was first.
        self.asked = asked || (self.asked && !answered);
        if self.first.is_none() {
            self.first = match (self.to_upstream.state, self.to_client.state) {
                (FlowState::Open, FlowState::Open) => None,
                (FlowState::Open, _) => Some(Ended::Upstream),
                _ => Some(Ended::Client),
            };
        }
        if up.is_ready() && down.is_ready() { Poll::Ready(self.first.unwrap_or(Ended::Client)) } else { Poll::Pending }
    }
}

/// Which end of a flow failed.
enum Fault {
    Source(io::ErrorKind),
    Destination(io::ErrorKind),
}

impl Fault {
    fn ended(&self, source: fn(io::ErrorKind) -> Ended, destination: fn(io::ErrorKind) -> Ended) -> Ended {
        match self {
            Self::Source(kind) => source(*kind),
            Self::Destination(kind) => destination(*kind),
        }
    }
}

impl<'a> Flow<'a> {
    const fn new(ahead: Vec<u8>, octets: &'a AtomicU64, ear: (bool, Arc<dyn Ear>)) -> Self {
        Self {
            pending: ahead,
            written: 0,
            octets,
            state: FlowState::Open,
            unflushed: false,
            watch: None,
            ear,
            rests: |_| false,
            at_rest: false,
            tail: [0; TAIL],
            spoke: false,
        }
    }

    fn carries(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    fn show_ahead(&mut self) {
        let ahead = take(&mut self.pending);
        self.show(&ahead);
        self.pending = ahead;
    }

    fn show(&mut self, chunk: &[u8]) {
        let (from_client, ear) = &self.ear;
        ear.hear(*from_client, chunk);
        if !chunk.is_empty() {
            self.at_rest = (self.rests)(chunk);
            self.spoke = true;
            let kept = chunk.len().min(TAIL);
            self.tail.rotate_left(kept);
            self.tail[TAIL - kept..].copy_from_slice(&chunk[chunk.len() - kept..]);
        }
        if self.watch.as_mut().is_some_and(|watch| watch(chunk).is_break()) {
            self.watch = None;
        }
    }

    /// Ready when the source has ended and the destination knows.
    fn poll(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream) -> Poll<Result<(), Fault>> {
        for _ in 0..BUDGET {
            ready!(self.poll_pending(cx, to))?;
            match self.state {
                FlowState::Done => return Poll::Ready(Ok(())),
                FlowState::Draining => {
                    // A destination that is gone already needs no goodbye.
                    drop(ready!(Pin::new(&mut *to).poll_shutdown(cx)));
                    self.state = FlowState::Done;
                }
                FlowState::Open => {
                    if self.poll_carry(cx, from, to)?.is_pending() {
                        return self.poll_flush(cx, to);
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what was left over.
    fn poll_pending(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<Result<(), Fault>> {
        while self.written < self.pending.len() {
            let count = match Pin::new(&mut *to).poll_write(cx, &self.pending[self.written..]) {
                Poll::Ready(written) => written.map_err(destination)?,
                Poll::Pending => return self.poll_flush(cx, to),
            };
            self.carried(count);
            self.written += count;
        }
        if self.written > 0 {
            self.pending = Vec::new();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes at once what the destination takes; keeps the rest. Pending when there is nothing to read.
    fn poll_carry(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream) -> Result<Poll<()>, Fault> {
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(from).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(())) => {}
                // A peer that closes TCP without TLS's close_notify: the stream's end all the same.
                Poll::Ready(Err(fault)) if fault.kind() == io::ErrorKind::UnexpectedEof => {}
                Poll::Ready(Err(fault)) => return Err(Fault::Source(fault.kind())),
            }
            let mut chunk = buffer.filled();
            if chunk.is_empty() {
                self.state = FlowState::Draining;
            }
            self.show(chunk);
            while !chunk.is_empty() {
                let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, chunk) else {
                    self.pending = chunk.to_vec();
                    break;
                };
                let count = written.map_err(destination)?;
                self.carried(count);
                chunk = &chunk[count..];
            }
            Ok(Poll::Ready(()))
        })
    }

    /// Lets buffered ciphertext go. Pending either way: the flow waits for its source or its destination.
    fn poll_flush(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<Result<(), Fault>> {
        if self.unflushed {
            ready!(Pin::new(to).poll_flush(cx)).map_err(destination)?;
            self.unflushed = false;
        }
        Poll::Pending
    }

    fn carried(&mut self, count: usize) {
        self.octets.fetch_add(count as u64, Ordering::Relaxed);
        self.unflushed = true;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn destination(fault: io::Error) -> Fault {
    Fault::Destination(fault.kind())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    fn leg(tcp: TcpStream, ahead: &[u8]) -> Leg {
        Leg { stream: Stream::Plain(tcp.into()), ahead: ahead.to_vec() }
    }

    struct Deaf;

    impl Ear for Deaf {
        fn hear(&self, _: bool, _: &[u8]) {}
    }

    fn nobody() -> Watch<'static> {
        Box::new(|_| ControlFlow::Break(()))
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Relayed {
        sent: u64,
        received: u64,
        ended: Ended,
    }

    async fn relayed((down, up): (Leg, Leg), watch: Watch<'static>, times: Times, stop: &CancellationToken) -> Relayed {
        let carried = Carried::default();
        let words = |ended| if ended == Ended::Outlived { &b"enough\n"[..] } else { b"bye\n" };
        let last = LastWords { fits: |said| said.ends_with(b".\n"), waits: |tail| tail.ends_with(b"wait\n"), words };
        let ended = splice((down, up), (watch, Arc::new(Deaf)), times, &carried, (stop, last)).await;
        Relayed { sent: carried.sent(), received: carried.received(), ended }
    }

    async fn spliced(
        ahead: [&[u8]; 2],
        times: Times,
    ) -> (TcpStream, TcpStream, JoinHandle<Relayed>, CancellationToken) {
        let (client, client_leg) = pair().await;
        let (upstream, upstream_leg) = pair().await;
        let (down, up) = (leg(client_leg, ahead[0]), leg(upstream_leg, ahead[1]));
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let relay = tokio::spawn(async move { relayed((down, up), nobody(), times, &stopping).await });
        (client, upstream, relay, stop)
    }

    const LONG: Times = Times { idle: Duration::from_mins(1), most: None, quiet: SHORT };
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn read_ahead_goes_first_and_half_close_is_kept() {
        let (mut client, mut upstream, relay, _stop) = spliced([b"a1 NOOP\r\n", b"* OK hi\r\n"], LONG).await;
        client.write_all(b"a2 LOGOUT\r\n").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = String::new();
        upstream.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "a1 NOOP\r\na2 LOGOUT\r\n");

        upstream.write_all(b"a1 OK\r\na2 OK\r\n").await.unwrap();
        drop(upstream);
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        assert_eq!(answered, "* OK hi\r\na1 OK\r\na2 OK\r\n");
        assert_eq!(relay.await.unwrap(), Relayed { sent: 20, received: 23, ended: Ended::Client });
    }

    #[tokio::test]
    async fn a_slow_reader_holds_the_sender_and_loses_nothing() {
        let (mut client, mut upstream, relay, _stop) = spliced([b"", b""], LONG).await;
        let sent: Vec<u8> = (0..48_000_000_u32).map(|i| i.to_le_bytes()[(i % 3) as usize]).collect();
        let expected = sent.clone();
        let sending = tokio::spawn(async move {
            upstream.write_all(&sent).await.unwrap();
            upstream.shutdown().await.unwrap();
            upstream
        });
        let mut got = Vec::new();
        while got.len() < 100_000 {
            let mut drop_by_drop = [0; 100];
            let count = client.read(&mut drop_by_drop).await.unwrap();
            got.extend_from_slice(&drop_by_drop[..count]);
            tokio::task::yield_now().await;
        }
        assert!(!sending.is_finished(), "the sender was not held back");
        client.read_to_end(&mut got).await.unwrap();
        assert!(got == expected);
        drop((client, sending.await.unwrap()));
        assert_eq!(relay.await.unwrap().ended, Ended::Upstream);
    }

    #[tokio::test]
    async fn silence_ends_it_and_so_does_a_stop() {
        let (_client, _upstream, relay, _stop) = spliced([b"", b""], Times { idle: SHORT, ..LONG }).await;
        assert_eq!(relay.await.unwrap().ended, Ended::Idle);

        let (_client, _upstream, relay, stop) = spliced([b"", b""], LONG).await;
        stop.cancel();
        assert_eq!(relay.await.unwrap().ended, Ended::Stopped);
    }

    /// How long to look that something does not end.
    const A_WHILE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn one_that_lasts_too_long_is_ended_when_nothing_is_under_way() {
        let times = Times { most: Some(Duration::ZERO), ..LONG };
        let (mut client, mut upstream, relay, _stop) = spliced([b"give\n", b""], times).await;
        for said in ["half", " of it\n"] {
            upstream.write_all(said.as_bytes()).await.unwrap();
            let mut got = vec![0; said.len()];
            client.read_exact(&mut got).await.unwrap();
            sleep(A_WHILE).await;
            assert!(!relay.is_finished(), "within an answer");
        }
        client.write_all(b"more\n").await.unwrap();
        let mut asked = [0; 10];
        upstream.read_exact(&mut asked).await.unwrap();
        sleep(A_WHILE).await;
        assert!(!relay.is_finished(), "an answer is due");
        upstream.write_all(b"all.\n").await.unwrap();
        assert_eq!(relay.await.unwrap().ended, Ended::Outlived);
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "all.\nenough\n");
    }

    #[tokio::test]
    async fn a_client_that_means_to_wait_is_not_idle() {
        let (mut client, mut upstream, relay, _stop) = spliced([b"", b"hi.\n"], Times { idle: A_WHILE, ..LONG }).await;
        // In two pieces, as a network may have it.
        for said in ["please wa", "it\n"] {
            client.write_all(said.as_bytes()).await.unwrap();
            let mut got = vec![0; said.len()];
            upstream.read_exact(&mut got).await.unwrap();
        }
        sleep(A_WHILE * 4).await;
        assert!(!relay.is_finished());
    }

    #[tokio::test]
    async fn a_stop_says_its_last_words_where_they_fit() {
        for (said, heard) in [("", "bye\n"), ("all.\n", "all.\nbye\n"), ("not all\n", "not all\n"), ("a.\nb", "a.\nb")]
        {
            let (mut client, mut upstream, relay, stop) = spliced([b"", b""], LONG).await;
            upstream.write_all(said.as_bytes()).await.unwrap();
            let mut got = vec![0; said.len()];
            client.read_exact(&mut got).await.unwrap();
            stop.cancel();
            assert_eq!(relay.await.unwrap().ended, Ended::Stopped);
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), heard);
        }
    }

    #[tokio::test]
    async fn a_watch_sees_the_upstreams_bytes_in_order_until_it_has_enough() {
        let (mut client, client_leg) = pair().await;
        let (mut upstream, upstream_leg) = pair().await;
        let (down, up) = (leg(client_leg, b"never shown"), leg(upstream_leg, b"ahead "));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seeing = Arc::clone(&seen);
        let watch: Watch<'static> = Box::new(move |chunk| {
            let mut seen = seeing.lock().unwrap();
            seen.extend_from_slice(chunk);
            if seen.len() < 8 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let relay = tokio::spawn(async move { relayed((down, up), watch, LONG, &CancellationToken::new()).await });
        let mut got = vec![0; 6];
        client.read_exact(&mut got).await.unwrap();
        for piece in ["a", "bc", "enough"] {
            upstream.write_all(piece.as_bytes()).await.unwrap();
            got.resize(piece.len(), 0);
            client.read_exact(&mut got).await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), b"ahead abc");
        assert_eq!(Arc::strong_count(&seen), 1, "it costs nothing any more");
        drop((client, upstream));
        relay.await.unwrap();
    }
}
