//! The conversation with a server: up to where somebody has to be named, and from there on.

use std::io;
use std::mem::take;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::leave::Leave;
use super::login::{NewCore, Target, Upstream, UpstreamError};
use crate::metrics::Took;
use crate::model::{AccessToken, Endpoint, UpstreamTls as Tls};
use crate::net::{Link, Stream, TlsError, connect_tls};
use crate::proto::sasl::Mechanism;
use crate::proto::{
    Input, Opening, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation,
};
use crate::trace::Way;

/// A connection under TLS, its server's certificate and name checked, on which nobody has been named yet.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) input: Input,
    /// What the server has told.
    pub(super) opening: Opening,
    /// How long that took so far.
    pub(super) took: Took,
}

/// Where a conversation is more than reading and writing.
enum Pause<U: UpstreamLogin> {
    StartTls(U),
    Opened(U),
    Done(U::Ready),
}

impl Target<'_> {
    /// Connects and goes on until somebody has to be named. No token is there to be sent.
    pub(super) async fn open<U: UpstreamLogin>(
        &self,
        core: NewCore<U>,
        leave: Option<&Leave>,
    ) -> Result<Opened, UpstreamError> {
        let (host, limit) = (&self.endpoint.host, self.limits.login);
        let began = Instant::now();
        let tcp = self.connect().await?;
        let reached = Instant::now();
        let (stream, tls) = match self.endpoint.tls {
            Tls::Implicit => (connect_tls(tcp, host, self.trust, limit).await?, UpstreamTls::Implicit),
            Tls::Starttls => (Stream::Plain(tcp.into()), UpstreamTls::Starttls),
        };
        let handshake = if tls == UpstreamTls::Implicit { reached.elapsed() } else { Duration::ZERO };
        let core = core(self.nobody(), tls);
        let mut took = Took { connect: reached - began, tls: handshake, ..Took::default() };
        let opened = self.approach(core, Link { stream, patience: limit }, &mut took, leave).await?;
        let login = reached.elapsed().saturating_sub(took.tls);
        Ok(Opened { took: Took { login, ..took }, ..opened })
    }

    /// Logs in on a connection that was opened.
    pub(super) async fn present<U: UpstreamLogin>(
        &self,
        opened: Opened,
        token: &AccessToken,
        leave: &Leave,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let asked = Instant::now();
        let Opened { mut link, mut input, opening, took } = opened;
        let mut core = U::resume(self.identity(token.secret().clone()), opening);
        loop {
            match self.converse(core, &mut link, &mut input, Some(leave)).await? {
                // By another mechanism than the one that it was opened for, more has to be asked first.
                Pause::Opened(next) => core = next,
                // TLS is up.
                Pause::StartTls(_) => return Err(self.failed(Violation::NoStartTls.into())),
                Pause::Done(ready) => {
                    let took = Took { login: took.login + asked.elapsed(), ..took };
                    return Ok(Upstream { link, ahead: input, ready, took });
                }
            }
        }
    }

    async fn approach<U: UpstreamLogin>(
        &self,
        mut core: U,
        mut link: Link,
        took: &mut Took,
        leave: Option<&Leave>,
    ) -> Result<Opened, UpstreamError> {
        let mut input = Input::new();
        loop {
            match self.converse(core, &mut link, &mut input, leave).await? {
                Pause::StartTls(next) => {
                    let asked = Instant::now();
                    link = self.encrypt(link).await?;
                    took.tls = asked.elapsed();
                    core = next.tls_established();
                }
                Pause::Opened(core) => return Ok(Opened { link, input, opening: core.opening(), took: *took }),
                // Nobody has been named.
                Pause::Done(_) => return Err(self.failed(Violation::Preauth.into())),
            }
        }
    }

    /// Performs the steps of a core up to the next that is more than reading and writing.
    async fn converse<U: UpstreamLogin>(
        &self,
        mut core: U,
        link: &mut Link,
        input: &mut Input,
        leave: Option<&Leave>,
    ) -> Result<Pause<U>, UpstreamError> {
        let broke = |fault| UpstreamError::Broke { host: self.endpoint.host.clone(), fault };
        let mut first = !leave.is_some_and(Leave::is_known);
        loop {
            let ahead = self.tracer.and_then(|tracer| tracer.ahead(input));
            let (next, step) = core.advance(input);
            core = next;
            if let Some(tracer) = self.tracer {
                tracer.consumed(Way::FromUpstream, ahead, input);
            }
            match step {
                UpstreamStep::Read => {
                    if take(&mut first) {
                        link.stream.hasten_tickets();
                    }
                    let chunk = link.read(self.limits.login).await.map_err(broke)?;
                    if chunk.is_empty() {
                        return Err(broke(io::ErrorKind::UnexpectedEof.into()));
                    }
                    if matches!(link.stream, Stream::Tls(_)) {
                        leave.inspect(|leave| leave.reached());
                    }
                    input.push(&chunk);
                }
                UpstreamStep::Write(output) => {
                    if let Some(tracer) = self.tracer {
                        tracer.hear(Way::ToUpstream, output.as_bytes());
                    }
                    link.send(output.as_bytes()).await.map_err(broke)?;
                }
                UpstreamStep::StartTls => return Ok(Pause::StartTls(core)),
                UpstreamStep::Opened => return Ok(Pause::Opened(core)),
                UpstreamStep::Done(ready) => return Ok(Pause::Done(ready)),
                UpstreamStep::Failed(failure) => return Err(self.failed(failure)),
            }
        }
    }

    /// Goes as far as TLS on a connection that is fresh: certificate and name are checked, no token is there to be sent.
    pub async fn reach_tls<U: UpstreamLogin>(&self, tcp: TcpStream, core: NewCore<U>) -> Result<Stream, UpstreamError> {
        let limit = self.limits.login;
        let Endpoint { host, tls, .. } = self.endpoint;
        let reaching = async {
            if *tls == Tls::Implicit {
                return Ok(connect_tls(tcp, host, self.trust, limit).await?);
            }
            let leave = self.roads.examine(self.server());
            let nobody = UpstreamIdentity { mechanism: Mechanism::Xoauth2, ..self.nobody() };
            let core = core(nobody, UpstreamTls::Starttls);
            let mut link = Link { stream: Stream::Plain(tcp.into()), patience: limit };
            match self.converse(core, &mut link, &mut Input::new(), Some(&leave)).await? {
                Pause::StartTls(_) => Ok(self.encrypt(link).await?.stream),
                Pause::Opened(_) | Pause::Done(_) => Err(self.failed(Violation::NoStartTls.into())),
            }
        };
        timeout(limit, reaching).await.map_err(|_| self.slow())?
    }

    async fn encrypt(&self, link: Link) -> Result<Link, TlsError> {
        link.upgrade(|tcp| connect_tls(tcp, &self.endpoint.host, self.trust, self.limits.login)).await
    }

    fn nobody(&self) -> UpstreamIdentity {
        self.identity(SecretString::default())
    }

    fn identity(&self, token: SecretString) -> UpstreamIdentity {
        UpstreamIdentity {
            mechanism: self.mechanism,
            user: self.user.to_owned(),
            token,
            host: self.endpoint.host.clone(),
            port: self.endpoint.port,
            ehlo: self.ehlo.to_owned(),
        }
    }

    fn failed(&self, failure: UpstreamFailure) -> UpstreamError {
        UpstreamError::Login { host: self.endpoint.host.clone(), failure }
    }

    pub(super) fn slow(&self) -> UpstreamError {
        UpstreamError::Slow { host: self.endpoint.host.clone(), seconds: self.limits.login.as_secs() }
    }
}
