use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use crate::model::{AccessToken, Endpoint, Grant, SaslMechanism, Token, UpstreamTls as Tls};
use crate::net::{DialError, Link, Stream, TlsError, connect_tls, dial};
use crate::proto::sasl::Mechanism;
use crate::proto::{Input, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls};

/// An upstream session after login.
#[derive(Debug)]
pub struct Upstream<R> {
    /// The connection.
    pub link: Link,
    /// What it sent behind its yes.
    pub ahead: Input,
    /// What the login learnt.
    pub ready: R,
}

/// Why there is no upstream session.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
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
    #[error("{host} did not finish the login within {seconds} s")]
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
}

/// Where and as whom to log in.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// How to log in there.
    pub mechanism: Mechanism,
    /// TLS towards its provider.
    pub trust: &'a Arc<ClientConfig>,
    /// The SASL user.
    pub user: &'a str,
    /// The name to say in EHLO.
    pub ehlo: &'a str,
    /// How long things may take.
    pub limits: Limits,
}

/// The bounds of an upstream login.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP connection (`limits.connect_seconds`).
    pub connect: Duration,
    /// TLS and login (`limits.upstream_login_seconds`).
    pub login: Duration,
}

/// What makes the core of a protocol.
pub type NewCore<U> = fn(UpstreamIdentity, UpstreamTls) -> U;

impl Target<'_> {
    /// How a token is presented: as a token, or as the password that it is.
    #[must_use]
    pub fn mechanism(token: &Token) -> Mechanism {
        match (&token.grant, token.provider.sasl) {
            (Grant::AppPassword(_), _) => Mechanism::Password,
            (_, SaslMechanism::Xoauth2) => Mechanism::Xoauth2,
            (_, SaslMechanism::Oauthbearer) => Mechanism::Oauthbearer,
        }
    }

    /// Connects and logs in with a token, once.
    pub async fn log_in<U: UpstreamLogin>(
        &self,
        token: &AccessToken,
        core: NewCore<U>,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let Endpoint { host, port, .. } = self.endpoint;
        let tcp = dial(host, *port, self.limits.connect).await?;
        let limit = self.limits.login;
        let login = async {
            let (stream, tls) = match self.endpoint.tls {
                Tls::Implicit => (connect_tls(tcp, host, self.trust, limit).await?, UpstreamTls::Implicit),
                Tls::Starttls => (Stream::Plain(tcp), UpstreamTls::Starttls),
            };
            let core = core(self.identity(token), tls);
            self.perform(core, Link { stream, patience: limit }).await
        };
        let slow = |_| UpstreamError::Slow { host: host.clone(), seconds: limit.as_secs() };
        timeout(limit, login).await.map_err(slow)?
    }

    fn identity(&self, token: &AccessToken) -> UpstreamIdentity {
        UpstreamIdentity {
            mechanism: self.mechanism,
            user: self.user.to_owned(),
            token: token.secret().clone(),
            host: self.endpoint.host.clone(),
            port: self.endpoint.port,
            ehlo: self.ehlo.to_owned(),
        }
    }

    async fn perform<U: UpstreamLogin>(
        &self,
        mut core: U,
        mut link: Link,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let host = &self.endpoint.host;
        let broke = |fault| UpstreamError::Broke { host: host.clone(), fault };
        let mut input = Input::new();
        loop {
            let (next, step) = core.advance(&mut input);
            core = match step {
                UpstreamStep::Read => {
                    let chunk = link.read(self.limits.login).await.map_err(broke)?;
                    if chunk.is_empty() {
                        return Err(broke(io::ErrorKind::UnexpectedEof.into()));
                    }
                    input.push(&chunk);
                    next
                }
                UpstreamStep::Write(output) => {
                    link.send(output.as_bytes()).await.map_err(broke)?;
                    next
                }
                UpstreamStep::StartTls => {
                    let limit = self.limits.login;
                    link = link.upgrade(|tcp| connect_tls(tcp, host, self.trust, limit)).await?;
                    next.tls_established()
                }
                UpstreamStep::Done(ready) => return Ok(Upstream { link, ahead: input, ready }),
                UpstreamStep::Failed(failure) => {
                    return Err(UpstreamError::Login { host: host.clone(), failure });
                }
            };
        }
    }
}
