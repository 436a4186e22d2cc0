//! One direction of a splice.

use std::io;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::super::Stream;
use super::super::scratch::with_scratch;
use super::{Ear, Ended, Watch};

/// The latest octets of a client that are kept: as many as ` IDLE` and its end of line have.
const TAIL: usize = 7;

/// Rounds of reading and writing before other sessions of the thread get their turn.
const BUDGET: usize = 16;

/// One direction.
pub(super) struct Flow<'a> {
    /// What the destination did not take yet, from `written` on.
    pub(super) pending: Vec<u8>,
    written: usize,
    octets: &'a AtomicU64,
    pub(super) state: FlowState,
    /// Something was written since the last flush.
    unflushed: bool,
    pub(super) watch: Option<Watch<'a>>,
    /// Whether it carries what the client says, and who hears it.
    ear: (bool, Arc<dyn Ear>),
    /// Whether something of Gatepost's own could be said behind a chunk, and behind the last one.
    pub(super) rests: fn(&[u8]) -> bool,
    pub(super) at_rest: bool,
    pub(super) tail: [u8; TAIL],
    /// Something has come since this was taken back.
    pub(super) spoke: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowState {
    Open,
    /// The source ended; the destination has to be told once all is written.
    Draining,
    Done,
}

/// Which end of a flow failed.
pub(super) enum Fault {
    Source(io::ErrorKind),
    Destination(io::ErrorKind),
}

impl Fault {
    pub(super) fn ended(&self, source: fn(io::ErrorKind) -> Ended, destination: fn(io::ErrorKind) -> Ended) -> Ended {
        match self {
            Self::Source(kind) => source(*kind),
            Self::Destination(kind) => destination(*kind),
        }
    }
}

impl<'a> Flow<'a> {
    pub(super) const fn new(ahead: Vec<u8>, octets: &'a AtomicU64, ear: (bool, Arc<dyn Ear>)) -> Self {
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

    pub(super) fn carries(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    pub(super) fn show_ahead(&mut self) {
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
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream) -> Poll<Result<(), Fault>> {
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
