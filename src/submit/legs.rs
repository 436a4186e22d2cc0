use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::Admission;
use crate::net::{Carried, Link};
use crate::proto::smtp::{Conversation, Reply, Turn};
use crate::proto::{Input, Line};
use crate::trace::{Tracer, Way};

/// Both connections of a session, each with what was received and not yet consumed, and what is still to be sent.
#[derive(Debug)]
pub struct Legs {
    /// To the local program.
    pub client: Link,
    /// Read-ahead of the local program.
    pub from_client: Input,
    /// To the provider.
    pub upstream: Link,
    /// Read-ahead of the provider.
    pub from_upstream: Input,
    /// Answers that wait for more to go with them.
    answers: Vec<u8>,
    /// Commands that wait for more to go with them.
    group: Vec<u8>,
    hearing: Hearing,
    /// The reply to a RSET of before this session is due; see [`Way::Reused`](super::kept::Way).
    owed: bool,
    /// The upstream has refused something.
    refused: bool,
    carried: Arc<Carried>,
    tracer: Arc<Tracer>,
}

/// Whether the upstream leg hears commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Commands,
    /// Not any more: it is broken, or within a body that has no end.
    Nothing,
    /// It was closed.
    Closed,
}

/// The upstream leg is of no use any more, and why; for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UpstreamLost(pub(super) String);

/// Answers are held back up to so many octets.
const ANSWERS: usize = 16 * 1024;

impl Legs {
    /// Two connections that are logged in, and the read-ahead of both. What goes through them is counted.
    #[must_use]
    pub fn new(client: (Link, Input), upstream: (Link, Input), carried: Arc<Carried>, tracer: Arc<Tracer>) -> Self {
        let ((client, from_client), (upstream, from_upstream)) = (client, upstream);
        Self {
            client,
            from_client,
            upstream,
            from_upstream,
            answers: Vec::new(),
            group: Vec::new(),
            hearing: Hearing::Commands,
            owed: false,
            refused: false,
            carried,
            tracer,
        }
    }

    /// The same where the reply to a RSET is due, or not.
    #[must_use]
    pub fn with_reply_due(self, owed: bool) -> Self {
        Self { owed, ..self }
    }

    /// Answers the client, with the next [`Legs::flush`].
    pub(super) async fn say(&mut self, answer: &[u8]) -> io::Result<()> {
        self.answers.extend_from_slice(answer);
        if self.answers.len() > ANSWERS { self.flush().await } else { Ok(()) }
    }

