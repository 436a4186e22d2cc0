use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::counts::Counts;
use super::label::SessionId;
use crate::clock;
use crate::model::{Account, Password, Protocol};
use crate::net::{Carried, Peer};

/// Sessions that are logged in, from the upstream's yes to their end.
#[derive(Debug, Default)]
pub struct Roll(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Lines {
    by_id: BTreeMap<SessionId, Arc<Line>>,
    /// How many each account has, by its name.
    of_account: HashMap<String, usize>,
    /// What those have carried that are over, by protocol.
    over: [Figures; 3],
}

/// How many sessions there are of a protocol, and what was carried by them and those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Sessions that are logged in.
    pub open: u64,
    /// Octets from clients to upstreams, since the start.
    pub sent: u64,
    /// Octets from upstreams to clients, since the start.
    pub received: u64,
}

/// Who was let in, and how.
#[derive(Clone, Debug)]
pub struct Login {
    /// As whom.
    pub account: Arc<Account>,
    /// By which of the account's passwords, counted from 0; none for a client that may send without a login.
    pub password: Option<u8>,
    /// What is spoken.
    pub protocol: Protocol,
    /// Where the client is.
    pub peer: Peer,
}

/// A session that is logged in.
#[derive(Debug)]
pub struct Line {
    /// As its log lines call it.
    pub id: SessionId,
    /// Who it is.
    pub login: Login,
    /// When it was let in.
    pub since: DateTime<Utc>,
    /// What it has carried until now.
    pub carried: Arc<Carried>,
    /// Ends this session, as the service's own stop does, whose child it is.
    pub stop: CancellationToken,
    why: AtomicU8,
    door: AtomicU32,
}

/// Why a session was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// Somebody chose this session.
    Administrator = 1,
    /// The account, its token or the password is not what it was.
    Revoked,
    /// The service, or the listener that it came by, is being closed.
    Closing,
}

impl Why {
    /// For the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Administrator => "ended by the administrator",
            Self::Revoked => "the account, its token or the password no longer allows it",
            Self::Closing => "the service or its listener is being closed",
        }
    }
}

/// A session's place in the roll, left when dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the session is over"]
pub struct Entered {
    line: Arc<Line>,
    roll: Arc<Shared>,
}

/// A session as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As its log lines call it.
    pub id: String,
    /// The account's name.
    pub account: String,
    /// The token's name.
    pub token: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// Where the client is.
    pub peer: String,
    /// When it was let in.
    pub since: DateTime<Utc>,
    /// Octets from the client to the upstream.
    pub sent: u64,
    /// Octets from the upstream to the client.
    pub received: u64,
    /// As whom it is logged in upstream, and at which server.
    pub upstream: String,
    /// The label of the password.
    pub label: Option<String>,
    /// Let in without a login.
    pub guest: bool,
}

impl Roll {
    /// One whose length is counted.
    #[must_use]
    pub fn counted(counts: Counts) -> Self {
        Self(Arc::new(Shared { lines: Mutex::default(), counts }))
    }

    /// A session was let in. It gets a stop of its own.
    pub fn enter(&self, id: SessionId, login: Login, since: DateTime<Utc>, stop: &CancellationToken) -> Entered {
        let line = Line::new(id, login, since, stop);
        let lines = self.lock();
        self.add(lines, line)
    }

    /// The same where its account has fewer than so many. Nothing: it has as many.
    #[must_use]
    pub fn enter_within(
        &self,
        most: usize,
        id: SessionId,
        login: Login,
        since: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Option<Entered> {
        let line = Line::new(id, login, since, stop);
        let lines = self.lock();
        let there = lines.of_account.get(&line.login.account.name).copied().unwrap_or(0);
        (there < most).then(|| self.add(lines, line))
    }

    fn add(&self, mut lines: MutexGuard<'_, Lines>, line: Line) -> Entered {
        let (id, since, line) = (line.id, line.since, Arc::new(line));
        *lines.of_account.entry(line.login.account.name.clone()).or_default() += 1;
        lines.by_id.insert(id, Arc::clone(&line));
        self.0.counts.open(lines.by_id.len(), since);
        drop(lines);
        Entered { line, roll: Arc::clone(&self.0) }
    }

    /// All of them, the longest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<Line>> {
        self.lock().by_id.values().map(Arc::clone).collect()
    }

