use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many sessions each mailbox has, and had at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<(&'static str, String), Count>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    now: u32,
    most: u32,
}

/// A session that is logged in; ends when dropped.
pub(crate) struct Seat {
    sessions: Sessions,
    key: (&'static str, String),
}

impl Sessions {
    /// One more.
    pub(crate) fn enter(&self, protocol: &'static str, user: &str) -> Seat {
        let key = (protocol, user.to_owned());
        let mut counts = self.lock();
        let count = counts.entry(key.clone()).or_default();
        count.now += 1;
        count.most = count.most.max(count.now);
        drop(counts);
        Seat { sessions: self.clone(), key }
    }

    pub(crate) fn most(&self, protocol: &'static str, user: &str) -> u32 {
        self.lock().get(&(protocol, user.to_owned())).map_or(0, |count| count.most)
    }

    pub(crate) fn now(&self, protocol: &'static str, user: &str) -> u32 {
        self.lock().get(&(protocol, user.to_owned())).map_or(0, |count| count.now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(&'static str, String), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Whether the mailbox has more sessions than it may have.
    pub(crate) fn is_beyond(&self, limit: Option<u32>) -> bool {
        let now = self.sessions.lock().get(&self.key).map_or(0, |count| count.now);
        limit.is_some_and(|limit| now > limit)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(count) = self.sessions.lock().get_mut(&self.key) {
            count.now -= 1;
        }
    }
}
