mod flow;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::flow::{Flow, FlowState};
use super::Stream;

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
    let mut to_client = Flow::new(upstream.ahead, &carried.received, (false, ear));
    to_client.watch = Some(watch);
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

/// How long a half-closed connection may be silent. A peer that is gone for good looks the same as one that listens.
const HALF_CLOSED: Duration = Duration::from_mins(1);

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
