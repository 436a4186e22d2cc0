//! The words of the house as plain data: accounts, tokens, providers. No IO, no clock.

mod account;
mod certificate;
mod deadline;
mod egress;
mod origin;
mod password;
mod provider;
mod quarantine;
mod scopes;
mod sender;
mod service_account;
mod standing;
mod state;
mod token;

pub use account::{Account, PasswordHash, UnusableHash};
pub use certificate::{ClientCertificate, SigningAlgorithm};
pub use deadline::{Deadline, DeadlineKind, deadlines};
pub use egress::{Egress, Exempt, Proxy, ProxyKind};
pub use origin::origin;
pub use password::{Password, within};
pub use provider::{
    Endpoint, Endpoints, Family, Loopback, MailboxLimits, Manners, OauthUrls, Provider, SaslMechanism, UpstreamTls,
};
pub use quarantine::{Quarantine, Quarantined};
pub use scopes::{Objection, not_granted, object, same_scope};
pub use sender::SenderPolicy;
pub use service_account::{DownloadedClient, ServiceAccount, UnusableJson};
pub use standing::{Standing, next_refresh, spread};
pub use state::{AccessToken, Granted, Identity, LONGEST_BACK_OFF, TokenState, Trouble, TroubleClass};
pub use token::{ClientAuthentication, Grant, ManagedIdentity, Token};

/// The mail protocols that are relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Submission (RFC 6409).
    Smtp,
    /// IMAP4rev1 (RFC 3501).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Smtp, Self::Imap, Self::Pop3];

    /// The name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
