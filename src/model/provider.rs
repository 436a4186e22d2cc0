use std::num::NonZeroU32;
use std::path::PathBuf;

use url::Url;

use super::{Egress, Protocol};

/// A mail provider as data. Presets are nothing but values of this type.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    /// The name tokens refer to.
    pub name: String,
    /// Whose manners it has.
    pub family: Family,
    /// Where tokens are asked for.
    pub oauth: OauthUrls,
    /// What its authorization and token requests want beyond the standard.
    pub manners: Manners,
    /// How a token is presented to the mail servers.
    pub sasl: SaslMechanism,
    /// PEM file of authorities trusted beside the system's, for mail and token traffic.
    pub ca: Option<PathBuf>,
    /// Its mail servers.
    pub endpoints: Endpoints,
    /// The way to them, and to where tokens are asked for.
    pub egress: Egress,
    /// What it allows each mailbox.
    pub limits: MailboxLimits,
}

/// What a provider allows each mailbox; where there is none, it is not limited here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxLimits {
    /// SMTP sessions at a time.
    pub smtp_sessions: Option<NonZeroU32>,
    /// Messages a minute; as many may come at once.
    pub messages_per_minute: Option<NonZeroU32>,
    /// IMAP sessions at a time.
    pub imap_sessions: Option<NonZeroU32>,
}

/// Whose manners a provider has: which scopes can work, and how its errors are explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Microsoft 365 and Outlook.com, in any cloud.
    Microsoft,
    /// Gmail and Google Workspace.
    Google,
    /// Everyone else.
    #[default]
    Other,
}

/// Where tokens are asked for. What is not given is learnt from the issuer's metadata (OpenID Connect Discovery, RFC 8414).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OauthUrls {
    /// Who is asked for the others.
    pub issuer: Option<Url>,
    /// Where a person consents.
    pub authorization: Option<Url>,
    /// Where tokens are requested and refreshed.
    pub token: Option<Url>,
    /// Where a device code is requested (RFC 8628).
    pub device: Option<Url>,
    /// Where an administrator consents for everyone.
    pub admin_consent: Option<Url>,
}

impl OauthUrls {
    /// The host, with its port where it is not the usual, that gets the secrets: a refresh token is bound to it. Empty where
    /// nothing is known.
    #[must_use]
    pub fn host(&self) -> &str {
        self.token.as_ref().or(self.issuer.as_ref()).map(Url::authority).unwrap_or_default()
    }
}

/// What a provider's requests want beyond the standard, as data.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Added to the authorization request (`access_type=offline`).
    pub authorization_parameters: Vec<(String, String)>,
    /// Added to every token request (`resource` of 21Vianet).
    pub token_parameters: Vec<(String, String)>,
    /// Scopes by which the answer tells who signed in.
    pub identity_scopes: Vec<String>,
    /// The host of a loopback redirect, as it has to be registered.
    pub loopback: Loopback,
    /// Days without use after which a refresh token dies.
    pub refresh_idle_days: Option<u32>,
    /// The audience that stands for the token URL in a federated assertion.
    pub federation_audience: Option<String>,
}

/// The host of a loopback redirect (RFC 8252, 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// `http://127.0.0.1:PORT/`
    #[default]
    Address,
    /// `http://localhost:PORT/`, which Microsoft wants.
    Name,
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

/// How a provider's mail servers take a token; a password they take by PLAIN or LOGIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaslMechanism {
    /// Google's and Microsoft's own.
    #[default]
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}
