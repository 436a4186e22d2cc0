//! Whether those who are logged in may stay, after what is declared has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch::Receiver;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::service::Service;
use crate::account::Directory;
use crate::activity::{Line, Login};
use crate::clock;
use crate::model::{Account, Protocol};
use crate::submit::kept::Key;
use crate::upstream::Reach;

/// The longest wait for the day of a password: the clock may be set meanwhile.
const LONGEST: Duration = Duration::from_mins(10);

impl Service {
    /// Ends the sessions of passwords that expire, until told to stop; to be told when the directory is another one.
    pub async fn watch_passwords(self: Arc<Self>, mut declared: Receiver<()>, stop: CancellationToken) {
        loop {
            declared.mark_unchanged();
            let next = self.directory.load().next_end(clock::now());
            // After that: whose day comes between the two is not missed.
            self.review();
            tokio::select! {
                () = stop.cancelled() => return,
                _ = declared.changed() => {}
                () = day(next) => {}
            }
        }
    }

    /// Ends the sessions that the directory no longer allows. Returns how many.
    #[expect(clippy::must_use_candidate, reason = "a deed; how many is for the log")]
    pub fn review(&self) -> usize {
        let directory = self.directory.load_full();
        let reach = self.reach.load_full();
        self.kept.review(|key, account| may_be_kept(&directory, &reach, key, account));
        self.activity.roll.review(|line| may_go_on(&directory, line))
    }
}

/// Comes with this time, or before; never where there is none.
async fn day(next: Option<DateTime<Utc>>) {
    match next {
        Some(next) => sleep((next - clock::now()).to_std().unwrap_or_default().min(LONGEST)).await,
        None => std::future::pending().await,
    }
}

/// Whether a session would be let in again as it was let in: by the same password, as the same mailbox.
pub(super) fn may_go_on(directory: &Directory, line: &Line) -> bool {
    let Login { account: before, protocol, peer, .. } = &line.login;
    let Some(now) = directory.named(&before.name) else { return false };
    let allowed = now.allows(*protocol, peer.ip()) && is_same(before, now, *protocol);
    allowed && (line.login.password.is_none() || opens(now, line))
}

/// Whether a login of the account that used it last would make the same upstream session.
fn may_be_kept(directory: &Directory, reach: &HashMap<String, Reach>, key: &Key, account: &str) -> bool {
    let Some(account) = directory.named(account).filter(|account| !account.disabled) else { return false };
    let (token, user) = (&account.token, account.upstream_user(Protocol::Smtp));
    let target = reach.get(&token.provider.name).and_then(|reach| reach.target(token, Protocol::Smtp, user));
    !token.disabled && target.is_some_and(|target| key.is_of(&target, &token.name))
}

/// Whether a session of the old account is one of the new account.
fn is_same(before: &Account, now: &Account, protocol: Protocol) -> bool {
    let (old, new) = (&before.token, &now.token);
    let token = old.name == new.name && old.provider.name == new.provider.name && !new.disabled;
    let sender = protocol != Protocol::Smtp || before.sender == now.sender;
    token && sender && before.upstream_user(protocol) == now.upstream_user(protocol)
}