    /// All of them for people, the longest first.
    #[must_use]
    pub fn list(&self) -> Vec<Seen> {
        self.lines().iter().map(|line| line.seen()).collect()
    }

    /// The session of this id.
    #[must_use]
    pub fn line(&self, id: &str) -> Option<Arc<Line>> {
        let id = id.parse().ok()?;
        self.lock().by_id.get(&id).map(Arc::clone)
    }

    /// Ends the session of this id. `false`: there is none (any more).
    #[must_use]
    pub fn end(&self, id: &str) -> bool {
        let line = self.line(id);
        line.inspect(|line| line.end(Why::Administrator)).is_some()
    }

    /// Ends the sessions that may not go on. Returns how many.
    pub fn review(&self, may_go_on: impl Fn(&Line) -> bool) -> usize {
        let over = |line: &Arc<Line>| !line.stop.is_cancelled() && !may_go_on(line);
        let ended: Vec<_> = self.lines().into_iter().filter(over).collect();
        for line in &ended {
            line.end(Why::Revoked);
        }
        ended.len()
    }

    /// How many sessions an account has.
    #[must_use]
    pub fn open_of(&self, account: &str) -> usize {
        self.lock().of_account.get(account).copied().unwrap_or(0)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().by_id.len()
    }

    /// What there is and was of a protocol.
    #[must_use]
    pub fn figures(&self) -> [(Protocol, Figures); 3] {
        let lines = self.lock();
        let mut figures = lines.over;
        for line in lines.by_id.values() {
            let of = &mut figures[line.login.protocol as usize];
            of.open += 1;
            of.carry(line);
        }
        Protocol::ALL.map(|protocol| (protocol, figures[protocol as usize]))
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock()
    }
}

impl Figures {
    fn carry(&mut self, line: &Line) {
        self.sent += line.carried.sent();
        self.received += line.carried.received();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// By which door it came in.
    pub fn by(self, door: u32) -> Self {
        self.line.door.store(door, Ordering::Relaxed);
        self
    }

    /// The session.
    #[must_use]
    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut lines = self.roll.lock();
        lines.by_id.remove(&self.line.id);
        lines.over[self.line.login.protocol as usize].carry(&self.line);
        let account = &self.line.login.account.name;
        if let Some(count) = lines.of_account.get_mut(account) {
            *count -= 1;
            if *count == 0 {
                lines.of_account.remove(account);
            }
        }
        self.roll.counts.open(lines.by_id.len(), clock::now());
    }
}

impl Line {
    fn new(id: SessionId, login: Login, since: DateTime<Utc>, stop: &CancellationToken) -> Self {
        let (carried, stop) = (Arc::default(), stop.child_token());
        Self { id, login, since, carried, stop, why: AtomicU8::new(0), door: AtomicU32::new(0) }
    }

    /// Ends it, if that was not done before.
    pub fn end(&self, why: Why) {
        let first = self.why.compare_exchange(0, why as u8, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            self.stop.cancel();
        }
    }

    /// Why it was ended from outside, if it was.
    #[must_use]
    pub fn ended(&self) -> Option<Why> {
        let why = self.why.load(Ordering::Relaxed);
        [Why::Administrator, Why::Revoked, Why::Closing].into_iter().find(|&known| known as u8 == why)
    }

    /// The open socket that it came by, which outlives a reload; 0 where that is not known.
    #[must_use]
    pub fn door(&self) -> u32 {
        self.door.load(Ordering::Relaxed)
    }

    /// The label of the password that it was let in by.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.password()?.label.as_deref()
    }

    /// The password that it was let in by.
    #[must_use]
    pub fn password(&self) -> Option<&Password> {
        self.login.account.passwords.get(usize::from(self.login.password?))
    }

    /// As people see it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let Login { account, password, protocol, peer } = &self.login;
        let (user, server) = (account.upstream_user(*protocol), account.token.provider.endpoints.of(*protocol));
        Seen {
            id: self.id.to_string(),
            account: account.name.clone(),
            token: account.token.name.clone(),
            protocol: *protocol,
            peer: peer.to_string(),
            since: self.since,
            sent: self.carried.sent(),
            received: self.carried.received(),
            upstream: server.map_or_else(|| user.to_owned(), |server| format!("{user} at {}", server.host)),
            label: self.label().map(str::to_owned),
            guest: password.is_none(),
        }
    }
}
