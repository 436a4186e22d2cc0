//! How many clients there may be: in all, not logged in yet, and from one address.
//!
//! Invariant: clients that do not log in never keep others out. When there is no room, one of them goes: the one that has been
//! there longest, of the address with most of them. A client whose password is being checked, or whose upstream is being asked,
//! stays.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::model::{origin, within};
use crate::net::Peer;

/// All clients of a process.
#[derive(Clone, Debug)]
pub struct Crowd(Arc<Mutex<Book>>);

/// How many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrowdBounds {
    /// In all.
    pub in_all: usize,
    /// Not logged in yet.
    pub pending: usize,
    /// From one address, but for this machine's own.
    pub of_address: usize,
    /// Whose addresses are not counted.
    pub trusted: Vec<IpNet>,
}

/// A client's place, until dropped.
#[derive(Debug)]
pub struct Member {
    crowd: Crowd,
    origin: IpAddr,
    counted: bool,
    /// Its number among those that are not logged in yet.
    pending: Option<u64>,
    /// As long as it may have to go: it is not small.
    gone: Option<CancellationToken>,
}

/// The bound that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// In all.
    All,
    /// Not logged in yet, and none of them can go.
    Pending,
    /// From its address.
    Address,
}

#[derive(Debug)]
struct Book {
    bounds: CrowdBounds,
    taken: usize,
    of_address: HashMap<IpAddr, usize>,
    next: u64,
    pending: HashMap<u64, Pending>,
    /// Those of them that can go, by their address.
    silent: HashMap<IpAddr, BTreeSet<u64>>,
    told: HashMap<Full, Told>,
}

#[derive(Debug)]
struct Pending {
    origin: IpAddr,
    counted: bool,
    gone: CancellationToken,
}

/// When a bound was told of, and how many have met it since.
#[derive(Debug)]
struct Told {
    at: Instant,
    since: u64,
}

/// How often a bound is worth a line of the log: how many meet it is anybody's to choose.
const TOLD: Duration = Duration::from_secs(10);

impl Full {
    const fn key(self) -> &'static str {
        match self {
            Self::All => "sessions",
            Self::Pending => "pending_logins",
            Self::Address => "sessions_per_address",
        }
    }
}

impl Crowd {
    /// Nobody yet.
    #[must_use]
    pub fn new(bounds: CrowdBounds) -> Self {
        Self(Arc::new(Mutex::new(Book {
            bounds,
            taken: 0,
            of_address: HashMap::new(),
            next: 0,
            pending: HashMap::new(),
            silent: HashMap::new(),
            told: HashMap::new(),
        })))
    }

    /// Other bounds from now on; who is there stays.
    pub fn set(&self, bounds: CrowdBounds) {
        self.book().bounds = bounds;
    }

    /// How many there are, and how many of them are not logged in yet.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let book = self.book();
        (book.taken, book.pending.len())
    }

    /// A client has connected. One that is a proxy is not counted: whom it connects for is not known yet.
    pub fn join(&self, peer: &Peer, is_proxy: bool) -> Result<Member, Full> {
        let (from, gone) = (origin(peer.ip()), CancellationToken::new());
        let mut book = self.book();
        let counted = !is_proxy && book.counts(peer.ip());
        let joined = book.join(from, counted, &gone);
        let told = book.told(&joined);
        drop(book);
        tell(told, peer);
        let (number, _) = joined?;
        Ok(Member { crowd: self.clone(), origin: from, counted, pending: Some(number), gone: Some(gone) })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// A proxy has told whom it connected for.
    pub fn introduced(&mut self, client: &Peer) -> Result<(), Full> {
        let crowd = self.crowd.clone();
        let mut book = crowd.book();
        let Some(number) = self.pending.filter(|number| book.pending.contains_key(number)) else { return Ok(()) };
        let (from, counted) = (origin(client.ip()), book.counts(client.ip()));
        // It must not be the one that makes room for itself.
        book.silent(self.origin, number, false);
        let room = if counted { book.room_at(from) } else { Ok(None) };
        let told = book.told(&room.map(|limit| (number, limit)));
        if room.is_ok() {
            book.silent(from, number, true);
            if counted {
                *book.of_address.entry(from).or_default() += 1;
            }
            book.pending.insert(number, Pending { origin: from, counted, gone: self.gone() });
            (self.origin, self.counted) = (from, counted);
        }
        drop(book);
        tell(told, client);
        room.map(drop)
    }

    /// Whether others wait for it now, and so it must not go.
    pub fn is_busy(&self, busy: bool) {
        let mut book = self.crowd.book();
        if let Some(number) = self.pending.filter(|number| book.pending.contains_key(number)) {
            book.silent(self.origin, number, !busy);
        }
    }

    /// It is logged in, and stays.
    pub fn logged_in(&mut self) {
        let mut book = self.crowd.book();
        if let Some(number) = self.pending.filter(|number| book.pending.contains_key(number)) {
            book.pending.remove(&number);
            book.silent(self.origin, number, false);
            (self.pending, self.gone) = (None, None);
        }
    }

    /// When it has to make room; never once it is logged in.
    #[must_use]
    pub fn gone(&self) -> CancellationToken {
        self.gone.clone().unwrap_or_default()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut book = self.crowd.book();
        match self.pending {
            None => book.leave(self.origin, self.counted),
            Some(number) => book.dismiss(number),
        }
    }
}

