use std::fmt;
use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use tokio::time::{Instant as Moment, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Admission;
use super::guest::Guest;
use super::kept::{Kept, Leg, Origin, Way};
use super::legs::{Legs, UpstreamLost};
use super::trial::{Anew, Trial};
use crate::lifecycle::Busy;
use crate::proto::smtp::header::Policy;
use crate::proto::smtp::{Command, Conversation, Replied, Reply, Turn};
use crate::proto::{ClientText, Output};
use crate::token::Tokens;

/// Times and sizes of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Silence of the client between commands, or within a body, that ends the session.
    pub idle: Duration,
    /// When the session has lasted as long as it may.
    pub until: Option<Moment>,
    /// How long the upstream may take to answer a command (RFC 5321, 4.5.3.2).
    pub reply: Duration,
    /// The same for the first answer of a session that another program has left behind.
    pub first_reply: Duration,
    /// How long the upstream may take to answer the end of data.
    pub end_of_data: Duration,
    /// Largest body, in octets.
    pub message_size: u64,
    /// Largest header that the sender policy looks at, in octets.
    pub header_size: usize,
}

/// A submission session after both logins.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The connections.
    pub legs: Legs,
    /// Where the one to the provider comes from.
    pub origin: Origin,
    /// Where it may go when the client has left.
    pub kept: &'a Kept,
    /// Who makes another where this one has died before.
    pub anew: Anew<'a>,
    /// Another program has left it behind, and nothing of it has reached this client yet.
    pub trial: Option<Trial>,
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
    /// As whom it may send.
    pub sender: Policy<'a>,
    /// Its place at its mailbox's gate.
    pub admission: Admission,
    /// A client that may send without a login, if it is one.
    pub guest: Option<Guest<'a>>,
    /// Held while a message is under way, so that a stop waits for it.
    pub busy: &'a Busy,
    /// Where a token is reported that the upstream let in and then refused.
    pub tokens: &'a Tokens,
    /// Whether a stop is one of the service, and not one that somebody meant for this session.
    pub service: Closing<'a>,
}

/// Whether the service, or the listener, is being closed.
#[derive(Clone, Copy)]
pub struct Closing<'a>(pub &'a (dyn Fn() -> bool + Send + Sync));

impl fmt::Debug for Closing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closing").field(&self.0()).finish()
    }
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
    /// Another session waited for its place at the mailbox.
    Yielded,
    /// It lasted as long as it may.
    Outlived,
    /// Gatepost is stopping, or somebody ended this session.
    Stopped,
}

/// Relays commands, replies and bodies until either side ends, or somebody stops this session, and closes both connections.
pub async fn converse(mut submission: Submission<'_>, stop: &CancellationToken) -> Ended {
    let ended = loop {
        if let Err(ended) = submission.turn(stop).await {
            break ended;
        }
    };
    let stays = submission.may_stay(&ended, stop);
    Box::pin(submission.part(stays)).await;
    ended
}

