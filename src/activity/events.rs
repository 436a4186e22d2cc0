use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tracing::Level;

/// How many events are kept.
pub const KEPT: usize = 1000;

/// How far a listener may fall behind; one that is further behind misses the oldest, and is told how many.
const BEHIND: usize = 1024;

/// How many may listen at a time.
pub const WATCHERS: usize = 16;

/// What was told lately, and to whom it is told now.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    live: broadcast::Sender<Arc<Event>>,
    watchers: Arc<Semaphore>,
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Watch {
    /// What was told before.
    pub due: VecDeque<Arc<Event>>,
    /// How many of those before are not known any more.
    pub missed: u64,
    /// The event behind which it begins.
    pub after: u64,
    /// What is told from now on.
    pub live: broadcast::Receiver<Arc<Event>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Ring {
    next: u64,
    kept: VecDeque<Arc<Event>>,
}

/// Something that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number; later events have greater ones, and none is left out.
    pub id: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub level: Level,
    /// Such as `session.login`.
    pub name: String,
    /// The account that it is about; what was typed as one where nobody was let in.
    pub account: Option<String>,
    /// The token that it is about.
    pub token: Option<String>,
    /// All that it says, in order, with nothing hidden in any text.
    pub fields: Vec<(&'static str, String)>,
}

/// Which events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of accounts whose names contain this; case does not matter.
    pub account: Option<String>,
    /// Of tokens whose names contain this; case does not matter.
    pub token: Option<String>,
    /// At least so grave.
    pub level: Level,
    /// At most so many, the latest.
    pub most: usize,
}

impl Default for Events {
    fn default() -> Self {
        let ring = Mutex::new(Ring { next: 1, kept: VecDeque::with_capacity(KEPT) });
        Self { ring, live: broadcast::Sender::new(BEHIND), watchers: Arc::new(Semaphore::new(WATCHERS)) }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self { account: None, token: None, level: Level::INFO, most: KEPT }
    }
}

impl Events {
    /// Something was told. It gets its number here.
    pub fn tell(&self, event: Event) {
        let mut ring = self.lock();
        let event = Arc::new(Event { id: ring.next, ..event });
        ring.next += 1;
        if ring.kept.len() >= KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Arc::clone(&event));
        // Under the lock, so that nobody hears them in another order. Nobody may be listening.
        let _ = self.live.send(event);
    }

    /// What was told lately, the oldest first.
    #[must_use]
    pub fn recent(&self, filter: &Filter) -> Vec<Arc<Event>> {
        let ring = self.lock();
        let wanted = ring.kept.iter().rev().filter(|event| filter.takes(event)).take(filter.most);
        let mut wanted: Vec<_> = wanted.map(Arc::clone).collect();
        wanted.reverse();
        wanted
    }

    /// The number of the latest event; 0 where nothing was told yet.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.lock().next - 1
    }

    /// Hears what is told from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// How many listen now.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.live.receiver_count()
    }

    /// Hears what was told after this event, as far as it is kept, and what is told from now on; nothing lies between. None:
    /// too many are listening.
    #[must_use]
    pub fn watch(&self, after: Option<u64>) -> Option<Watch> {
        let place = Arc::clone(&self.watchers).try_acquire_owned().ok()?;
        let ring = self.lock();
        let latest = ring.next - 1;
        // A number that was never given is one of another run: all that is known is news.
        let after = after.map_or(latest, |after| if after > latest { 0 } else { after });
        let due: VecDeque<_> = ring.kept.iter().filter(|event| event.id > after).map(Arc::clone).collect();
        let missed = due.front().map_or(0, |first| first.id - after - 1);
        Some(Watch { due, missed, after, live: self.live.subscribe(), _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filter {
    /// Whether it is one of those.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        event.level <= self.level
            && names(self.account.as_deref(), event.account.as_deref())
            && names(self.token.as_deref(), event.token.as_deref())
    }
}

fn names(wanted: Option<&str>, name: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    name.is_some_and(|name| name.to_lowercase().contains(&wanted.to_lowercase()))
}