impl Book {
    fn counts(&self, from: IpAddr) -> bool {
        !from.to_canonical().is_loopback() && !within(&self.bounds.trusted, from)
    }

    /// The number of a new client, and the bound for which another one went.
    fn join(&mut self, from: IpAddr, counted: bool, gone: &CancellationToken) -> Result<(u64, Option<Full>), Full> {
        let mut went = if counted { self.room_at(from)? } else { None };
        for (is_full, limit) in
            [(self.pending.len() >= self.bounds.pending, Full::Pending), (self.taken >= self.bounds.in_all, Full::All)]
        {
            if is_full && went.is_none() {
                let oldest = self.oldest_of_most().ok_or(limit)?;
                self.send_away(oldest);
                went = Some(limit);
            }
        }
        self.next += 1;
        self.taken += 1;
        if counted {
            *self.of_address.entry(from).or_default() += 1;
        }
        self.pending.insert(self.next, Pending { origin: from, counted, gone: gone.clone() });
        self.silent(from, self.next, true);
        Ok((self.next, went))
    }

    /// Room for one more from this address; where it has as many as it may, one of its own that is not logged in yet goes.
    fn room_at(&mut self, from: IpAddr) -> Result<Option<Full>, Full> {
        if self.of_address.get(&from).copied().unwrap_or(0) < self.bounds.of_address {
            return Ok(None);
        }
        let oldest = self.silent.get(&from).and_then(BTreeSet::first).copied().ok_or(Full::Address)?;
        self.send_away(oldest);
        Ok(Some(Full::Address))
    }

    fn oldest_of_most(&self) -> Option<u64> {
        let oldest = self.silent.values().filter_map(|numbers| Some((numbers.len(), Reverse(*numbers.first()?))));
        oldest.max().map(|(_, Reverse(number))| number)
    }

    fn send_away(&mut self, number: u64) {
        if let Some(pending) = self.pending.get(&number) {
            pending.gone.cancel();
        }
        self.dismiss(number);
    }

    /// One that is not logged in yet is not counted any more, if it still is.
    fn dismiss(&mut self, number: u64) {
        if let Some(Pending { origin, counted, .. }) = self.pending.remove(&number) {
            self.silent(origin, number, false);
            self.leave(origin, counted);
        }
    }

    fn leave(&mut self, from: IpAddr, counted: bool) {
        self.taken -= 1;
        if counted && let Some(count) = self.of_address.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&from);
            }
        }
    }

    fn silent(&mut self, from: IpAddr, number: u64, silent: bool) {
        if silent {
            self.silent.entry(from).or_default().insert(number);
        } else if let Some(numbers) = self.silent.get_mut(&from) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.silent.remove(&from);
            }
        }
    }

    /// The bound that was met, where it is worth a line of the log, and how many have met it since the last.
    fn told(&mut self, joined: &Result<(u64, Option<Full>), Full>) -> Option<(Full, u64)> {
        let limit = match joined {
            Ok((_, went)) => (*went)?,
            Err(limit) => *limit,
        };
        let now = Instant::now();
        let Some(told) = self.told.get_mut(&limit) else {
            self.told.insert(limit, Told { at: now, since: 0 });
            return Some((limit, 1));
        };
        told.since += 1;
        if now.duration_since(told.at) < TOLD {
            return None;
        }
        told.at = now;
        Some((limit, std::mem::take(&mut told.since)))
    }
}

