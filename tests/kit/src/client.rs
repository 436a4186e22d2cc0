use std::time::Duration;

use crate::tokens::Rotation;

/// An OAuth client as the provider knows it.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) assertion: Option<Assertion>,
    pub(crate) mailboxes: Vec<String>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) life: Option<Duration>,
    redirects: Vec<String>,
}

/// Whose assertions authenticate a client.
#[derive(Clone, Debug)]
pub(crate) enum Assertion {
    /// Its own, signed with its certificate's key.
    Own,
    /// Those of another identity provider (workload identity federation).
    Federated { issuer: String, subject: String },
}

impl Client {
    /// A public client whose app-only tokens open a mailbox.
    #[must_use]
    pub fn new(id: &str, mailbox: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            assertion: None,
            mailboxes: vec![mailbox.to_owned()],
            rotation: None,
            life: None,
            redirects: Vec::new(),
        }
    }

    /// Makes it a confidential client.
    #[must_use]
    pub fn secret(self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self }
    }

    /// Lets it authenticate by assertions of its own (RFC 7523), whose signature is not checked.
    #[must_use]
    pub fn assertion(self) -> Self {
        Self { assertion: Some(Assertion::Own), ..self }
    }

    /// Lets it authenticate by what another identity provider says of this subject; the signature is not checked.
    #[must_use]
    pub fn federated(self, issuer: &str, subject: &str) -> Self {
        let assertion = Assertion::Federated { issuer: issuer.to_owned(), subject: subject.to_owned() };
        Self { assertion: Some(assertion), ..self }
    }

    /// One more redirect URI. Of a loopback address the port may differ; without any, every loopback address will do.
    #[must_use]
    pub fn redirect(mut self, uri: &str) -> Self {
        self.redirects.push(uri.to_owned());
        self
    }

    /// One more mailbox that its app-only tokens open.
    #[must_use]
    pub fn mailbox(mut self, mailbox: &str) -> Self {
        self.mailboxes.push(mailbox.to_owned());
        self
    }

    /// How its refresh tokens rotate, instead of the provider's way.
    #[must_use]
    pub fn rotation(self, rotation: Rotation) -> Self {
        Self { rotation: Some(rotation), ..self }
    }

    /// How long its access tokens live, instead of the provider's rule.
    #[must_use]
    pub fn life(self, life: Duration) -> Self {
        Self { life: Some(life), ..self }
    }

    pub(crate) fn takes_redirect(&self, uri: &str) -> bool {
        let portless = without_port(uri);
        if self.redirects.is_empty() {
            return portless.is_some();
        }
        self.redirects.iter().any(|known| known == uri || portless.is_some() && without_port(known) == portless)
    }
}

/// Host and path of a loopback address (RFC 8252, 7.3).
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| authority.starts_with(host))?;
    let port = &authority[host.len()..];
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    is_port.then_some((host, if path.is_empty() { "/" } else { path }))
}
