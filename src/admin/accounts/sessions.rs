//! Sessions of an account that are open now.

use super::view;
use crate::activity::Seen;
use crate::admin::Desk;

/// One of them.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) protocol: &'static str,
    pub(super) peer: String,
    pub(super) since: view::Moment,
    pub(super) password: String,
}

/// As many as an account's page shows; the others are on the page of sessions.
const SHOWN: usize = 20;

/// The first of them, and how many there are.
pub(super) fn of(desk: &Desk, account: &str) -> (Vec<Row>, usize) {
    let lines = desk.activity.roll.lines();
    let own = lines.iter().filter(|line| line.login.account.name == account);
    (own.take(SHOWN).map(|line| Row::of(line.seen())).collect(), desk.activity.roll.open_of(account))
}

impl Row {
    fn of(seen: Seen) -> Self {
        let password = match seen.label {
            Some(label) => label,
            None if seen.guest => "none: let in without a login".to_owned(),
            None => "without a label".to_owned(),
        };
        let (protocol, since) = (view::title(seen.protocol), view::Moment::of(seen.since));
        Self { id: seen.id, protocol, peer: seen.peer, since, password }
    }
}
