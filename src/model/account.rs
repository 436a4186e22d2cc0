use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Password, Protocol, SenderPolicy, Token, within};

/// A local login.
#[derive(Clone, Debug)]
pub struct Account {
    /// What the program sends as its user name; compared without regard to case.
    pub name: String,
    /// Other user names of the same account.
    pub aliases: Vec<String>,
    /// Any of these passwords opens it.
    pub passwords: Vec<Password>,
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
    /// As whom it may send.
    pub sender: SenderPolicy,
    /// Switched off: a right password is refused as not allowed.
    pub disabled: bool,
}

impl Account {
    /// Nothing but who it is and its token: usable everywhere, without a password.
    #[must_use]
    pub fn bare(name: &str, token: Arc<Token>) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            passwords: Vec::new(),
            token,
            protocols: Protocol::ALL.to_vec(),
            networks: Vec::new(),
            mailbox: None,
            smtp_user: None,
            sender: SenderPolicy::Keep,
            disabled: false,
        }
    }

    /// All user names that it answers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// A user name as logins are compared: case and blanks around it do not matter.
    #[must_use]
    pub fn folded(user: &str) -> String {
        user.trim_matches([' ', '\t']).to_lowercase()
    }

    /// Whether this user name is one of its own.
    #[must_use]
    pub fn answers_to(&self, user: &str) -> bool {
        let folded = Self::folded(user);
        self.names().any(|name| Self::folded(name) == folded)
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

    /// Whether it may be used by this protocol from this address.
    #[must_use]
    pub fn allows(&self, protocol: Protocol, from: IpAddr) -> bool {
        let known_network = self.networks.is_empty() || within(&self.networks, from);
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
pub enum UnusableHash {
    /// No hash at all, or of another kind.
    #[error("not an Argon2id hash; make one with `gatepost hash-password`")]
    NoHash,
    /// A version of Argon2 that nobody can compute.
    #[error("an Argon2id hash of an unknown version; make one with `gatepost hash-password`")]
    Version,
    /// Every login would cost so much, also one with an unknown name.
    #[error(
        "an Argon2id hash of too much work (m above 1048576, 1 GiB, or t above 100); make one with `gatepost hash-password`"
    )]
    Work,
}

/// The most memory of a hash, in KiB.
const MOST_MEMORY: u32 = 1024 * 1024;
/// The most passes over it.
const MOST_PASSES: u32 = 100;

impl PasswordHash {
    /// Checks that a hash can be computed: algorithm, version, parameters, salt and output.
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = argon2::PasswordHash::new(text).map_err(|_| UnusableHash::NoHash)?;
        if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
            return Err(UnusableHash::NoHash);
        }
        if hash.version.is_some_and(|version| argon2::Version::try_from(version).is_err()) {
            return Err(UnusableHash::Version);
        }
        let work = argon2::Params::try_from(&hash).map_err(|_| UnusableHash::NoHash)?;
        if work.m_cost() > MOST_MEMORY || work.t_cost() > MOST_PASSES {
            return Err(UnusableHash::Work);
        }
        Ok(Self(text.to_owned()))
    }

    /// What [`parse`](Self::parse) refuses; it fails when it is computed, as one does for which there is no memory.
    #[cfg(test)]
    pub(crate) fn that_cannot_be_computed() -> Self {
        Self("$argon2id$v=18$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ".into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_computed_is_a_hash() {
        let parse = |text: &str| PasswordHash::parse(text).map(drop);
        let with = |version: &str, work: &str| {
            format!("$argon2id${version}{work}$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8")
        };
        for (version, work) in [
            ("v=19$", "m=19456,t=2,p=1"),
            ("v=16$", "m=8,t=1,p=1"),
            ("", "m=65536,t=3,p=4"),
            ("v=19$", "m=1048576,t=100,p=1"),
        ] {
            assert_eq!(parse(&with(version, work)), Ok(()), "{version}{work}");
        }
        for (text, reason) in [
            ("hunter2".into(), UnusableHash::NoHash),
            (String::new(), UnusableHash::NoHash),
            ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0".into(), UnusableHash::NoHash),
            (with("v=19$", "m=19456,t=2,p=1").replace("argon2id", "argon2i"), UnusableHash::NoHash),
            (with("v=19$", "m=19456,t=2,p=1").replace("c2FsdHNhbHRzYWx0", "c2FsdA"), UnusableHash::NoHash),
            (with("v=19$", "m=7,t=1,p=1"), UnusableHash::NoHash),
            (with("v=18$", "m=8,t=1,p=1"), UnusableHash::Version),
            (with("v=19$", "m=1048577,t=1,p=1"), UnusableHash::Work),
            (with("v=19$", "m=4294967295,t=1,p=1"), UnusableHash::Work),
            (with("v=19$", "m=8,t=101,p=1"), UnusableHash::Work),
        ] {
            assert_eq!(parse(&text), Err(reason), "{text}");
        }
        assert_eq!(PasswordHash::parse(PasswordHash::that_cannot_be_computed().as_str()), Err(UnusableHash::Version));
    }
}
