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
        let egress = &token.provider.egress;
        Some(Target { endpoint, mechanism, egress, trust: &self.trust, user, ehlo: &self.ehlo, limits: self.limits })
    }

    /// Logs in as the token's mailbox and leaves again, by each protocol that there is a server for until one lets it in: a
    /// token may be for sending alone. Fails as the first did; without any server there is nobody to ask.
    pub async fn probe(&self, token: &Token, access: &AccessToken) -> Result<(), UpstreamError> {
        let mut first = None;
        for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
            let Some(target) = self.target(token, protocol, &token.mailbox) else { continue };
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatepost_kit::Provider;

    use super::*;
    use crate::model::{self, Endpoint, Endpoints, Grant, SaslMechanism, UpstreamTls};
    use crate::net;

    const MAILBOX: &str = "support@example.com";

    fn reach(provider: &Provider, directory: &tempfile::TempDir) -> Reach {
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limit = Duration::from_secs(5);
        Reach { trust, ehlo: "gatepost.example".into(), limits: Limits { connect: limit, login: limit } }
    }

    fn token(provider: &Provider) -> Token {
        let at = |port| Some(Endpoint { host: "localhost".into(), port, tls: UpstreamTls::Implicit });
        let ports = &provider.ports;
        let endpoints = Endpoints { imap: at(ports.imaps), pop3: at(ports.pop3s), smtp: at(ports.smtps) };
        let provider = model::Provider { endpoints, sasl: SaslMechanism::Xoauth2, ..model::Provider::default() };
        Token { mailbox: MAILBOX.into(), ..Token::bare("support", Arc::new(provider), Grant::AuthorizationCode) }
    }

    #[tokio::test]
    async fn one_protocol_that_lets_it_in_is_enough_and_none_is_too_few() {
        let provider = Provider::start().await;
        let directory = tempfile::tempdir().unwrap();
        let (reach, token) = (reach(&provider, &directory), token(&provider));
        let access = |mailbox| {
            let secret = provider.issue_access_token(mailbox, Duration::from_mins(1));
            AccessToken::new(secret.into(), chrono::DateTime::UNIX_EPOCH)
        };
        let (ours, others) = (access(MAILBOX), access("other@example.com"));
        provider.faults(|faults| faults.refuse_logins = 2);
        reach.probe(&token, &ours).await.unwrap();
        let refused = reach.probe(&token, &others).await.unwrap_err();
        assert!(refused.is_refusal(), "{refused}");
    }
}
