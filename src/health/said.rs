//! What a replica says of itself to the others: from memory, for it is said every few seconds.

use super::checks::own;
use super::facts::{Facts, Upstream};
use super::picture::Sessions;
use crate::replicas;

pub(super) fn said(facts: Facts, sessions: Vec<Sessions>, under_way: u64) -> replicas::Facts {
    let before_login = sessions.iter().map(|one| one.before_login).sum();
    let wrong = wrong(&facts, &sessions);
    let said = replicas::Facts {
        pid: std::process::id(),
        sessions: sessions.into_iter().map(|one| (one.protocol, one.logged_in)).collect(),
        before_login,
        under_way,
        stopping: facts.closing,
        wrong,
        configuration: facts.configuration,
    };
    said.bounded()
}

/// What concerns this one alone. Tokens are everybody's, and whoever can say this has the store.
fn wrong(facts: &Facts, sessions: &[Sessions]) -> Vec<String> {
    let failed = own(facts, sessions).into_iter().filter(|check| check.name == "listeners");
    let reasons = failed.flat_map(|check| check.reasons).map(|reason| reason.reason);
    let down = |one: &Upstream| format!("{} cannot be reached {}", one.host, one.fault.as_deref().unwrap_or_default());
    reasons.chain(facts.upstreams.iter().filter(|one| !one.up).map(down)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_here_alone_is_said_to_the_others() {
        let upstream = |host: &str, fault: Option<&str>| Upstream {
            provider: "corp".into(),
            host: host.into(),
            up: fault.is_none(),
            fault: fault.map(str::to_owned),
        };
        let upstreams = vec![upstream("a:993", None), upstream("b:587", Some("for 9 s: connection refused"))];
        let session = |protocol: &str, before_login, logged_in| Sessions {
            protocol: protocol.into(),
            before_login,
            logged_in,
            opened: 9,
            to_upstream: 1,
            to_client: 1,
        };
        let facts = Facts { upstreams, closing: true, ..Facts::default() };
        let said = said(facts, vec![session("imap", 1, 2), session("smtp", 3, 4)], 5);
        assert_eq!(said.sessions, [("imap".to_owned(), 2), ("smtp".to_owned(), 4)].into());
        assert_eq!((said.before_login, said.under_way, said.stopping), (4, 5, true));
        assert_eq!(said.wrong, ["b:587 cannot be reached for 9 s: connection refused"]);
    }
}
