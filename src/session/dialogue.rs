//! The steps of a client's login: what its core wants is read, written and asked for, until someone is let in or gone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::authorize::{Granted, Who};
use super::crowd::Member;
use super::login::{Client, Session};
use super::service::{Frontend, ListenerTls};
use super::upward::Cores;
use crate::activity::SessionId;
use crate::net::{AcceptError, Link, Peer, Stream, accept_tls};
use crate::proto::{DownstreamLogin, DownstreamStep, Farewell, Input, LoginFailure, Output, UpstreamLogin};
use crate::trace::{Tracer, Way};

/// How long one write to a client may take.
const CLIENT_PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Dialogue<'a> {
    pub(super) frontend: &'a Frontend,
    pub(super) id: SessionId,
    pub(super) peer: Peer,
    pub(super) link: Link,
    pub(super) input: Input,
    pub(super) since: Instant,
    pub(super) tracer: Arc<Tracer>,
    pub(super) member: &'a mut Member,
    deadline: Instant,
    failures: u32,
    commands: u32,
}

impl<'a> Dialogue<'a> {
    pub(super) async fn open(
        frontend: &'a Frontend,
        client: Client,
        member: &'a mut Member,
    ) -> Result<Self, AcceptError> {
        let Client { id, peer, socket, since, deadline } = client;
        let stream = match &frontend.tls {
            ListenerTls::Implicit(config) => {
                accept_tls(socket, config, deadline.saturating_duration_since(Instant::now())).await?
            }
            _ => Stream::Plain(socket),
        };
        let link = Link { stream, patience: CLIENT_PATIENCE };
        let watched = Arc::clone(&frontend.service.activity.traces);
        let tracer = Arc::new(Tracer::new(watched, id, frontend.protocol, Some(peer.ip())));
        Ok(Self {
            frontend,
            id,
            peer,
            link,
            input: Input::new(),
            since,
            tracer,
            member,
            deadline,
            failures: 0,
            commands: 0,
        })
    }

    /// Performs the steps of the core until someone is logged in or gone.
    pub(super) async fn run<D, U>(mut self, mut core: D, cores: Cores<U>) -> Result<Session<U::Ready>, Left>
    where
        D: DownstreamLogin<Ready = U::Ready>,
        U: UpstreamLogin,
    {
        self.say(&core.greet()).await?;
        loop {
            let ahead = self.tracer.ahead(&self.input);
            let (next, step) = core.advance(&mut self.input);
            // A command that is put back is heard when it is taken again.
            if !matches!(step, DownstreamStep::Anonymous(_)) {
                self.tracer.consumed(Way::FromClient, ahead, &self.input);
            }
            core = match step {
                DownstreamStep::Read => {
                    self.listen(&next).await?;
                    next
                }
                DownstreamStep::Write(output) => {
                    self.say(&output).await?;
                    self.count_command(&next).await?;
                    next
                }
                DownstreamStep::StartTls(output) => {
                    self.say(&output).await?;
                    self = self.upgrade().await?;
                    next.tls_established()
                }
                DownstreamStep::Close(output, violation) => {
                    return Err(self.dismiss(&output, violation.map_or(Left::Goodbye, Left::Violation)).await);
                }
                DownstreamStep::Login(credentials) => match self.authorize(Who::Known(&credentials), cores).await {
                    Ok(granted) => return self.hand_over(next, granted).await,
                    Err(failure) => self.reject(next, &failure).await?,
                },
                DownstreamStep::Anonymous(command) => match self.authorize_guest(cores).await {
                    Ok(granted) => {
                        let mut session = self.hand_over(next, granted).await?;
                        session.from_client.put_back(&command);
                        return Ok(session);
                    }
                    Err(failure) => self.reject(next, &failure).await?,
                },
            };
        }
    }

    async fn say(&mut self, output: &Output) -> io::Result<()> {
        self.tracer.hear(Way::ToClient, output.as_bytes());
        self.link.send(output.as_bytes()).await
    }

