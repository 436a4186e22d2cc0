use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::{PasswordHash, Protocol};

/// One of an account's passwords, and what it opens the account for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// What it is compared with.
    pub hash: PasswordHash,
    /// Its name within the account, for people and logs.
    pub label: Option<String>,
    /// What it may be used for; empty means for whatever the account may.
    pub protocols: Vec<Protocol>,
    /// Where from; empty means from wherever the account may.
    pub networks: Vec<IpNet>,
    /// From when on it opens nothing any more.
    pub expires: Option<DateTime<Utc>>,
}

impl Password {
    /// Whether it may be used by this protocol from this address now, as far as it has a say itself.
    #[must_use]
    pub fn allows(&self, protocol: Protocol, from: IpAddr, now: DateTime<Utc>) -> bool {
        let known_protocol = self.protocols.is_empty() || self.protocols.contains(&protocol);
        !self.has_expired(now) && known_protocol && (self.networks.is_empty() || within(&self.networks, from))
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// One without a name or limits.
impl From<PasswordHash> for Password {
    fn from(hash: PasswordHash) -> Self {
        Self { hash, label: None, protocols: Vec::new(), networks: Vec::new(), expires: None }
    }
}

/// Whether an address is in one of these networks. An IPv4 address seen through an IPv6 socket counts as the IPv4 address that
/// it is.
#[must_use]
pub fn within(networks: &[IpNet], from: IpAddr) -> bool {
    let from = from.to_canonical();
    networks.iter().any(|network| network.contains(&from))
}
