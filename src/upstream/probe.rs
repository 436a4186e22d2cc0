use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::{Limits, Target, UpstreamError};
use crate::model::{AccessToken, Protocol, Token};
use crate::proto::imap::ImapUpstream;
use crate::proto::pop3::Pop3Upstream;
use crate::proto::smtp::SmtpUpstream;

/// How a provider's mail servers are reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// TLS towards them.
    pub trust: Arc<ClientConfig>,
    /// The name to say in EHLO.
    pub ehlo: String,
    /// How long things may take.
    pub limits: Limits,
}

impl Reach {
    /// The login of a user at a token's server of a protocol, if it has one.
    #[must_use]
    pub fn target<'a>(&'a self, token: &'a Token, protocol: Protocol, user: &'a str) -> Option<Target<'a>> {
        let endpoint = token.provider.endpoints.of(protocol)?;
        let mechanism = Target::mechanism(token);
        Some(Target { endpoint, mechanism, trust: &self.trust, user, ehlo: &self.ehlo, limits: self.limits })
    }

    /// Logs in as the token's mailbox, by the first protocol that there is a server for, and leaves again.
    pub async fn probe(&self, token: &Token, access: &AccessToken) -> Result<(), UpstreamError> {
        for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
            let Some(target) = self.target(token, protocol, &token.mailbox) else { continue };
            match protocol {
                Protocol::Imap => drop(target.log_in(access, ImapUpstream::new).await?),
                Protocol::Pop3 => drop(target.log_in(access, Pop3Upstream::new).await?),
                Protocol::Smtp => drop(target.log_in(access, SmtpUpstream::new).await?),
            }
            return Ok(());
        }
        Ok(())
    }
}
