use std::path::PathBuf;

use url::Url;

use super::Protocol;

/// A mail provider as data. Presets are nothing but values of this type.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The name tokens refer to.
    pub name: String,
    /// Where tokens are requested and refreshed.
    pub token_url: Url,
    /// How a token is presented to the mail servers.
    pub sasl: SaslMechanism,
    /// PEM file of authorities trusted beside the system's, for mail and token traffic.
    pub ca: Option<PathBuf>,
    /// Its mail servers.
    pub endpoints: Endpoints,
}

/// The mail servers of a provider; a protocol without one is not offered to its accounts.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// Submission server.
    pub smtp: Option<Endpoint>,
    /// IMAP server.
    pub imap: Option<Endpoint>,
    /// POP3 server.
    pub pop3: Option<Endpoint>,
}

impl Endpoints {
    /// The server of a protocol.
    #[must_use]
    pub const fn of(&self, protocol: Protocol) -> Option<&Endpoint> {
        match protocol {
            Protocol::Smtp => self.smtp.as_ref(),
            Protocol::Imap => self.imap.as_ref(),
            Protocol::Pop3 => self.pop3.as_ref(),
        }
    }
}

/// A mail server of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address; also the name its certificate must bear.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How TLS starts.
    pub tls: UpstreamTls,
}

/// How TLS starts on the way to a provider. There is no third way: a token never crosses an unencrypted leg (law 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamTls {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS or STLS first.
    Starttls,
}

/// How a provider's mail servers take a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaslMechanism {
    /// Google's and Microsoft's own.
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}