impl Submission<'_> {
    /// Whether the upstream session may serve the next program: this one has left it as a login makes it.
    fn may_stay(&mut self, ended: &Ended, stop: &CancellationToken) -> bool {
        let left = matches!(ended, Ended::Quit | Ended::Client(_)) && !stop.is_cancelled();
        left && self.conversation.is_at_rest() && self.legs.is_spotless()
    }

    /// The last words to the client, and to the upstream where it does not stay.
    async fn part(mut self, stays: bool) {
        if !stays {
            return self.legs.part(&mut self.admission).await;
        }
        drop(self.legs.flush().await);
        let (mut client, (link, ahead, owed)) = self.legs.apart();
        let way = if owed { Way::Reused { owed } } else { Way::New };
        let origin = Origin { way, ..self.origin };
        let leg = Leg {
            link,
            ahead,
            extensions: self.conversation.into_upstream(),
            origin,
            permit: self.admission.into_place(),
        };
        match self.kept.keep(leg) {
            Ok(()) => client.close().await,
            Err(leg) => drop(tokio::join!(leg.hang_up(), client.close())),
        }
    }

    async fn turn(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        match self.legs.advance(&mut self.conversation) {
            Turn::Read => self.listen(stop).await,
            Turn::Settle => self.settle().await,
            Turn::Answer(answer) => {
                self.settle().await?;
                self.say(&answer).await
            }
            Turn::Refuse(answer, command) => {
                self.settle().await?;
                self.refused_here(&command, &answer);
                self.say(&answer).await
            }
            Turn::Forward(line, command) => match self.judged(line, &command) {
                Ok(line) => self.forward(&line, command, stop).await,
                Err(refusal) => self.turn_away(refusal).await,
            },
            Turn::Close(answer, violation) => {
                self.settle().await?;
                self.say(&answer).await?;
                Err(violation.map_or(Ended::Quit, |violation| Ended::Client(violation.to_string())))
            }
        }
    }

    /// Waits for the client. An upstream that closes meanwhile, or says 421, ends the session: the client is told at
    /// once, before it starts a message.
    async fn listen(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        self.flush().await?;
        if let Err(lost) = self.legs.in_step() {
            return self.left(lost.to_string()).await;
        }
        self.legs.release();
        let (idle, idle_upstream) = (self.settings.idle, self.settings.idle.saturating_mul(2));
        let interruptible = !self.conversation.in_transaction();
        if interruptible {
            self.admission.over();
        }
        if interruptible && stop.is_cancelled() {
            return self.stopped().await;
        }
        let until = self.settings.until;
        if interruptible && until.is_some_and(|until| until <= Moment::now()) {
            return self.outlived().await;
        }
        let legs = &mut self.legs;
        tokio::select! {
            biased;
            spoke = legs.upstream.read(idle_upstream) => {
                let why = match spoke {
                    Ok(chunk) if legs.is_reply_due() && !chunk.is_empty() => {
                        legs.from_upstream.push(&chunk);
                        return Ok(());
                    }
                    Ok(chunk) => {
                        self.overheard(&chunk);
                        ClientText::new(&String::from_utf8_lossy(&chunk)).to_string()
                    }
                    Err(fault) => fault.to_string(),
                };
                self.left(if why.is_empty() { "closed the connection".into() } else { why }).await
            }
            heard = legs.client.read(idle) => self.heard(heard).await,
            () = self.admission.wanted(), if interruptible => {
                self.say(&"421 4.3.2 Idle while others wait for the mailbox; connect again\r\n".into()).await?;
                Err(Ended::Yielded)
            }
            () = stop.cancelled(), if interruptible => self.stopped().await,
            () = at(until), if interruptible => self.outlived().await,
        }
    }

    /// Between messages.
    async fn stopped(&mut self) -> Result<(), Ended> {
        let service = self.service.0();
        let last =
            if service { "Service is stopping; try again later" } else { "The administrator ended this session" };
        self.say(&format!("421 4.3.2 {last}\r\n").as_str().into()).await?;
        Err(Ended::Stopped)
    }

    /// Between messages.
    async fn outlived(&mut self) -> Result<(), Ended> {
        self.say(&"421 4.3.2 This session has lasted as long as it may; connect again\r\n".into()).await?;
        Err(Ended::Outlived)
    }

    /// The upstream ended the session between commands.
    async fn left(&mut self, why: String) -> Result<(), Ended> {
        if self.trial.is_some() {
            return self.lost_or_replaced(UpstreamLost(why)).await;
        }
        self.legs.abandon();
        drop(self.say(&"421 4.4.2 The mail provider ended the session; connect again\r\n".into()).await);
        Err(Ended::Upstream(why))
    }

    async fn heard(&mut self, heard: io::Result<Vec<u8>>) -> Result<(), Ended> {
        match heard {
            Ok(chunk) if chunk.is_empty() => Err(Ended::Client("closed the connection".into())),
            Ok(chunk) => {
                self.legs.from_client.push(&chunk);
                Ok(())
            }
            Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {
                self.say(&"421 4.4.2 Idle for too long\r\n".into()).await?;
                Err(Ended::Client("was idle for too long".into()))
            }
            Err(fault) => Err(Ended::Client(fault.to_string())),
        }
    }

    /// Adds a command to the group.
    async fn forward(&mut self, line: &Output, command: Command, stop: &CancellationToken) -> Result<(), Ended> {
        if matches!(command, Command::Mail { .. })
            && let Some(refusal) = self.admit(&command, stop).await?
        {
            return self.turn_away(refusal).await;
        }
        self.legs.queue(line.as_bytes());
        self.conversation.forwarded(command);
        Ok(())
    }

    /// Answers a MAIL that does not go upstream.
    async fn turn_away(&mut self, refusal: Output) -> Result<(), Ended> {
        self.settle().await?;
        self.conversation.turn_away(refusal.clone());
        self.say(&refusal).await
    }

    /// Lets the group go upstream and hands all replies back in order.
    pub(super) async fn settle(&mut self) -> Result<(), Ended> {
        let asked = Instant::now();
        self.send_group().await?;
        while let Some(command) = self.conversation.due() {
            let reply = self.reply().await?;
            self.replied(command, &reply, asked).await?;
            closing(&reply)?;
        }
        Ok(())
    }

    /// The next reply; while it has to be waited for, the client can read the ones before.
    async fn reply(&mut self) -> Result<Reply, Ended> {
        loop {
            let reply = match self.legs.next_reply() {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => {
                    self.flush().await?;
                    self.legs.reply(self.reply_wait()).await
                }
                Err(lost) => Err(lost),
            };
            match reply {
                Ok(reply) if self.is_of_the_past(&reply) => self.lost_or_replaced(UpstreamLost(reply.text())).await?,
                Ok(reply) => {
                    self.trial = None;
                    return Ok(reply);
                }
                Err(lost) => self.lost_or_replaced(lost).await?,
            }
        }
    }

    async fn replied(&mut self, command: Command, reply: &Reply, asked: Instant) -> Result<(), Ended> {
        let ahead = !self.legs.from_client.is_empty();
        self.note_refusal(&command, reply);
        let instead = self.slowed(reply);
        match self.conversation.replied(command, reply, ahead) {
            Replied::Answer(answer) => self.say(&instead.unwrap_or(answer)).await,
            Replied::Body(answer, envelope) => self.body(&answer, &envelope, asked).await,
            Replied::Impatient(answer) => {
                self.say(&instead.unwrap_or(answer)).await?;
                self.see_off().await;
                Err(Ended::Client("sent a message without waiting for 354".into()))
            }
            Replied::Nonsense => Err(self.lost(UpstreamLost(format!("is out of step: {}", reply.text()))).await),
        }
    }

    /// The upstream went away between bodies.
    pub(super) async fn lost(&mut self, lost: UpstreamLost) -> Ended {
        self.legs.abandon();
        warn!(session = self.session, account = self.account, error = %lost, "upstream.lost");
        drop(self.say(&"421 4.4.2 The connection to the mail provider broke; connect again\r\n".into()).await);
        Ended::Upstream(lost.to_string())
    }

    /// Answers the client, together with what comes next.
    pub(super) async fn say(&mut self, answer: &Output) -> Result<(), Ended> {
        let said = self.legs.say(answer.as_bytes()).await;
        said.map_err(|fault| self.unreachable_client(&fault))
    }

    /// Lets the answers go: due before any wait.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        let flushed = self.legs.flush().await;
        flushed.map_err(|fault| self.unreachable_client(&fault))
    }

    /// The upstream may be waiting for what comes next, or be about to reply: nobody else may have it.
    fn unreachable_client(&mut self, fault: &io::Error) -> Ended {
        self.legs.abandon();
        Ended::Client(format!("cannot be reached: {fault}"))
    }
}

/// Waits for that moment, if there is one.
async fn at(moment: Option<Moment>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// A 421 says that the upstream will close (RFC 5321, 3.8).
pub(super) fn closing(reply: &Reply) -> Result<(), Ended> {
    if reply.code() == 421 { Err(Ended::Upstream(reply.text())) } else { Ok(()) }
}
