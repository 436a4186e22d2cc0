use std::net::IpAddr;

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

    /// The first of them, if any, that may be used by this protocol from this address, and which it is, counted from 0.
    #[must_use]
    pub fn allowed(self, account: &Account, protocol: Protocol, from: IpAddr) -> Option<(u8, &Password)> {
        let mut of = (0..64).zip(&account.passwords);
        of.find(|(index, password)| self.0 >> index & 1 == 1 && password.allows(protocol, from))
    }
}