    /// Sends the answers that were held back. Due before any wait.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let answers = std::mem::take(&mut self.answers);
        self.carried.receive(answers.len());
        self.tracer.hear(Way::ToClient, &answers);
        self.client.send(&answers).await
    }

    /// Adds a command to the group.
    pub(super) fn queue(&mut self, line: &[u8]) {
        self.group.extend_from_slice(line);
    }

    /// Sends the group upstream in one write. A reply that is there before its command would be taken for the command's.
    pub(super) async fn send_group(&mut self) -> Result<(), UpstreamLost> {
        let group = std::mem::take(&mut self.group);
        if group.is_empty() {
            return Ok(());
        }
        self.in_step()?;
        self.carried.send(group.len());
        self.tracer.hear(Way::ToUpstream, &group);
        self.upstream.send(&group).await.map_err(|fault| UpstreamLost(format!("cannot write: {fault}")))
    }

    /// The upstream has said nothing that it was not asked.
    pub(super) fn in_step(&mut self) -> Result<(), UpstreamLost> {
        match self.next_reply()? {
            Some(reply) => Err(UpstreamLost(format!("spoke without being asked: {}", reply.text()))),
            None if self.from_upstream.is_empty() || self.owed => Ok(()),
            None => Err(UpstreamLost("spoke without being asked".into())),
        }
    }

    /// Sends a part of a body upstream.
    pub(super) async fn send_body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.carried.send(bytes.len());
        let writing = timeout(self.upstream.patience, self.upstream.stream.write_all(bytes)).await;
        writing.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Lets all of a body go that was written.
    pub(super) async fn flush_body(&mut self) -> io::Result<()> {
        let flushing = timeout(self.upstream.patience, self.upstream.stream.flush()).await;
        flushing.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits for the upstream's next reply, at most `wait` for each part of it.
    pub(super) async fn reply(&mut self, wait: Duration) -> Result<Reply, UpstreamLost> {
        loop {
            if let Some(reply) = self.next_reply()? {
                return Ok(reply);
            }
            let chunk = self.upstream.read(wait).await;
            let chunk = chunk.map_err(|fault| UpstreamLost(format!("no reply: {fault}")))?;
            if chunk.is_empty() {
                return Err(UpstreamLost("closed the connection".into()));
            }
            self.from_upstream.push(&chunk);
        }
    }

    /// A reply that has arrived whole, if there is one; not that to the RSET of before this session.
    pub(super) fn next_reply(&mut self) -> Result<Option<Reply>, UpstreamLost> {
        let Some(reply) = self.read_reply()? else { return Ok(None) };
        if !std::mem::take(&mut self.owed) {
            return Ok(Some(reply));
        }
        if reply.is_positive() { self.read_reply() } else { Err(UpstreamLost(format!("RSET: {}", reply.text()))) }
    }

    fn read_reply(&mut self) -> Result<Option<Reply>, UpstreamLost> {
        let reply = Reply::read(&mut self.from_upstream).map_err(|violation| UpstreamLost(violation.to_string()))?;
        if let Some(reply) = &reply {
            self.refused |= reply.code() >= 400;
            self.tracer.hear(Way::FromUpstream, reply.raw());
        }
        Ok(reply)
    }

    /// Whether the upstream may speak without having been asked in this session.
    pub(super) const fn is_reply_due(&self) -> bool {
        self.owed
    }

    /// The commands that wait.
    pub(super) fn group(&self) -> &[u8] {
        &self.group
    }

    /// Whether the upstream could serve another as it served this one: it is in step, and has refused nothing.
    pub(super) fn is_spotless(&mut self) -> bool {
        self.hearing == Hearing::Commands && self.group.is_empty() && self.in_step().is_ok() && !self.refused
    }

    /// Another upstream instead of the one that was closed.
    pub(super) fn moves_to(&mut self, upstream: Link, from_upstream: Input) {
        (self.upstream, self.from_upstream) = (upstream, from_upstream);
        (self.hearing, self.owed, self.refused) = (Hearing::Commands, false, false);
    }

    /// Both, the upstream with what it has sent and whether a reply is due.
    pub(super) fn apart(self) -> (Link, (Link, Input, bool)) {
        (self.client, (self.upstream, self.from_upstream, self.owed))
    }

    /// What the conversation makes of what the client has said.
    pub(super) fn advance(&mut self, conversation: &mut Conversation) -> Turn {
        let ahead = self.tracer.ahead(&self.from_client);
        let turn = conversation.advance(&mut self.from_client);
        self.tracer.consumed(Way::FromClient, ahead, &self.from_client);
        turn
    }

    /// A message is with the upstream.
    pub(super) fn relayed(&self, octets: u64) {
        self.tracer.message(octets);
    }

    /// Frees what an idle session needs not.
    pub(super) fn release(&mut self) {
        self.from_client.release();
        self.from_upstream.release();
    }

    /// From now on the upstream hears nothing more.
    pub(super) fn abandon(&mut self) {
        if self.hearing == Hearing::Commands {
            self.hearing = Hearing::Nothing;
        }
    }

    /// Closes the upstream leg, and with it gives up the session's place at the gate.
    pub(super) async fn hang_up(&mut self, admission: &mut Admission) {
        hang_up(&mut self.upstream, &mut self.hearing, admission).await;
    }

    /// As [`Legs::hang_up`], while a client that has its answer may say QUIT in peace.
    pub(super) async fn see_off(&mut self, admission: &mut Admission) {
        drop(self.flush().await);
        let Self { client, from_client, upstream, hearing, .. } = self;
        tokio::join!(hang_up(upstream, hearing, admission), goodbye(client, from_client));
    }

    /// The last words to both sides, as far as they can still be said, and the end of both connections.
    pub(super) async fn part(&mut self, admission: &mut Admission) {
        drop(self.flush().await);
        let Self { client, upstream, hearing, .. } = self;
        tokio::join!(hang_up(upstream, hearing, admission), client.close());
    }
}

/// How long an upstream may take to close; one that takes nothing more has to be left.
const HANG_UP: Duration = Duration::from_secs(3);

async fn hang_up(upstream: &mut Link, hearing: &mut Hearing, admission: &mut Admission) {
    let heard = std::mem::replace(hearing, Hearing::Closed);
    if heard == Hearing::Closed {
        return;
    }
    goodbye_upstream(upstream, heard == Hearing::Commands).await;
    admission.leave();
}

/// Closes the connection, with QUIT where that would be heard.
pub(super) async fn goodbye_upstream(upstream: &mut Link, hears: bool) {
    let closing = async {
        if hears {
            drop(upstream.send(b"QUIT\r\n").await);
        }
        upstream.close().await;
    };
    drop(timeout(HANG_UP, closing).await);
}

/// How long, and for how long a line, to wait for the QUIT of a client whose upstream is gone.
const PARTING: Duration = Duration::from_secs(10);
const PARTING_LINE: usize = 4096;

async fn goodbye(client: &mut Link, from_client: &mut Input) {
    let answer: &[u8] = loop {
        match from_client.line(PARTING_LINE) {
            Line::Incomplete => match client.read(PARTING).await {
                Ok(chunk) if !chunk.is_empty() => from_client.push(&chunk),
                _ => return,
            },
            Line::Whole(line) if line.trim_ascii_end().eq_ignore_ascii_case(b"QUIT") => break b"221 2.0.0 Bye\r\n",
            _ => break b"421 4.4.2 The mail provider ended the session; connect again\r\n",
        }
    };
    drop(client.send(answer).await);
}
