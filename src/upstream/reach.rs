use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::{Limits, Manner, Roads, Target, UpstreamError};
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
    /// What is known of the servers.
    pub roads: Arc<Roads>,
}

impl Reach {
    /// The login of a user at a token's server of a protocol, if it has one.
    #[must_use]
    pub fn target<'a>(&'a self, token: &'a Token, protocol: Protocol, user: &'a str) -> Option<Target<'a>> {
        let endpoint = token.provider.endpoints.of(protocol)?;
        let mechanism = Target::mechanism(token);
        let Self { trust, ehlo, limits, roads } = self;
        let (provider, manner, limits) = (&token.provider, Manner::Session, *limits);
        let tracer = None;
        Some(Target { endpoint, mechanism, provider, roads, manner, trust, user, ehlo, limits, tracer })
    }

    /// The same for someone who looks for the fault.
    #[must_use]
    pub fn examined<'a>(&'a self, token: &'a Token, protocol: Protocol, user: &'a str) -> Option<Target<'a>> {
        Some(Target { manner: Manner::Examination, ..self.target(token, protocol, user)? })
    }

    /// Logs in as the token's mailbox and leaves again, by each protocol that there is a server for until one lets it in: a
    /// token may be for sending alone. Fails as the first did; without any server there is nobody to ask.
    pub async fn probe(&self, token: &Token, access: &AccessToken) -> Result<(), UpstreamError> {
        let mut first = None;
        for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
            let Some(target) = self.examined(token, protocol, &token.mailbox) else { continue };
            let entered = match protocol {
                Protocol::Imap => target.log_in(access, ImapUpstream::new).await.map(drop),
                Protocol::Pop3 => target.log_in(access, Pop3Upstream::new).await.map(drop),
                Protocol::Smtp => target.log_in(access, SmtpUpstream::new).await.map(drop),
            };
            match entered {
                Ok(()) => return Ok(()),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        first.map_or(Ok(()), Err)
    }
}
