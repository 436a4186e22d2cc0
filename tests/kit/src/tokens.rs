use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::client::Client;

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// It stays, and the answer does not mention it (Google).
    #[default]
    Off,
    /// The answer brings a new one; the old one stays good (Microsoft).
    Lenient,
    /// The answer brings a new one; who uses the old one again ends the whole family (RFC 9700, 4.14.2).
    Strict,
}

/// The provider's book of clients and tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    clients: HashMap<String, Client>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    ended: HashSet<u64>,
    serial: u64,
    pub(crate) life: Duration,
    pub(crate) rotation: Rotation,
}

#[derive(Debug)]
struct Access {
    mailboxes: Vec<String>,
    ends: Instant,
}

#[derive(Clone, Debug)]
struct Refresh {
    family: u64,
    mailbox: String,
    /// The one client that may use it, if it was issued to one.
    client: Option<String>,
    spent: bool,
}

/// What a positive answer carries.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) life: Duration,
    /// Whose consent it is, if it is somebody's.
    pub(crate) mailbox: Option<String>,
}

/// What an access token is worth to a user, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Good,
    /// Unknown, revoked or expired.
    Invalid,
    /// Good, but for somebody else.
    WrongUser,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            clients: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            ended: HashSet::new(),
            serial: 0,
            life: Duration::from_hours(1),
            rotation: Rotation::Off,
        }
    }
}

impl Tokens {
    pub(crate) fn add_client(&mut self, client: Client) {
        self.clients.insert(client.id.clone(), client);
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    /// A token that opens these mailboxes, without anyone having asked for it.
    pub(crate) fn issue_access(&mut self, mailboxes: Vec<String>, life: Duration) -> String {
        let token = self.fresh("access");
        self.access.insert(token.clone(), Access { mailboxes, ends: Instant::now() + life });
        token
    }

    /// The first refresh token of a new family.
    pub(crate) fn issue_refresh(&mut self, mailbox: &str, client: Option<&str>) -> String {
        let family = self.serial;
        self.add_refresh(Refresh {
            family,
            mailbox: mailbox.to_owned(),
            client: client.map(str::to_owned),
            spent: false,
        })
    }

    /// The grant `client_credentials`.
    pub(crate) fn by_client(&mut self, client: &Client) -> Granted {
        let life = client.life.unwrap_or(self.life);
        Granted { access: self.issue_access(client.mailboxes.clone(), life), refresh: None, life, mailbox: None }
    }

    /// What somebody consents to: one access token, or a new family of refresh tokens, too.
    pub(crate) fn by_consent(&mut self, client: &Client, mailbox: &str, offline: bool) -> Granted {
        let life = client.life.unwrap_or(self.life);
        let refresh = offline.then(|| self.issue_refresh(mailbox, Some(&client.id)));
        Granted {
            access: self.issue_access(vec![mailbox.to_owned()], life),
            refresh,
            life,
            mailbox: Some(mailbox.to_owned()),
        }
    }

    /// The grant `refresh_token`; `None` is `invalid_grant`.
    pub(crate) fn by_refresh(&mut self, client: &Client, token: &str) -> Option<Granted> {
        let used = self.refresh.get(token).filter(|used| used.client.as_ref().is_none_or(|id| *id == client.id))?;
        let used = used.clone();
        if used.spent {
            self.ended.insert(used.family);
        }
        if self.ended.contains(&used.family) {
            return None;
        }
        let rotation = client.rotation.unwrap_or(self.rotation);
        let successor = (rotation != Rotation::Off).then(|| self.add_refresh(used.clone()));
        if let (Rotation::Strict, Some(used)) = (rotation, self.refresh.get_mut(token)) {
            used.spent = true;
        }
        let life = client.life.unwrap_or(self.life);
        let access = self.issue_access(vec![used.mailbox.clone()], life);
        Some(Granted { access, refresh: successor, life, mailbox: Some(used.mailbox) })
    }

    pub(crate) fn worth(&self, user: &str, token: &str) -> Worth {
        match self.access.get(token) {
            Some(access) if access.ends <= Instant::now() => Worth::Invalid,
            Some(access) if access.mailboxes.iter().any(|mailbox| mailbox.eq_ignore_ascii_case(user)) => Worth::Good,
            Some(_) => Worth::WrongUser,
            None => Worth::Invalid,
        }
    }

    /// Ends the access tokens that open this mailbox, or all.
    pub(crate) fn revoke_access(&mut self, mailbox: Option<&str>) {
        let opens = |access: &Access| {
            mailbox.is_none_or(|mailbox| access.mailboxes.iter().any(|m| m.eq_ignore_ascii_case(mailbox)))
        };
        self.access.retain(|_, access| !opens(access));
    }

    /// Ends every refresh token of this mailbox, as a changed password does.
    pub(crate) fn revoke_refresh(&mut self, mailbox: &str) {
        self.refresh.retain(|_, refresh| !refresh.mailbox.eq_ignore_ascii_case(mailbox));
    }

    fn add_refresh(&mut self, refresh: Refresh) -> String {
        let token = self.fresh("refresh");
        self.refresh.insert(token.clone(), refresh);
        token
    }

    /// A token that was never used before, about as long as real ones, with characters that a form has to escape.
    fn fresh(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("simulated.{kind}+{}/{}==", self.serial, "x".repeat(1500))
    }
}