/// `count`: clients that were refused, or sent away, since the last line about the same bound.
fn tell(told: Option<(Full, u64)>, peer: &Peer) {
    if let Some((limit, count)) = told {
        warn!(limit = limit.key(), %peer, count, "limit.reached");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(in_all: usize, pending: usize, of_address: usize) -> Crowd {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        Crowd::new(CrowdBounds { in_all, pending, of_address, trusted })
    }

    fn peer(address: &str) -> Peer {
        Peer::Tcp((address.parse::<IpAddr>().unwrap(), 25).into())
    }

    fn join(crowd: &Crowd, address: &str) -> Result<Member, Full> {
        crowd.join(&peer(address), false)
    }

    fn logged_in(crowd: &Crowd, address: &str) -> Result<Member, Full> {
        join(crowd, address).map(|mut member| {
            member.logged_in();
            member
        })
    }

    #[tokio::test]
    async fn a_proxy_that_speaks_for_its_own_address_never_sends_itself_away() {
        let crowd = crowd(100, 4, 1);
        let mut first = crowd.join(&peer("192.0.2.9"), true).unwrap();
        first.introduced(&peer("192.0.2.9")).unwrap();
        first.logged_in();
        let mut second = crowd.join(&peer("192.0.2.9"), true).unwrap();
        assert!(matches!(second.introduced(&peer("192.0.2.9")), Err(Full::Address)));
        drop((first, second));
        assert_eq!(crowd.count(), (0, 0));
    }

    #[tokio::test]
    async fn who_does_not_log_in_makes_room_the_oldest_of_the_busiest_address_first() {
        let crowd = crowd(100, 4, 100);
        let alone = join(&crowd, "192.0.2.1").unwrap();
        let flood: Vec<_> = (0..20).map(|_| join(&crowd, "192.0.2.66").unwrap()).collect();
        assert_eq!(crowd.count(), (4, 4));
        let gone: Vec<_> = flood.iter().map(|member| member.gone().is_cancelled()).collect();
        assert_eq!(gone.iter().filter(|&&gone| gone).count(), 17);
        assert!(!gone[17] && !gone[18] && !gone[19], "the latest are there");
        assert!(!alone.gone().is_cancelled());
        drop(flood);
        assert_eq!(crowd.count(), (1, 1));
        drop(alone);
        assert_eq!(crowd.count(), (0, 0));
        assert!(crowd.book().of_address.is_empty() && crowd.book().silent.is_empty());
    }

    #[tokio::test]
    async fn who_is_being_checked_or_logged_in_stays() {
        let crowd = crowd(3, 2, 100);
        let (checked, also) = (join(&crowd, "192.0.2.1").unwrap(), join(&crowd, "192.0.2.1").unwrap());
        checked.is_busy(true);
        also.is_busy(true);
        assert_eq!(join(&crowd, "192.0.2.2").unwrap_err(), Full::Pending);
        also.is_busy(false);
        let next = join(&crowd, "192.0.2.2").unwrap();
        assert!(also.gone().is_cancelled() && !checked.gone().is_cancelled());
        also.is_busy(true);
        drop((also, next));
        let members = [checked, logged_in(&crowd, "192.0.2.2").unwrap(), logged_in(&crowd, "192.0.2.2").unwrap()];
        assert_eq!((join(&crowd, "192.0.2.3").unwrap_err(), crowd.count()), (Full::All, (3, 1)));
        members[0].is_busy(false);
        assert!(join(&crowd, "192.0.2.3").is_ok() && members[0].gone().is_cancelled());
        assert_eq!(crowd.count(), (2, 0));
    }

    #[tokio::test]
    async fn an_address_has_so_many_but_for_this_machine_and_those_that_are_trusted() {
        let crowd = crowd(100, 100, 2);
        for (address, other, room) in [
            ("192.0.2.1", "192.0.2.1", false),
            ("192.0.2.1", "192.0.2.2", true),
            ("2001:db8::1", "2001:db8::2", false),
            ("2001:db8::1", "2001:db8:0:1::1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("::1", "::1", true),
        ] {
            let _two = [logged_in(&crowd, address).unwrap(), logged_in(&crowd, address).unwrap()];
            assert_eq!(join(&crowd, other).map(drop), if room { Ok(()) } else { Err(Full::Address) }, "{other}");
        }
        let (first, second) = (join(&crowd, "192.0.2.1").unwrap(), logged_in(&crowd, "192.0.2.1").unwrap());
        let third = join(&crowd, "192.0.2.1").unwrap();
        assert!(first.gone().is_cancelled(), "its own that is not logged in makes room");
        drop((first, second, third));
        assert_eq!(crowd.count(), (0, 0));
    }

    #[tokio::test]
    async fn a_proxys_clients_are_counted_where_they_are() {
        let crowd = crowd(100, 100, 1);
        let proxy = peer("192.0.2.5");
        let mut members: Vec<_> = (0..4).map(|_| crowd.join(&proxy, true).unwrap()).collect();
        assert_eq!(members[0].introduced(&peer("198.51.100.1")), Ok(()));
        members[0].logged_in();
        assert_eq!(members[1].introduced(&peer("198.51.100.1")), Err(Full::Address));
        assert_eq!(members[2].introduced(&peer("198.51.100.2")), Ok(()));
        assert_eq!(members[3].introduced(&peer("198.51.100.2")), Ok(()), "in place of one that did not log in");
        assert!(members[2].gone().is_cancelled());
        drop(members);
        assert_eq!(crowd.count(), (0, 0));
        assert!(crowd.book().of_address.is_empty() && crowd.book().silent.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_told_once_in_a_while() {
        let crowd = crowd(0, 100, 100);
        let told = || crowd.book().told(&Err(Full::All));
        assert_eq!((told(), told(), told()), (Some((Full::All, 1)), None, None));
        tokio::time::advance(TOLD).await;
        assert_eq!((told(), told()), (Some((Full::All, 3)), None));
        assert_eq!(join(&crowd, "192.0.2.1").unwrap_err(), Full::All);
    }
}
