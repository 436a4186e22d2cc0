use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;

use super::leave::Leave;
use super::roads::{Closed, Roads, Server};
use crate::metrics::Took;
use crate::model::{AccessToken, Endpoint, Grant, Provider, SaslMechanism, Token};
use crate::net::{DialError, Link, TlsError};
use crate::proto::sasl::Mechanism;
use crate::proto::{Input, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamTls};
use crate::trace::Tracer;

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

    /// Whether it may be nothing but the end of the connection, and no answer to whoever came by it.
    pub(super) const fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Broke { .. } | Self::Slow { .. } | Self::Login { failure: UpstreamFailure::Leaving(_), .. }
        )
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
    pub provider: &'a Arc<Provider>,
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
    pub(super) fn turn(&self) -> Duration {
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

    /// By a connection that is kept ready, where there is one; else, or where that turns out to be dead, by one of its own.
    async fn enter<U: UpstreamLogin>(
        &self,
        token: &AccessToken,
        core: NewCore<U>,
        leave: &Leave,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        if let Some(entered) = self.enter_by_ready(token, core, leave).await {
            return entered;
        }
        let opened = self.open(core, Some(leave)).await?;
        let Took { connect, tls, login, .. } = opened.took;
        self.roads.ready_cost(leave.server(), connect + tls + login);
        self.present::<U>(opened, token, leave).await
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
}
