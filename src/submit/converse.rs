use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::body::{self, Body, Unfit};
use super::legs::{Legs, UpstreamLost};
use crate::explain;
use crate::lifecycle::Busy;
use crate::proto::smtp::{Command, Conversation, Envelope, Replied, Reply, Turn};
use crate::proto::{ClientText, Line, Output};

/// Times and sizes of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Silence of the client between commands, or within a body, that ends the session.
    pub idle: Duration,
    /// How long the upstream may take to answer a command (RFC 5321, 4.5.3.2).
    pub reply: Duration,
    /// How long the upstream may take to answer the end of data.
    pub end_of_data: Duration,
    /// Largest body, in octets.
    pub message_size: u64,
}

/// A submission session after both logins.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The connections.
    pub legs: &'a mut Legs,
    /// The protocol.
    pub conversation: Conversation,
    /// Times and sizes.
    pub settings: Settings,
    /// For the log: the session's id.
    pub session: &'a str,
    /// For the log: the account's name.
    pub account: &'a str,
    /// For the log: its token's name, and as whom it was logged in upstream.
    pub identity: (&'a str, &'a str),
    /// Held while a message is under way, so that a stop waits for it.
    pub busy: &'a Busy,
}

/// Why the conversation ended; for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// QUIT.
    Quit,
    /// The client closed, broke or fell silent.
    Client(String),
    /// The upstream closed, broke or fell silent.
    Upstream(String),
    /// Gatepost is stopping.
    Stopped,
}

/// Relays commands, replies and bodies until either side ends.
pub async fn converse(mut submission: Submission<'_>, stop: &CancellationToken) -> Ended {
    loop {
        match submission.turn(stop).await {
            Ok(()) => {}
            Err(ended) => {
                drop(submission.legs.upstream.send(b"QUIT\r\n").await);
                return ended;
            }
        }
    }
}

