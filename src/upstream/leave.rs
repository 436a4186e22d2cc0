use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::health::Try;
use super::login::Target;
use super::roads::{Roads, Server};

/// Somebody connects to a server. What is learnt of it is learnt for all; dropping it lets the next one follow.
#[derive(Debug)]
#[must_use = "dropping it lets the next one follow"]
pub struct Leave {
    roads: Arc<Roads>,
    server: Arc<Server>,
    /// Whose place it is, where it takes one.
    user: Option<Arc<str>>,
    how: Try,
    /// The outcome is known.
    known: AtomicBool,
}

impl Leave {
    pub(super) fn new(roads: &Arc<Roads>, server: &Arc<Server>, user: Option<Arc<str>>, how: Try) -> Self {
        let (roads, server) = (Arc::clone(roads), Arc::clone(server));
        Self { roads, server, user, how, known: AtomicBool::new(false) }
    }

    /// Where it leads.
    pub(super) const fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Whether something was learnt already.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The server is there: whatever comes now does not concern the others.
    pub fn reached(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.roads.reached(&self.server);
        }
    }

    /// It is not, or is not who it should be. After it was reached that says nothing.
    pub fn failed(&self, cause: &str) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.roads.failed(&self.server, self.how, cause);
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let unknown = !self.is_known();
        self.roads.over(&self.server, self.user.as_deref(), self.how, unknown);
    }
}

/// A login that was refused is tried once more. Unless that was in vain, it costs nothing.
#[derive(Debug)]
#[must_use = "dropping it says that it was not in vain"]
pub struct Retry {
    roads: Arc<Roads>,
    server: Server,
    in_vain: bool,
}

impl Retry {
    /// Where the server is not burdened with too many of them.
    #[must_use]
    pub fn take(target: &Target<'_>) -> Option<Self> {
        let (roads, server) = (Arc::clone(target.roads), target.server());
        roads.take_retry(&server).then_some(Self { roads, server, in_vain: false })
    }

    /// It was refused again.
    pub fn was_in_vain(mut self) {
        self.in_vain = true;
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        if !self.in_vain {
            self.roads.give_retry_back(&self.server);
        }
    }
}
