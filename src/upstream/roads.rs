//! What the process knows of the ways to its providers' servers, shared by all who log in there.
//!
//! One lock guards it. It is held for a few comparisons, never across an await, and nothing is logged under it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::health::{Health, Rules, Silence, Try};
use super::leave::Leave;
use super::ready::{Ready, ReadySettings, Shelf};
use super::retries::{Allowed, Retries};
use super::turns::Turns;
use crate::model::{Endpoint, Provider};
use crate::net::Names;

/// The servers of all providers: which of them count as dead, and who connects to them.
#[derive(Debug)]
pub struct Roads {
    settings: ArcSwap<RoadSettings>,
    servers: Mutex<HashMap<Arc<Server>, State>>,
    names: Names,
    /// Who makes connections ready, watches them and gives them up.
    pub(super) tasks: TaskTracker,
    /// Ends them.
    pub(super) ending: CancellationToken,
}

/// Bounds of [`Roads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoadSettings {
    /// Logins at a server at a time (`limits.upstream_connects`).
    pub connects: usize,
    /// Failures in a row after which a server counts as dead (`limits.dead_host_failures`); 0 is never.
    pub failures: u32,
    /// The longest pause between two attempts to reach a dead one (`limits.dead_host_seconds`).
    pub longest: Duration,
    /// Second attempts, of a hundred logins (`limits.upstream_retry_percent`).
    pub retry_percent: u32,
    /// Connections kept ready.
    pub ready: ReadySettings,
}

impl Default for RoadSettings {
    fn default() -> Self {
        let (longest, ready) = (Duration::from_mins(1), ReadySettings::default());
        Self { connects: 100, failures: 3, longest, retry_percent: 20, ready }
    }
}

/// A server as its provider reaches it. Another provider may have another way to the same host, and other trust in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The provider's name.
    pub provider: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The proxy on the way.
    pub proxy: Option<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.provider, self.host, self.port)
    }
}

impl Server {
    /// A provider's server.
    #[must_use]
    pub fn new(provider: &Provider, endpoint: &Endpoint) -> Self {
        let proxy = provider.egress.toward(&endpoint.host).map(ToString::to_string);
        Self { provider: provider.name.clone(), host: endpoint.host.clone(), port: endpoint.port, proxy }
    }
}

/// Why nobody connects to a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// It counts as dead.
    #[error("{host} port {port} cannot be reached since {seconds} s ago, and is tried again before long: {cause}")]
    Dead {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// How long nobody has reached it.
        seconds: u64,
        /// What became of the last attempt.
        cause: String,
    },
    /// Too many log in there.
    #[error(
        "{connects} logins are under way at {host}, or half of them for the same mailbox, and none came to an end within {seconds} s (limits.upstream_connects)"
    )]
    Crowded {
        /// The server.
        host: String,
        /// The bound.
        connects: usize,
        /// How long it was waited.
        seconds: u64,
    },
}

/// A server as it looks now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub server: Arc<Server>,
    /// How long it has not been reached, and why, where it counts as dead.
    pub dead: Option<(Duration, String)>,
    /// Logins under way.
    pub connecting: usize,
    /// Logins that wait for their turn.
    pub waiting: usize,
    /// Connections that are kept ready.
    pub ready: usize,
}

/// How someone who waits is called.
type Call = oneshot::Sender<Result<Leave, Closed>>;

#[derive(Debug, Default)]
pub(super) struct State {
    health: Health,
    turns: Turns<Call>,
    retries: Retries,
    pub(super) shelf: Shelf<Ready>,
}

impl State {
    /// Nothing says that it is not.
    pub(super) fn is_well(&self) -> bool {
        self.health.is_well()
    }
}

/// What an operator can do about it.
const REMEDY: &str = "run `gatepost doctor`: it shows where the way ends; until the server is reached again, logins there are told to try again later";

impl Default for Roads {
    fn default() -> Self {
        Self::new(RoadSettings::default())
    }
}

impl Roads {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(settings: RoadSettings) -> Self {
        Self::with_names(settings, Names::default())
    }

    /// The same where names are found in another way.
    #[must_use]
    pub fn with_names(settings: RoadSettings, names: Names) -> Self {
        let (tasks, ending) = (TaskTracker::new(), CancellationToken::new());
        Self { settings: ArcSwap::from_pointee(settings), servers: Mutex::default(), names, tasks, ending }
    }

