use std::io;
use std::sync::Arc;

use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use super::service::Limits;
use crate::model::{Account, Endpoint, Protocol, SaslMechanism, UpstreamTls as Tls};
use crate::net::{DialError, Link, Stream, TlsError, connect_tls, dial};
use crate::proto::sasl::Mechanism;
use crate::proto::{Input, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls};
use crate::token::AccessToken;

/// An upstream session after login.
#[derive(Debug)]
pub(super) struct Upstream<R> {
    pub(super) link: Link,
    /// What it sent behind its yes.
    pub(super) ahead: Input,
    pub(super) ready: R,
}

/// Why there is no upstream session.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{host} broke the connection during login: {fault}")]
    Broke { host: String, fault: io::Error },
    #[error("{host} did not finish the login within {seconds} s")]
    Slow { host: String, seconds: u64 },
    #[error("{host}: {failure}")]
    Login { host: String, failure: UpstreamFailure },
}

impl UpstreamError {
    /// Whether a fresh token might help.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Login { failure: UpstreamFailure::Refused(_), .. })
    }
}

/// Where and as whom to log in.
pub(super) struct Target<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) trust: &'a Arc<ClientConfig>,
    pub(super) limits: &'a Limits,
    pub(super) ehlo: &'a str,
}

/// What makes the core of a protocol.
pub(super) type NewCore<U> = fn(UpstreamIdentity, UpstreamTls) -> U;

impl Target<'_> {
    /// Connects and logs in with a token, once.
    pub(super) async fn log_in<U: UpstreamLogin>(
        &self,
        account: &Account,
        protocol: Protocol,
        token: &AccessToken,
        core: NewCore<U>,
    ) -> Result<Upstream<U::Ready>, UpstreamError> {
        let Endpoint { host, port, .. } = self.endpoint;
        let tcp = dial(host, *port, self.limits.connect).await?;
        let limit = self.limits.upstream_login;
        let login = async {
            let (stream, tls) = match self.endpoint.tls {
                Tls::Implicit => (connect_tls(tcp, host, self.trust, limit).await?, UpstreamTls::Implicit),
                Tls::Starttls => (Stream::Plain(tcp), UpstreamTls::Starttls),
            };
            let core = core(self.identity(account, protocol, token), tls);
            self.perform(core, Link { stream, patience: limit }).await
        };
        let slow = |_| UpstreamError::Slow { host: host.clone(), seconds: limit.as_secs() };
        timeout(limit, login).await.map_err(slow)?
    }

    fn identity(&self, account: &Account, protocol: Protocol, token: &AccessToken) -> UpstreamIdentity {
        UpstreamIdentity {
            mechanism: match account.token.provider.sasl {
                SaslMechanism::Xoauth2 => Mechanism::Xoauth2,
                SaslMechanism::Oauthbearer => Mechanism::Oauthbearer,
            },
            user: account.upstream_user(protocol).to_owned(),
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
                    let chunk = link.read(self.limits.upstream_login).await.map_err(broke)?;
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
                    let limit = self.limits.upstream_login;
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
