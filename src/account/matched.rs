use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::model::{Account, Password, Protocol};

/// Which passwords of an account a login is: two programs may have been given the same one, each for its own network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matched(u64);

impl Matched {
    /// More passwords than an account can have: each costs every login a hash.
    pub(super) fn note(&mut self, index: Option<usize>) {
        let bit = index.and_then(|index| 1_u64.checked_shl(u32::try_from(index).ok()?));
        self.0 |= bit.unwrap_or(0);
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The first of them, if any, that may be used by this protocol from this address now, and which it is, counted from 0.
    #[must_use]
    pub fn allowed(
        self,
        account: &Account,
        protocol: Protocol,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Option<(u8, &Password)> {
        self.of(account).find(|(_, password)| password.allows(protocol, from, now))
    }

    /// Whether one of them has expired.
    #[must_use]
    pub fn has_expired(self, account: &Account, now: DateTime<Utc>) -> bool {
        self.of(account).any(|(_, password)| password.has_expired(now))
    }

    fn of(self, account: &Account) -> impl Iterator<Item = (u8, &Password)> {
        (0..64).zip(&account.passwords).filter(move |(index, _)| self.0 >> index & 1 == 1)
    }
}