    /// Reads more from the client, or says goodbye to one that is too slow.
    async fn listen<D: DownstreamLogin>(&mut self, core: &D) -> Result<(), Left> {
        let wait = self.deadline.saturating_duration_since(Instant::now());
        let gone = self.member.gone();
        let heard = tokio::select! {
            heard = self.link.read(wait) => heard,
            () = gone.cancelled() => {
                return Err(self.dismiss(&core.goodbye(Farewell::Busy), Left::MadeRoom).await);
            }
            () = self.frontend.service.closing.cancelled() => {
                return Err(self.dismiss(&core.goodbye(Farewell::Shutdown), Left::Stopping).await);
            }
        };
        match heard {
            Ok(chunk) if chunk.is_empty() => Err(Left::Closed),
            Ok(chunk) => {
                self.input.push(&chunk);
                Ok(())
            }
            Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {
                Err(self.dismiss(&core.goodbye(Farewell::Timeout), Left::Late).await)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Whoever talks on and on without a login goes.
    async fn count_command<D: DownstreamLogin>(&mut self, core: &D) -> Result<(), Left> {
        self.commands += 1;
        if self.commands < self.frontend.service.limits.login_commands {
            return Ok(());
        }
        Err(self.dismiss(&core.goodbye(Farewell::TooManyCommands), Left::TooManyCommands).await)
    }

    async fn upgrade(mut self) -> Result<Self, Left> {
        let ListenerTls::Starttls(config) = &self.frontend.tls else { return Ok(self) };
        let wait = self.deadline.saturating_duration_since(Instant::now());
        self.link = self.link.upgrade(|socket| accept_tls(socket, config, wait)).await?;
        Ok(self)
    }

    /// Says yes to the client; both sides have.
    async fn hand_over<D: DownstreamLogin>(
        mut self,
        core: D,
        granted: Granted<D::Ready>,
    ) -> Result<Session<D::Ready>, Left> {
        self.member.logged_in();
        let yes = core.accept(&granted.upstream.ready);
        self.say(&yes).await?;
        let Granted { entered, upstream, permit, origin, unit } = granted;
        let Self { link: client, input: from_client, since, tracer, .. } = self;
        tracer.relays(&entered.line().login.account.name);
        Ok(Session { entered, client, from_client, upstream, permit, origin, since, tracer, unit })
    }

    async fn reject<D: DownstreamLogin>(&mut self, core: D, failure: &LoginFailure) -> Result<D, Left> {
        self.member.is_busy(false);
        let (core, reply) = core.reject(failure);
        self.say(&reply).await?;
        self.failures += 1;
        if self.failures < self.frontend.service.limits.login_attempts {
            return Ok(core);
        }
        Err(self.dismiss(&core.goodbye(Farewell::TooManyAttempts), Left::TooManyAttempts).await)
    }

    /// Lets a client wait for the answer to its login, which costs nothing meanwhile.
    pub(super) async fn keep_back(&self, delay: Duration) {
        let until = self.deadline.min(Instant::now() + delay);
        self.frontend.service.stop.run_until_cancelled(sleep_until(until)).await;
    }

    /// Says the last words and closes.
    async fn dismiss(&mut self, last: &Output, why: Left) -> Left {
        if self.say(last).await.is_ok() {
            self.link.close().await;
        }
        why
    }
}

/// Why a client is no longer there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Left {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Told as `session.tls_failed`.
    #[error("no TLS")]
    Tls(#[from] AcceptError),
    #[error("the client closed before login")]
    Closed,
    #[error("the client left")]
    Goodbye,
    #[error("the client {0}")]
    Violation(crate::proto::Violation),
    #[error("no login in time")]
    Late,
    #[error("too many failed logins")]
    TooManyAttempts,
    #[error("too many commands before login")]
    TooManyCommands,
    #[error("made room for others, as it was not logged in")]
    MadeRoom,
    #[error("the service is stopping")]
    Stopping,
}