/// Whether the password that let it in still does.
fn opens(now: &Account, line: &Line) -> bool {
    let Login { protocol, peer, .. } = line.login;
    let Some(before) = line.password() else { return false };
    now.passwords
        .iter()
        .any(|password| password.hash == before.hash && password.allows(protocol, peer.ip(), clock::now()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::activity::{Roll, SessionId};
    use crate::clock;
    use crate::model::{Grant, Password, PasswordHash, Provider, SenderPolicy, Token};
    use crate::net::Peer;

    fn hash(salt: &str) -> PasswordHash {
        let text = format!("$argon2id$v=19$m=8,t=1,p=1${salt}$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ");
        PasswordHash::parse(&text).unwrap()
    }

    fn token(name: &str, provider: &str, mailbox: &str) -> Arc<Token> {
        let provider = Arc::new(Provider { name: provider.into(), ..Provider::default() });
        let token = Token::bare(name, provider, Grant::AuthorizationCode);
        Arc::new(Token { mailbox: mailbox.into(), ..token })
    }

    fn account() -> Account {
        let phone = Password { label: Some("phone".into()), ..hash("c2FsdHNhbHQ").into() };
        Account {
            passwords: vec![phone, hash("c2FsdHNhbHR0").into()],
            ..Account::bare("desk", token("support", "corp", "a@example.com"))
        }
    }

    /// Whether sessions of the phone go on by SMTP and by IMAP, and one that nobody logged in, when this is declared.
    fn go_on(now: impl IntoIterator<Item = Account>) -> (bool, bool, bool) {
        let directory = Directory::new(now).unwrap();
        let (roll, before) = (Roll::default(), Arc::new(account()));
        let goes_on = |protocol, password| {
            let (account, peer) = (Arc::clone(&before), Peer::Tcp(SocketAddr::from(([10, 0, 0, 1], 1))));
            let login = Login { account, password, protocol, peer };
            let entered = roll.enter(SessionId::next(), login, clock::now(), &CancellationToken::new());
            may_go_on(&directory, entered.line())
        };
        (goes_on(Protocol::Smtp, Some(0)), goes_on(Protocol::Imap, Some(0)), goes_on(Protocol::Smtp, None))
    }

    #[test]
    fn what_a_session_does_not_use_may_change() {
        let mut now = account();
        now.passwords = vec![hash("c2FsdHNhbHNhbHQ").into(), now.passwords.remove(0)];
        now.passwords[1].label = Some("another name".into());
        now.aliases = vec!["help".into()];
        now.networks = vec!["10.0.0.0/8".parse().unwrap()];
        now.name = "DESK".into();
        now.token = Arc::new(Token { scopes: vec!["more".into()], ..(*now.token).clone() });
        assert_eq!(go_on([now]), (true, true, true));
    }

    #[test]
    fn whoever_could_not_come_in_again_may_not_stay() {
        let with = |change: fn(&mut Account)| {
            let mut now = account();
            change(&mut now);
            go_on([now])
        };
        let none = (false, false, false);
        assert_eq!(go_on([]), none);
        assert_eq!(with(|now| now.disabled = true), none);
        assert_eq!(with(|now| now.name = "other".into()), none);
        assert_eq!(
            with(|now| (now.name, now.aliases) = ("other".into(), vec!["desk".into()])),
            (true, true, true),
            "renamed"
        );
        assert_eq!(with(|now| now.networks = vec!["192.0.2.0/24".parse().unwrap()]), none);
        assert_eq!(with(|now| now.protocols = vec![Protocol::Imap]), (false, true, false));
        assert_eq!(with(|now| now.token = token("other", "corp", "a@example.com")), none);
        assert_eq!(with(|now| now.token = token("support", "other", "a@example.com")), none);
        assert_eq!(with(|now| now.token = token("support", "corp", "b@example.com")), none);
        let off = |now: &mut Account| now.token = Arc::new(Token { disabled: true, ..(*now.token).clone() });
        assert_eq!(with(off), none);
        assert_eq!(with(|now| now.mailbox = Some("shared@example.com".into())), (true, false, true));
        let rewrite = |now: &mut Account| {
            now.sender = SenderPolicy::Rewrite { address: "a@example.com".into(), reply_to: false };
        };
        assert_eq!(with(rewrite), (false, true, false), "who reads mail is not concerned");
        assert_eq!(with(|now| drop(now.passwords.remove(0))), (false, false, true), "guests have no password");
        assert_eq!(with(|now| now.passwords[0].expires = Some(clock::now())), (false, false, true));
        assert_eq!(with(|now| now.passwords[0].protocols = vec![Protocol::Smtp]), (true, false, true));
        assert_eq!(with(|now| now.passwords[0].networks = vec!["192.0.2.0/24".parse().unwrap()]), (false, false, true));
    }
}
