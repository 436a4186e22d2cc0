//! Whether those who are logged in may stay, after what is declared has changed.

use super::service::Service;
use crate::account::Directory;
use crate::activity::{Line, Login};
use crate::model::{Account, Protocol};

impl Service {
    /// Ends the sessions that the directory no longer allows. Returns how many.
    pub fn review(&self) -> usize {
        let directory = self.directory.load_full();
        self.activity.roll.review(|line| may_go_on(&directory, line))
    }
}

/// Whether a session would be let in again as it was let in: by the same password, as the same mailbox.
pub(super) fn may_go_on(directory: &Directory, line: &Line) -> bool {
    let Login { account: before, protocol, peer, .. } = &line.login;
    let Some(now) = directory.named(&before.name).filter(|now| now.answers_to(&before.name)) else { return false };
    let allowed = now.allows(*protocol, peer.ip()) && is_same(before, now, *protocol);
    allowed && (line.login.password.is_none() || opens(now, line))
}

/// Whether a session of the old account is one of the new account.
fn is_same(before: &Account, now: &Account, protocol: Protocol) -> bool {
    let (old, new) = (&before.token, &now.token);
    let token = old.name == new.name && old.provider.name == new.provider.name;
    let sender = protocol != Protocol::Smtp || before.sender == now.sender;
    token && sender && before.upstream_user(protocol) == now.upstream_user(protocol)
}

/// Whether the password that let it in still does.
fn opens(now: &Account, line: &Line) -> bool {
    let Login { protocol, peer, .. } = line.login;
    let Some(before) = line.password() else { return false };
    now.passwords.iter().any(|password| password.hash == before.hash && password.allows(protocol, peer.ip()))
}