impl Submission<'_> {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        match self.conversation.advance(&mut self.legs.from_client) {
            Turn::Read => self.listen(stop).await,
            Turn::Answer(answer) => self.tell(&answer).await,
            Turn::Forward(line, command) => self.forward(&line, command).await,
            Turn::Close(answer, violation) => {
                self.tell(&answer).await?;
                Err(violation.map_or(Ended::Quit, |violation| Ended::Client(violation.to_string())))
            }
        }
    }

    /// Waits for the client. An upstream that closes meanwhile, or says 421, ends the session: the client is told at
    /// once, before it starts a message.
    async fn listen(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        self.legs.from_client.release();
        self.legs.from_upstream.release();
        let (idle, idle_upstream) = (self.settings.idle, self.settings.idle.saturating_mul(2));
        let interruptible = !self.conversation.in_transaction();
        let legs = &mut *self.legs;
        tokio::select! {
            biased;
            heard = legs.client.read(idle) => self.heard(heard).await,
            spoke = legs.upstream.read(idle_upstream) => {
                let why = match spoke {
                    Ok(chunk) => ClientText::new(&String::from_utf8_lossy(&chunk)).to_string(),
                    Err(fault) => fault.to_string(),
                };
                self.tell(&"421 4.4.2 The mail provider ended the session; connect again\r\n".into()).await?;
                Err(Ended::Upstream(if why.is_empty() { "closed the connection".into() } else { why }))
            }
            () = stop.cancelled(), if interruptible => {
                self.tell(&"421 4.3.2 Service is stopping; try again later\r\n".into()).await?;
                Err(Ended::Stopped)
            }
        }
    }

    async fn heard(&mut self, heard: std::io::Result<Vec<u8>>) -> Result<(), Ended> {
        match heard {
            Ok(chunk) if chunk.is_empty() => Err(Ended::Client("closed the connection".into())),
            Ok(chunk) => {
                self.legs.from_client.push(&chunk);
                Ok(())
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::TimedOut => {
                self.tell(&"421 4.4.2 Idle for too long\r\n".into()).await?;
                Err(Ended::Client("was idle for too long".into()))
            }
            Err(fault) => Err(Ended::Client(fault.to_string())),
        }
    }

    async fn forward(&mut self, line: &Output, command: Command) -> Result<(), Ended> {
        let asked = Instant::now();
        let reply = match self.legs.ask(line.as_bytes(), self.settings.reply).await {
            Ok(reply) => reply,
            Err(lost) => return self.lost(lost).await,
        };
        self.note_refusal(&command, &reply);
        // A client that did not wait for 354 has sent its message already: its lines must not be taken for commands.
        let impatient = command == Command::Data && reply.code() != 354 && !self.legs.from_client.is_empty();
        match self.conversation.replied(command, &reply) {
            Replied::Answer(answer) => self.tell(&answer).await?,
            Replied::Body(answer, envelope) => self.body(&answer, &envelope, asked).await?,
        }
        if impatient {
            self.part().await;
            return Err(Ended::Client("sent a message without waiting for 354".into()));
        }
        Self::closing(&reply)
    }

    /// A 421 says that the upstream will close (RFC 5321, 3.8).
    fn closing(reply: &Reply) -> Result<(), Ended> {
        if reply.code() == 421 { Err(Ended::Upstream(reply.text())) } else { Ok(()) }
    }

    async fn body(&mut self, go_ahead: &Output, envelope: &Envelope, asked: Instant) -> Result<(), Ended> {
        let _under_way = self.busy.enter();
        self.tell(go_ahead).await?;
        match body::relay(self.legs, self.settings.message_size, self.settings.idle).await {
            Body::Sent { size } => match self.legs.reply(self.settings.end_of_data).await {
                Ok(reply) => self.delivered(envelope, size, &reply, asked).await,
                Err(lost) => self.undelivered(envelope, lost).await,
            },
            Body::Lost(lost) => self.undelivered(envelope, lost).await,
            Body::Answered(reply) => {
                self.refused(envelope, "data", &reply.text());
                // A yes before the end of data is none (law 1).
                let answer = if reply.is_positive() { Output::from(INTERRUPTED) } else { Output::from(reply.raw()) };
                self.tell(&answer).await?;
                self.part().await;
                Err(Ended::Upstream("answered before the message was complete".into()))
            }
            Body::Unfit(unfit) => {
                let answer = self.unfit(envelope, &unfit);
                self.tell(&answer).await?;
                self.part().await;
                Err(Ended::Client("sent a message that cannot be forwarded".into()))
            }
            Body::Endless => {
                self.refused(envelope, "data", "far beyond the size limit");
                self.tell(&"552 5.3.4 Message too large\r\n".into()).await?;
                Err(Ended::Client("sent a message without end".into()))
            }
            Body::ClientGone(fault) => {
                self.refused(envelope, "data", "the client went away during the message");
                Err(Ended::Client(fault.to_string()))
            }
        }
    }

    async fn delivered(&mut self, envelope: &Envelope, size: u64, reply: &Reply, asked: Instant) -> Result<(), Ended> {
        if reply.is_positive() {
            let ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            let Envelope { from, recipients } = envelope;
            let reply = reply.text();
            info!(session = self.session, account = self.account, %from, recipients, size, reply, ms, "message.accepted");
        } else {
            self.refused(envelope, "end-of-data", &reply.text());
        }
        self.tell(&reply.raw().into()).await?;
        Self::closing(reply)
    }

    /// The body went out, or part of it, and no final reply came: never a yes, and worth another try.
    async fn undelivered(&mut self, envelope: &Envelope, lost: UpstreamLost) -> Result<(), Ended> {
        self.refused(envelope, "end-of-data", &format!("upstream {lost}"));
        self.tell(&INTERRUPTED.into()).await?;
        self.part().await;
        Err(Ended::Upstream(lost.to_string()))
    }

    /// The upstream leg is gone, but the client has its answer and may want to say QUIT in peace.
    async fn part(&mut self) {
        let answer = loop {
            match self.legs.from_client.line(PARTING_LINE) {
                Line::Incomplete => match self.legs.client.read(PARTING).await {
                    Ok(chunk) if !chunk.is_empty() => self.legs.from_client.push(&chunk),
                    _ => return,
                },
                Line::Whole(line) if line.eq_ignore_ascii_case(b"QUIT") => break "221 2.0.0 Bye\r\n",
                _ => break "421 4.4.2 The mail provider ended the session; connect again\r\n",
            }
        };
        drop(self.tell(&answer.into()).await);
    }

    /// The upstream went away between bodies.
    async fn lost(&mut self, lost: UpstreamLost) -> Result<(), Ended> {
        warn!(session = self.session, account = self.account, error = %lost, "upstream.unreachable");
        self.tell(&"421 4.4.2 The connection to the mail provider broke; connect again\r\n".into()).await?;
        Err(Ended::Upstream(lost.to_string()))
    }

    fn unfit(&self, envelope: &Envelope, unfit: &Unfit) -> Output {
        match unfit {
            Unfit::Fault(fault) => {
                self.refused(envelope, "data", &format!("{fault} in the message"));
                format!("550 5.6.11 {fault} in the message; lines must end in CRLF\r\n").into()
            }
            Unfit::TooLarge => {
                let limit = self.settings.message_size;
                self.refused(envelope, "data", &format!("larger than message_octets = {limit}"));
                format!("552 5.3.4 Message too large; the limit is {limit} octets\r\n").into()
            }
        }
    }

    fn note_refusal(&self, command: &Command, reply: &Reply) {
        if reply.code() < 400 {
            return;
        }
        let (stage, path) = match command {
            Command::Mail { from } => ("mail", from.as_str()),
            Command::Rcpt { to } => ("rcpt", to.as_str()),
            Command::Data => ("data", ""),
            Command::Rset | Command::Restart { .. } | Command::Noop => return,
        };
        let reply = reply.text();
        let (cause, remedy) = self.meaning(&reply);
        warn!(session = self.session, account = self.account, stage, path, reply, cause, remedy, "message.refused");
    }

    fn refused(&self, envelope: &Envelope, stage: &str, reply: &str) {
        let Envelope { from, recipients } = envelope;
        let (cause, remedy) = self.meaning(reply);
        warn!(session = self.session, account = self.account, stage, %from, recipients, reply, cause, remedy, "message.refused");
    }

    /// Why the provider says so, and what to do, as far as it is known.
    fn meaning(&self, reply: &str) -> (Option<&'static str>, Option<String>) {
        let (token, user) = self.identity;
        let known = explain::mail_refusal(reply);
        (known.map(|known| known.cause), known.map(|known| known.remedy_at(token, user)))
    }

    async fn tell(&mut self, answer: &Output) -> Result<(), Ended> {
        let sent = self.legs.client.send(answer.as_bytes()).await;
        sent.map_err(|fault| Ended::Client(format!("cannot be reached: {fault}")))
    }
}

/// How long, and for how long a line, to wait for the QUIT of a client whose upstream is gone.
const PARTING: Duration = Duration::from_secs(10);
const PARTING_LINE: usize = 4096;

const INTERRUPTED: &str =
    "451 4.4.2 The connection to the mail provider broke; the message was not accepted, try again\r\n";