    /// Where the addresses of servers are found.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Other bounds, from now on. What was in the way may be mended with them: dead servers are tried at once.
    pub fn set(&self, settings: RoadSettings) {
        self.settings.store(Arc::new(settings));
        let now = Instant::now();
        self.lock().values_mut().for_each(|state| state.health.reconsider(now));
        // They were made by other settings, and perhaps by other trust.
        self.part(self.clear_ready());
    }

    #[cfg(test)]
    pub(super) fn settle(&self, settings: RoadSettings) {
        self.settings.store(Arc::new(settings));
    }

    pub(super) fn clear_ready(&self) -> Vec<Ready> {
        self.lock().values_mut().flat_map(|state| state.shelf.clear()).collect()
    }

    pub(super) fn settings(&self) -> RoadSettings {
        **self.settings.load()
    }

    /// Looks at what is known of a server, or changes it; nothing of it may wait.
    pub(super) fn with<R>(&self, server: &Server, look: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.lock().get_mut(server).map(look)
    }

    /// Forgets servers that nobody has any more.
    pub fn keep(&self, servers: &HashSet<Server>) {
        let mut given_up = Vec::new();
        self.lock().retain(|server, state| {
            let is_there = servers.contains(&**server);
            if !is_there {
                given_up.extend(state.shelf.clear());
            }
            is_there || state.turns.taken() > 0
        });
        self.part(given_up);
    }

    /// All servers that were connected to, in the order of their names.
    #[must_use]
    pub fn look(&self) -> Vec<Seen> {
        let now = Instant::now();
        let seen = |(server, state): (&Arc<Server>, &State)| Seen {
            server: Arc::clone(server),
            dead: state.health.death(now).map(|silence| (silence.lasts, silence.cause)),
            connecting: state.turns.taken(),
            waiting: state.turns.waiting(),
            ready: state.shelf.len(),
        };
        let mut all: Vec<_> = self.lock().iter().map(seen).collect();
        all.sort_by(|one, other| {
            let key = |seen: &Seen| (seen.server.provider.clone(), seen.server.host.clone(), seen.server.port);
            key(one).cmp(&key(other))
        });
        all
    }

    /// Why nobody would be let through now, if so.
    #[must_use]
    pub fn closed(&self, server: &Server) -> Option<Closed> {
        let silence = self.lock().get(server)?.health.silence(Instant::now())?;
        Some(dead(server, silence))
    }

    /// Leave to connect, in turn with the other mailboxes there; not at all while the server counts as dead.
    pub async fn leave(self: &Arc<Self>, server: Server, user: &str, wait: Duration) -> Result<Leave, Closed> {
        let (server, user) = (Arc::new(server), Arc::<str>::from(user));
        let (called, waiting) = match self.begin(&server, &user)? {
            Begun::Through(leave) => return Ok(leave),
            Begun::Waiting(called, waiting) => (called, waiting),
        };
        let crowded = || Closed::Crowded {
            host: server.host.clone(),
            connects: self.settings.load().connects,
            seconds: wait.as_secs(),
        };
        let called = timeout(wait, called).await;
        drop(waiting);
        // The sender is dropped only with the server, which nobody has any more.
        called.map_err(|_| crowded())?.map_err(|_| crowded())?
    }

    /// Leave for those who look for the fault: at once, also at a server that counts as dead.
    pub fn examine(self: &Arc<Self>, server: Server) -> Leave {
        Leave::new(self, &Arc::new(server), None, Try::Usual)
    }

    /// A place for someone whom nobody awaits: only while no login waits, or would have to before long.
    pub(super) fn spare(self: &Arc<Self>, server: &Arc<Server>) -> Option<Leave> {
        let connects = self.settings().connects;
        let nobody = Arc::<str>::from("");
        let mut servers = self.lock();
        let state = servers.get_mut(server)?;
        let is_quiet = state.is_well() && state.turns.waiting() == 0 && state.turns.taken() < connects / 2;
        (is_quiet && state.turns.enter(&nobody, connects)).then(|| Leave::new(self, server, Some(nobody), Try::Usual))
    }

