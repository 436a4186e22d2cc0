use std::io;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;

use super::leave::Leave;
use super::roads::{Closed, Roads, Server};
use crate::metrics::Took;
use crate::model::{AccessToken, Endpoint, Grant, Provider, SaslMechanism, Token, UpstreamTls as Tls};
use crate::net::{DialError, Link, Stream, TlsError, connect_tls};
use crate::proto::sasl::Mechanism;
use crate::proto::{Input, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation};
use crate::trace::{Tracer, Way};

/// An upstream session after login.
#[derive(Debug)]
pub struct Upstream<R> {
    /// The connection.
    pub link: Link,
    /// What it sent behind its yes.
    pub ahead: Input,
    /// What the login learnt.
    pub ready: R,
    /// How long the way took.
    pub took: Took,
}

/// Why there is no upstream session.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It was not tried.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// It cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It cannot be trusted.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection ended.
    #[error("{host} broke the connection during login: {fault}")]
    Broke {
        /// The server.
        host: String,
        /// How.
        fault: io::Error,
    },
    /// It took too long.
    #[error("{host} did not finish the login within {seconds} s; is it overloaded, or something on the way?")]
    Slow {
        /// The server.
        host: String,
        /// The limit (`limits.upstream_login_seconds`).
        seconds: u64,
    },
    /// It was reached and did not let us in.
    #[error("{host}: {failure}")]
    Login {
        /// The server.
        host: String,
        /// Why.
        failure: UpstreamFailure,
    },
}

impl UpstreamError {
    /// Whether a fresh token might help.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Login { failure: UpstreamFailure::Refused(_), .. })
    }

    /// Whether anybody else would have fared the same, as long as the server had not said anything under TLS.
    const fn concerns_all(&self) -> bool {
        match self {
            Self::Dial(fault) => !fault.is_own(),
            Self::Tls(_) | Self::Broke { .. } | Self::Slow { .. } => true,
            Self::Closed(_) | Self::Login { .. } => false,
        }
    }
}

/// Where and as whom to log in.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// How to log in there.
    pub mechanism: Mechanism,
    /// Whose it is, and the way out of this network to it.
    pub provider: &'a Provider,
    /// What is known of the servers.
    pub roads: &'a Arc<Roads>,
    /// For what.
    pub manner: Manner,
    /// TLS towards its provider.
    pub trust: &'a Arc<ClientConfig>,
    /// The SASL user.
    pub user: &'a str,
    /// The name to say in EHLO.
    pub ehlo: &'a str,
    /// How long things may take.
    pub limits: Limits,
    /// Who hears what is said.
    pub tracer: Option<&'a Tracer>,
}

/// For what somebody logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A program wants its mail: in turn, and not while the server counts as dead.
    Session,
    /// A person looks for the fault: at once. What comes of it all learn.
    Examination,
}

/// The bounds of an upstream login.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP connection (`limits.connect_seconds`).
    pub connect: Duration,
    /// All of it: its turn, the connection, TLS, the login, and once more (`limits.upstream_login_seconds`).
    pub login: Duration,
}

impl Limits {
    /// How long a login waits for its turn, so that enough is left for itself.
    fn turn(&self) -> Duration {
        self.login / 2
    }

    /// How long an attempt lasts at least whose failure says something of the server.
    fn least(&self) -> Duration {
        self.connect.min(self.login / 4)
    }
}

/// What makes the core of a protocol.
pub type NewCore<U> = fn(UpstreamIdentity, UpstreamTls) -> U;

impl<'a> Target<'a> {
    /// The same with somebody who hears what is said.
    #[must_use]
    pub fn traced(self, tracer: &'a Tracer) -> Self {
        Self { tracer: Some(tracer), ..self }
    }

    /// How a token is presented: as a token, or as the password that it is.
    #[must_use]
    pub fn mechanism(token: &Token) -> Mechanism {
        match (&token.grant, token.provider.sasl) {
            (Grant::AppPassword(_), _) => Mechanism::Password,
            (_, SaslMechanism::Xoauth2) => Mechanism::Xoauth2,
            (_, SaslMechanism::Oauthbearer) => Mechanism::Oauthbearer,
        }
    }

    /// Of what is known to all.
    #[must_use]
    pub fn server(&self) -> Server {
        Server::new(self.provider, self.endpoint)
    }

