use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::aside::Aside;

/// The addresses of hosts, as the system finds them, and how they fared.
///
/// The system's answer comes with both families at once, and says nothing of how long it holds: one whose name server is slow
/// with either is slow, and an answer is believed for a short time. A name server that is silent or in trouble leaves the last
/// answer in use (RFC 8767), and a thread for each of its names, no more (law 9).
#[derive(Clone)]
pub struct Names(Arc<Book>);

struct Book {
    look_up: Box<LookUp>,
    times: Times,
    aside: Arc<Aside<Found>>,
    known: Mutex<HashMap<String, Known>>,
}

/// How a name is looked up. It may take as long as it likes.
pub type LookUp = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

type Found = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// For how long answers are used.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Without asking again.
    fresh: Duration,
    /// When there is no newer one.
    stale: Duration,
    /// How long a newer one is waited for where there is an old one (RFC 8767, 5).
    patience: Duration,
    /// How long it is not waited for again then.
    forbearance: Duration,
}

const TIMES: Times = Times {
    fresh: Duration::from_secs(15),
    stale: Duration::from_hours(24),
    patience: Duration::from_millis(1800),
    forbearance: Duration::from_secs(30),
};

/// Names that are looked up at a time.
const AT_A_TIME: usize = 64;
/// Names that are known. Those of a configuration are fewer.
const MOST: usize = 4096;
/// How long an address that did not answer comes last.
const SHUNNED: Duration = Duration::from_mins(10);

#[derive(Debug)]
struct Known {
    found: Vec<SocketAddr>,
    at: Instant,
    /// Until then it is used as it is.
    used_until: Instant,
    /// Addresses that others were faster than, and when.
    shunned: HashMap<IpAddr, Instant>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::system().clone()
    }
}

impl Names {
    /// What the process knows, by its system.
    #[must_use]
    pub fn system() -> &'static Self {
        static SYSTEM: LazyLock<Names> =
            LazyLock::new(|| Names::found_by(|host| (host, 0).to_socket_addrs().map(Iterator::collect)));
        &SYSTEM
    }

    /// Looks names up by something else than the system.
    #[must_use]
    pub fn found_by(look_up: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self::with(Box::new(look_up), TIMES)
    }

    fn with(look_up: Box<LookUp>, times: Times) -> Self {
        Self(Arc::new(Book { look_up, times, aside: Arc::new(Aside::new(AT_A_TIME)), known: Mutex::default() }))
    }

    /// The addresses of a host, with port 0; an address stands for itself. Whoever waits sets the limit.
    pub async fn find(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, 0).into()]);
        }
        let times = self.0.times;
        let now = Instant::now();
        let old = match self.0.lock().get(host) {
            Some(known) if now < known.used_until => return Ok(known.found.clone()),
            Some(known) if now < known.at + times.stale => Some(known.found.clone()),
            _ => None,
        };
        let Some(old) = old else { return self.ask(host).await };
        match timeout(times.patience, self.ask(host)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(fault)) if is_final(&fault) => Err(fault),
            // The name server is in trouble: what it said last is better than nothing.
            Ok(Err(_)) | Err(_) => {
                if let Some(known) = self.0.lock().get_mut(host) {
                    known.used_until = Instant::now() + times.forbearance;
                }
                Ok(old)
            }
        }
    }

    /// Asks the system, whatever is known, and learns the answer.
    pub async fn ask(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let (book, name) = (Arc::clone(&self.0), host.to_owned());
        let asking = move || {
            let found = (book.look_up)(&name).map_err(Arc::new);
            book.learn(&name, &found);
            found
        };
        self.0.aside.ask(host, asking).await?.map_err(|fault| io::Error::new(fault.kind(), fault.to_string()))
    }

    /// The addresses in the order in which to try them: families take turns (RFC 8305, 4), those that failed lately come last.
    pub(super) fn in_order(&self, host: &str, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let now = Instant::now();
        let shunned = |known: &Known, address: &SocketAddr| {
            known.shunned.get(&address.ip()).is_some_and(|&since| now < since + SHUNNED)
        };
        let book = self.0.lock();
        let (last, first): (Vec<_>, Vec<_>) = take_turns(found)
            .into_iter()
            .partition(|address| book.get(host).is_some_and(|known| shunned(known, address)));
        first.into_iter().chain(last).collect()
    }

    /// One address answered, others that were tried before did not.
    pub(super) fn fared(&self, host: &str, answered: SocketAddr, late: &[SocketAddr]) {
        let mut book = self.0.lock();
        let Some(known) = book.get_mut(host) else { return };
        let now = Instant::now();
        known.shunned.remove(&answered.ip());
        known.shunned.extend(late.iter().map(|address| (address.ip(), now)));
    }

    /// None of the addresses answered: there may be others by now.
    pub(super) fn doubt(&self, host: &str) {
        if let Some(known) = self.0.lock().get_mut(host) {
            known.used_until = known.used_until.min(Instant::now());
        }
    }
}

impl Book {
    fn learn(&self, host: &str, found: &Found) {
        let now = Instant::now();
        let mut known = self.lock();
        match found {
            Ok(found) if !found.is_empty() => {
                if known.len() >= MOST {
                    known.retain(|_, known| now < known.used_until);
                }
                let mut shunned = known.remove(host).map(|known| known.shunned).unwrap_or_default();
                shunned.retain(|address, _| found.iter().any(|found| found.ip() == *address));
                let used_until = now + self.times.fresh;
                known.insert(host.to_owned(), Known { found: found.clone(), at: now, used_until, shunned });
            }
            Err(fault) if is_final(fault) => drop(known.remove(host)),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the name server has said that there is no such name, in the words of glibc and musl.
fn is_final(fault: &io::Error) -> bool {
    const WORDS: [&str; 4] =
        ["Name or service not known", "No address associated", "Name does not resolve", "Name has no usable address"];
    let said = fault.to_string();
    WORDS.iter().any(|words| said.contains(words))
}

/// Interleaves the families, beginning with the resolver's first choice.
fn take_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = found.first().map(SocketAddr::is_ipv6) else { return found };
    let (preferred, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| a.is_ipv6() == first);
    let mut turns = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let pair = (preferred.next(), other.next());
        turns.extend(pair.0);
        turns.extend(pair.1);
        if pair == (None, None) {
            return turns;
        }
    }
}

#[cfg(test)]
mod tests;