    fn begin(self: &Arc<Self>, server: &Arc<Server>, user: &Arc<str>) -> Result<Begun, Closed> {
        let (now, RoadSettings { connects, retry_percent, ready, .. }) = (Instant::now(), self.settings());
        let mut servers = self.lock();
        let state = servers.entry(Arc::clone(server)).or_default();
        let how = state.health.ask(now).map_err(|silence| dead(server, silence))?;
        state.retries.attempted(retry_percent);
        state.shelf.came(now, ready);
        // Whoever tries alone waits for nobody: those who hang have the places.
        if how == Try::Probe {
            return Ok(Begun::Through(Leave::new(self, server, None, how)));
        }
        if state.turns.enter(user, connects) {
            return Ok(Begun::Through(Leave::new(self, server, Some(Arc::clone(user)), how)));
        }
        let (call, called) = oneshot::channel();
        let number = state.turns.join(user, call);
        let (roads, server, user) = (Arc::clone(self), Arc::clone(server), Arc::clone(user));
        Ok(Begun::Waiting(called, Waiting { roads, server, user, number }))
    }

    /// Whether a login that was refused may be tried once more. What is taken is to be given back where it was not needed, or
    /// has succeeded.
    #[must_use]
    pub(super) fn take_retry(&self, server: &Server) -> bool {
        let percent = self.settings.load().retry_percent;
        let allowed = self.lock().get_mut(server).map_or(Allowed::Yes, |state| state.retries.take(percent));
        if allowed == (Allowed::No { first: true }) {
            let Server { provider, host, port, .. } = server;
            warn!(limit = "upstream_retry_percent", provider, host, port, "limit.reached");
        }
        allowed == Allowed::Yes
    }

    /// See [`Roads::take_retry`].
    pub(super) fn give_retry_back(&self, server: &Server) {
        if let Some(state) = self.lock().get_mut(server) {
            state.retries.give_back();
        }
    }

    pub(super) fn reached(&self, server: &Arc<Server>) {
        let lasted = self.lock().get_mut(server).and_then(|state| state.health.reached(Instant::now()));
        if let Some(lasted) = lasted {
            let Server { provider, host, port, .. } = &**server;
            info!(provider, host, port, seconds = lasted.as_secs(), "upstream.recovered");
        }
    }

    pub(super) fn failed(&self, server: &Arc<Server>, how: Try, cause: &str) {
        let (now, settings) = (Instant::now(), **self.settings.load());
        let rules = Rules { failures: settings.failures, longest: settings.longest };
        let mut servers = self.lock();
        let state = servers.entry(Arc::clone(server)).or_default();
        let Some(failures) = state.health.failed(how, cause, rules, now, jittered) else { return };
        let sent_away = state.turns.clear();
        let silence = state.health.death(now);
        drop(servers);
        let Server { provider, host, port, .. } = &**server;
        warn!(provider, host, port, failures, error = cause, remedy = REMEDY, "upstream.unreachable");
        for waiter in sent_away {
            let closed = silence.clone().map(|silence| dead(server, silence));
            drop(closed.map(|closed| waiter.send(Err(closed))));
        }
    }

    /// An attempt is over: its place goes to the next.
    pub(super) fn over(self: &Arc<Self>, server: &Arc<Server>, user: Option<&str>, how: Try, unknown: bool) {
        if let Some(state) = self.lock().get_mut(server) {
            if let Some(user) = user {
                state.turns.release(user);
            }
            if unknown {
                state.health.given_up(how);
            }
        }
        // One whom nobody awaits any more comes back here, and calls the next.
        while let Some((user, waiter)) = self.next(server) {
            drop(waiter.send(Ok(Leave::new(self, server, Some(user), Try::Usual))));
        }
    }

    fn next(&self, server: &Arc<Server>) -> Option<(Arc<str>, Call)> {
        let places = self.settings.load().connects;
        self.lock().get_mut(server)?.turns.call(places)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Server>, State>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Begun {
    Through(Leave),
    Waiting(oneshot::Receiver<Result<Leave, Closed>>, Waiting),
}

/// Someone waits; leaves the line when dropped.
struct Waiting {
    roads: Arc<Roads>,
    server: Arc<Server>,
    user: Arc<str>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(state) = self.roads.lock().get_mut(&self.server) {
            state.turns.leave(&self.user, self.number);
        }
    }
}

fn dead(server: &Server, silence: Silence) -> Closed {
    let Silence { lasts, cause } = silence;
    Closed::Dead { host: server.host.clone(), port: server.port, seconds: lasts.as_secs(), cause }
}

/// Between three quarters and all of it: several replicas, and several servers of one provider, do not try in step.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness they merely do.
    let _ = aws_lc_rs::rand::fill(&mut random);
    pause / 1020 * (1020 - u32::from(random[0]))
}
