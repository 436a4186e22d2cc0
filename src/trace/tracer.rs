use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::step::Step;
use super::tap::{Stage, Tap};
use super::traces::{Line, Traces, Watcher};
use crate::clock;
use crate::model::Protocol;
use crate::net::Ear;
use crate::proto::Input;

/// What a session tells of itself while somebody watches.
#[derive(Debug)]
pub struct Tracer {
    traces: Arc<Traces>,
    session: Arc<str>,
    protocol: Protocol,
    address: Option<IpAddr>,
    state: Mutex<State>,
}

/// Who speaks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client to Gatepost.
    FromClient,
    /// Gatepost to the client.
    ToClient,
    /// Gatepost to the upstream.
    ToUpstream,
    /// The upstream to Gatepost.
    FromUpstream,
    /// The client to the upstream; Gatepost only hands on.
    ClientToUpstream,
    /// The upstream to the client; Gatepost only hands on.
    UpstreamToClient,
}

/// What an input held before a core looked at it; wiped.
pub struct Ahead(Zeroizing<Vec<u8>>);

/// Without what is said.
impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ahead({} bytes)", self.0.len())
    }
}

#[derive(Debug)]
struct State {
    /// Of the watching that this knows about.
    epoch: u64,
    /// Something was said that was not heard.
    missed: bool,
    /// Whether somebody is logged in.
    after: bool,
    /// What the user is called, as typed and as declared.
    names: Vec<String>,
    /// With the client, with the upstream, and between the two.
    taps: [Option<Box<Tap>>; 3],
    /// Said before it is known whose session it is, for those who watch an account.
    held: VecDeque<Arc<Line>>,
}

/// More than any login needs.
const HELD: usize = 200;

impl Way {
    const fn tap(self) -> usize {
        match self {
            Self::FromClient | Self::ToClient => 0,
            Self::ToUpstream | Self::FromUpstream => 1,
            Self::ClientToUpstream | Self::UpstreamToClient => 2,
        }
    }

    const fn is_of_client(self) -> bool {
        matches!(self, Self::FromClient | Self::ToUpstream | Self::ClientToUpstream)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FromClient => "client → gatepost",
            Self::ToClient => "gatepost → client",
            Self::ToUpstream => "gatepost → upstream",
            Self::FromUpstream => "upstream → gatepost",
            Self::ClientToUpstream => "client → upstream",
            Self::UpstreamToClient => "upstream → client",
        })
    }
}

impl Tracer {
    /// Of a session that begins now.
    #[must_use]
    pub fn new(traces: Arc<Traces>, session: impl fmt::Display, protocol: Protocol, address: Option<IpAddr>) -> Self {
        let state = State {
            epoch: traces.epoch(),
            missed: false,
            after: false,
            names: Vec::new(),
            taps: [None, None, None],
            held: VecDeque::new(),
        };
        Self { session: session.to_string().into(), protocol, address, state: Mutex::new(state), traces }
    }

    /// Something is said. While nobody watches, this costs one look at a number.
    pub fn hear(&self, way: Way, bytes: &[u8]) {
        if self.traces.is_on() && !bytes.is_empty() {
            self.listen(way, bytes);
        }
    }

    /// What there is before a core looks at it, for [`Tracer::consumed`].
    #[must_use]
    pub fn ahead(&self, input: &Input) -> Option<Ahead> {
        self.traces.is_on().then(|| Ahead(Zeroizing::new(input.rest().to_vec())))
    }

    /// A core has taken something from an input.
    pub fn consumed(&self, way: Way, ahead: Option<Ahead>, input: &Input) {
        if let Some(Ahead(before)) = ahead {
            self.hear(way, &before[..before.len().saturating_sub(input.len())]);
        }
    }

    /// A message of so many octets went from the client to the upstream.
    pub fn message(&self, octets: u64) {
        if self.traces.is_on() {
            self.tell(&mut self.lock(), Way::ClientToUpstream, vec![Step::empty().hidden_as(octets, "a message")]);
        }
    }

    /// Somebody tries to log in by this name, or is known by it.
    pub fn names(&self, user: &str) {
        let mut state = self.lock();
        if self.traces.is_on() {
            state.names.push(user.to_owned());
            // Each try is somebody else's.
            let over = state.names.len().saturating_sub(2);
            state.names.drain(..over);
            for line in std::mem::take(&mut state.held) {
                let watchers = self.traces.watchers();
                watchers
                    .iter()
                    .filter(|watcher| watcher.wants_user(&state.names))
                    .for_each(|watcher| watcher.offer(&line));
            }
        }
    }

    /// Somebody is logged in by this account: what follows is no login.
    pub fn relays(&self, account: &str) {
        let mut state = self.lock();
        state.names = vec![account.to_owned()];
        state.after = true;
        state.held = VecDeque::new();
        state.taps = [None, None, None];
        if self.traces.is_on() {
            state.epoch = self.traces.epoch();
            state.missed = false;
        }
    }

    fn listen(&self, way: Way, bytes: &[u8]) {
        let mut state = self.lock();
        let epoch = self.traces.epoch();
        if state.epoch != epoch {
            state.epoch = epoch;
            state.lose();
        }
        if state.after && self.watchers(&state).is_empty() {
            state.lose();
            return;
        }
        let mut steps = Vec::new();
        let known = self.stage(&state, way);
        let tap = state.taps[way.tap()].get_or_insert_with(|| Box::new(Tap::new(self.protocol, known)));
        if way.is_of_client() {
            tap.client(bytes, &mut steps);
        } else {
            tap.server(bytes, &mut steps);
        }
        self.tell(&mut state, way, steps);
    }

    const fn stage(&self, state: &State, way: Way) -> Stage {
        match (self.protocol, way) {
            // Whole commands and replies, wherever it begins: Gatepost knows what a message is.
            (Protocol::Smtp, _) if state.after => Stage::After,
            _ if state.missed => Stage::Within,
            _ if state.after => Stage::After,
            (_, Way::ToUpstream | Way::FromUpstream) => Stage::LoginThere,
            _ => Stage::LoginHere,
        }
    }

    fn tell(&self, state: &mut State, way: Way, steps: Vec<Step>) {
        let watchers = self.traces.watchers();
        for step in steps {
            let (session, protocol) = (Arc::clone(&self.session), self.protocol);
            let line = Arc::new(Line { at: clock::now(), session, protocol, way, step });
            for watcher in watchers.iter().filter(|watcher| self.is_wanted(watcher, state)) {
                watcher.offer(&line);
            }
            let others = |watcher: &Arc<Watcher>| watcher.wants_an_account() && !watcher.wants_user(&state.names);
            if !state.after && watchers.iter().any(others) {
                if state.held.len() >= HELD {
                    state.held.pop_front();
                }
                state.held.push_back(line);
            }
        }
    }

    fn watchers(&self, state: &State) -> Vec<Arc<Watcher>> {
        let mut watchers = self.traces.watchers();
        watchers.retain(|watcher| self.is_wanted(watcher, state));
        watchers
    }

    fn is_wanted(&self, watcher: &Watcher, state: &State) -> bool {
        watcher.wants_address(self.address) || watcher.wants_user(&state.names)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is said from here on begins somewhere.
    fn lose(&mut self) {
        self.missed = true;
        self.taps = [None, None, None];
        self.held.clear();
    }
}

impl Ear for Tracer {
    fn hear(&self, from_client: bool, bytes: &[u8]) {
        let way = if from_client { Way::ClientToUpstream } else { Way::UpstreamToClient };
        Self::hear(self, way, bytes);
    }
}
