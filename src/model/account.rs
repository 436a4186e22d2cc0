use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Protocol, Token};

/// A local login.
#[derive(Clone, Debug)]
pub struct Account {
    /// What the program sends as its user name; compared without regard to case.
    pub name: String,
    /// Other user names of the same account.
    pub aliases: Vec<String>,
    /// Any of these passwords opens it.
    pub passwords: Vec<PasswordHash>,
    /// The token it maps to.
    pub token: Arc<Token>,
    /// Where it may be used; all of them by default.
    pub protocols: Vec<Protocol>,
    /// Where from; empty means from anywhere.
    pub networks: Vec<IpNet>,
    /// SASL user for IMAP and POP3, instead of the token's mailbox (shared mailboxes).
    pub mailbox: Option<String>,
    /// SASL user for SMTP, instead of the token's mailbox (delegates). A token that nobody signed in for has no mailbox that
    /// sends in its name: there it follows `mailbox`.
    pub smtp_user: Option<String>,
    /// Switched off: a right password is refused as not allowed.
    pub disabled: bool,
}

impl Account {
    /// All user names that it answers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// Whether this user name is one of its own, as a login is compared.
    #[must_use]
    pub fn answers_to(&self, user: &str) -> bool {
        let folded = |name: &str| name.trim_matches([' ', '\t']).to_lowercase();
        self.names().any(|name| folded(name) == folded(user))
    }

    /// The SASL user to present upstream.
    #[must_use]
    pub fn upstream_user(&self, protocol: Protocol) -> &str {
        let chosen = match protocol {
            Protocol::Smtp => self.smtp_user.as_ref().or(self.mailbox.as_ref().filter(|_| self.token.acts_as_any())),
            Protocol::Imap | Protocol::Pop3 => self.mailbox.as_ref(),
        };
        chosen.unwrap_or(&self.token.mailbox)
    }

    /// Whether it may be used by this protocol from this address. An IPv4 address seen through an IPv6 socket counts as
    /// the IPv4 address that it is.
    #[must_use]
    pub fn allows(&self, protocol: Protocol, from: IpAddr) -> bool {
        let from = from.to_canonical();
        let known_network = self.networks.is_empty() || self.networks.iter().any(|net| net.contains(&from));
        !self.disabled && known_network && self.protocols.contains(&protocol)
    }
}

/// An Argon2id hash in PHC format (`$argon2id$v=19$…`), made by `gatepost hash-password`.
///
/// A hash is not a secret as a password is, but it invites guessing: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a text cannot be used as a password hash. The text itself is never shown: it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash; make one with `gatepost hash-password`")]
pub struct UnusableHash;

impl PasswordHash {
    /// Checks the form of a hash: algorithm, parameters, salt and output can be read.
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = argon2::PasswordHash::new(text).map_err(|_| UnusableHash)?;
        let usable = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some();
        let parameters = argon2::Params::try_from(&hash);
        if usable && parameters.is_ok() { Ok(Self(text.to_owned())) } else { Err(UnusableHash) }
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