    /// Why a login is not tried now, if so.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.roads.closed(&self.server())
    }

    /// Connects and logs in with a token, once.
    pub async fn log_in<U: UpstreamLogin>(
        &self,
        token: &AccessToken,
        core: NewCore<U>,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        self.log_in_by(Instant::now() + self.limits.login, token, core).await
    }

    /// The same within what is left until then.
    pub async fn log_in_by<U: UpstreamLogin>(
        &self,
        end: Instant,
        token: &AccessToken,
        core: NewCore<U>,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let left = || end.saturating_duration_since(Instant::now());
        let leave = self.leave(left().min(self.limits.turn())).await?;
        let limit = left();
        let entering = timeout(limit, self.enter(token, core, &leave)).await;
        let entered = entering.unwrap_or_else(|_| Err(self.slow()));
        self.learn(&leave, entered.as_ref().err(), limit);
        entered
    }

    async fn leave(&self, wait: Duration) -> Result<Leave, Closed> {
        match self.manner {
            Manner::Session => self.roads.leave(self.server(), self.user, wait).await,
            Manner::Examination => Ok(self.roads.examine(self.server())),
        }
    }

    /// What became of an attempt concerns all who log in there, or this mailbox alone.
    fn learn(&self, leave: &Leave, error: Option<&UpstreamError>, limit: Duration) {
        match error {
            // One for which hardly any time was left says nothing.
            Some(error) if error.concerns_all() && limit >= self.limits.least() => leave.failed(&error.to_string()),
            Some(error) if !matches!(error, UpstreamError::Login { .. }) => {}
            _ => leave.reached(),
        }
    }

    async fn enter<U: UpstreamLogin>(
        &self,
        token: &AccessToken,
        core: NewCore<U>,
        leave: &Leave,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let (host, limit) = (&self.endpoint.host, self.limits.login);
        let began = Instant::now();
        let tcp = self.connect().await?;
        let reached = Instant::now();
        let (stream, tls) = match self.endpoint.tls {
            Tls::Implicit => (connect_tls(tcp, host, self.trust, limit).await?, UpstreamTls::Implicit),
            Tls::Starttls => (Stream::Plain(tcp.into()), UpstreamTls::Starttls),
        };
        let handshake = if tls == UpstreamTls::Implicit { reached.elapsed() } else { Duration::ZERO };
        let core = core(self.identity(token.secret().clone()), tls);
        let took = Took { connect: reached - began, tls: handshake, ..Took::default() };
        let upstream = self.perform(core, Link { stream, patience: limit }, took, leave).await?;
        let login = reached.elapsed().saturating_sub(upstream.took.tls);
        Ok(Upstream { took: Took { login, ..upstream.took }, ..upstream })
    }

    /// Connects for an examination. What is learnt of the server, all learn.
    pub async fn dial(&self) -> Result<TcpStream, DialError> {
        let leave = self.roads.examine(self.server());
        let connected = self.connect().await;
        if let Err(fault) = &connected
            && !fault.is_own()
        {
            leave.failed(&fault.to_string());
        }
        connected
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

    /// Goes as far as TLS on a connection that is fresh: certificate and name are checked, no token is there to be sent.
    pub async fn reach_tls<U: UpstreamLogin>(&self, tcp: TcpStream, core: NewCore<U>) -> Result<Stream, UpstreamError> {
        let limit = self.limits.login;
        let Endpoint { host, tls, .. } = self.endpoint;
        let reaching = async {
            if *tls == Tls::Implicit {
                return Ok(connect_tls(tcp, host, self.trust, limit).await?);
            }
            let leave = self.roads.examine(self.server());
            let nobody = UpstreamIdentity { mechanism: Mechanism::Xoauth2, ..self.identity(SecretString::default()) };
            let core = core(nobody, UpstreamTls::Starttls);
            let mut link = Link { stream: Stream::Plain(tcp.into()), patience: limit };
            match self.converse(core, &mut link, &mut Input::new(), &leave).await? {
                Pause::StartTls(_) => Ok(self.encrypt(link).await?.stream),
                Pause::Done(_) => Err(self.failed(Violation::NoStartTls.into())),
            }
        };
        timeout(limit, reaching).await.map_err(|_| self.slow())?
    }

    async fn perform<U: UpstreamLogin>(
        &self,
        core: U,
        mut link: Link,
        mut took: Took,
        leave: &Leave,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let mut input = Input::new();
        let mut core = core;
        loop {
            match self.converse(core, &mut link, &mut input, leave).await? {
                Pause::StartTls(next) => {
                    let asked = Instant::now();
                    link = self.encrypt(link).await?;
                    took.tls = asked.elapsed();
                    core = next.tls_established();
                }
                Pause::Done(ready) => return Ok(Upstream { link, ahead: input, ready, took }),
            }
        }
    }

    /// Performs the steps of a core up to the next that is more than reading and writing.
    async fn converse<U: UpstreamLogin>(
        &self,
        mut core: U,
        link: &mut Link,
        input: &mut Input,
        leave: &Leave,
    ) -> Result<Pause<U>, UpstreamError> {
        let broke = |fault| UpstreamError::Broke { host: self.endpoint.host.clone(), fault };
        let mut first = true;
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
                        leave.reached();
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
                UpstreamStep::Done(ready) => return Ok(Pause::Done(ready)),
                UpstreamStep::Failed(failure) => return Err(self.failed(failure)),
            }
        }
    }

    async fn encrypt(&self, link: Link) -> Result<Link, TlsError> {
        link.upgrade(|tcp| connect_tls(tcp, &self.endpoint.host, self.trust, self.limits.login)).await
    }

    fn failed(&self, failure: UpstreamFailure) -> UpstreamError {
        UpstreamError::Login { host: self.endpoint.host.clone(), failure }
    }

    fn slow(&self) -> UpstreamError {
        UpstreamError::Slow { host: self.endpoint.host.clone(), seconds: self.limits.login.as_secs() }
    }
}

/// Where a conversation is more than reading and writing.
enum Pause<U: UpstreamLogin> {
    StartTls(U),
    Done(U::Ready),
}
