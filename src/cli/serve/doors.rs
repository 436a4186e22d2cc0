//! The open sockets of listeners. A socket stays open as long as some listener names its address, however that is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::frontends::{anonymous, frontend};
use super::generation::Generation;
use crate::config;
use crate::model::Protocol;
use crate::net::{ActivationError, Address, BindError, Inherited, Listener};
use crate::session::Frontend;

/// An open socket.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) number: u32,
    /// As the configuration names it: port 0 is another one each time.
    at: config::Address,
    pub(super) listener: Listener,
    /// How it is served: each connection takes the newest.
    pub(super) frontend: ArcSwap<Frontend>,
    /// Nobody comes in here any more.
    pub(super) closed: CancellationToken,
}

/// The sockets of a configuration and how they are served. Nothing is in force yet; those that are new are open.
#[derive(Debug)]
pub(super) struct Plan(Vec<Planned>);

#[derive(Debug)]
struct Planned {
    door: Arc<Door>,
    frontend: Arc<Frontend>,
    /// Of its file.
    mode: u32,
}

/// An address of a listener.
type Wanted<'a> = (&'a config::Listener, &'a config::Address);

/// What has moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) opened: Vec<Arc<Door>>,
    pub(super) closed: Vec<Arc<Door>>,
}

impl Door {
    fn new(at: &config::Address, listener: Listener, frontend: Arc<Frontend>, closing: &CancellationToken) -> Self {
        let (number, frontend, closed) = (frontend.door, ArcSwap::new(frontend), closing.child_token());
        Self { number, at: at.clone(), listener, frontend, closed }
    }

    /// What is spoken there and where it is.
    pub(super) fn address(&self) -> (Protocol, Address) {
        (self.frontend.load().protocol, self.listener.address().clone())
    }
}

impl Plan {
    /// Finds a socket for each address among those that are open, or opens it.
    pub(super) fn of(
        generation: &Generation,
        open: &[Arc<Door>],
        mut inherited: Inherited,
        closing: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let listeners = &generation.config.listeners;
        let wanted: Vec<Wanted> =
            listeners.iter().flat_map(|one| one.addresses.iter().map(move |at| (one, at))).collect();
        let (found, gone) = found(&wanted, open);
        let mut planned = Vec::new();
        let mut places = found.into_iter();
        for (index, listener) in listeners.iter().enumerate() {
            let guests = anonymous(listener, &generation.config.limits);
            let certificate = generation.certificate.as_ref();
            let serve =
                |door| frontend(listener, guests.as_ref(), certificate, &generation.service, door).map(Arc::new);
            for (at, mut doors) in listener.addresses.iter().zip(&mut places) {
                if doors.is_empty() {
                    let opened = sockets(listener, at, &gone, &mut inherited);
                    let opened =
                        opened.with_context(|| format!("listeners[{index}].address ({})", listener.protocol))?;
                    for socket in opened {
                        doors.push(Arc::new(Door::new(at, socket, serve(next())?, closing)));
                    }
                }
                for door in doors {
                    planned.push(Planned { frontend: serve(door.number)?, door, mode: listener.unix_mode });
                }
            }
        }
        inherited.finish()?;
        anyhow::ensure!(!planned.is_empty(), "there is nothing to serve; add a [[listeners]] table");
        none_of_systemd(&gone)?;
        Ok(Self(planned))
    }

    /// Serves so from now on, in place of what is open. Those that are no longer named are closed; their sessions go on.
    pub(super) fn adopt(self, open: &mut Vec<Arc<Door>>) -> Moved {
        let before = std::mem::take(open);
        let mut moved = Moved::default();
        for Planned { door, frontend, mode } in self.0 {
            if before.iter().any(|known| Arc::ptr_eq(known, &door)) {
                door.frontend.store(frontend);
                if let Err(fault) = door.listener.allow(mode) {
                    let warning = format!("the mode of {} cannot be changed: {fault}", door.listener.address());
                    warn!(warning, "config.warning");
                }
            } else {
                moved.opened.push(Arc::clone(&door));
            }
            open.push(door);
        }
        moved.closed = before.into_iter().filter(|door| !open.iter().any(|kept| Arc::ptr_eq(kept, door))).collect();
        for door in &moved.closed {
            door.closed.cancel();
        }
        moved
    }
}

/// Which of the open doors each address has, and which are left over. With port 0 the same address may stand there several
/// times: what speaks the same protocol comes first.
fn found(wanted: &[Wanted], open: &[Arc<Door>]) -> (Vec<Vec<Arc<Door>>>, Vec<Arc<Door>>) {
    let mut left = open.to_vec();
    let mut found = vec![Vec::new(); wanted.len()];
    for same_protocol in [true, false] {
        for ((listener, at), doors) in wanted.iter().zip(&mut found).filter(|(_, doors)| doors.is_empty()) {
            let fits = |door: &Arc<Door>| {
                door.at == **at && (!same_protocol || door.frontend.load().protocol == listener.protocol)
            };
            let most = if matches!(at, config::Address::Systemd(_)) { usize::MAX } else { 1 };
            while let Some(index) = left.iter().position(fits).filter(|_| doors.len() < most) {
                doors.push(left.remove(index));
            }
        }
    }
    (found, left)
}

fn sockets(
    listener: &config::Listener,
    at: &config::Address,
    gone: &[Arc<Door>],
    inherited: &mut Inherited,
) -> anyhow::Result<Vec<Listener>> {
    Ok(match at {
        config::Address::Tcp(address) => vec![bind(*address, gone.iter().map(|door| &door.listener))?],
        config::Address::Unix(path) => vec![Listener::bind_unix(path, listener.unix_mode)?],
        config::Address::Systemd(name) => inherited.claim(name)?,
    })
}

/// Opens a socket, also where one of those that are about to be closed is in its way, as 127.0.0.1:25 is in that of 0.0.0.0:25:
/// at no time does nobody listen.
pub(super) fn bind<'a>(
    address: SocketAddr,
    gone: impl Iterator<Item = &'a Listener> + Clone,
) -> Result<Listener, BindError> {
    let in_its_way = |one: &&Listener| one.address().tcp().is_some_and(|other| other.port() == address.port());
    let in_its_way = gone.filter(in_its_way);
    match Listener::bind(address) {
        Err(BindError::System { fault, .. })
            if fault.kind() == std::io::ErrorKind::AddrInUse && in_its_way.clone().next().is_some() => {}
        bound => return bound,
    }
    let make_way = |way: bool| in_its_way.clone().for_each(|one| drop(one.make_way(way)));
    make_way(true);
    let bound = Listener::bind_beside(address);
    make_way(false);
    bound
}

/// Clients could go on to connect there, and nobody would answer.
fn none_of_systemd(gone: &[Arc<Door>]) -> Result<(), ActivationError> {
    let names: Vec<_> = gone.iter().filter_map(|door| door.at.systemd()).map(|name| format!("{name:?}")).collect();
    if names.is_empty() { Ok(()) } else { Err(ActivationError::NotNamed(names)) }
}

fn next() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
