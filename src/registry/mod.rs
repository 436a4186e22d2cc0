//! What is declared, in the file and in the store, and every change of it: by the command line and by the pages.
//!
//! Invariant: when a change returns, it is in force. The next login is served by it.

mod accounts;
mod change;
mod declared;
mod deed;
mod fault;
mod generated;
mod passwords;
mod portable;
mod seen;
#[cfg(test)]
mod tests;
mod tokens;

use declared::settings;
pub use declared::{Declared, NoSuchToken};
pub use deed::Actor;
pub use fault::{ChangeError, Fault};
pub use generated::{NoRandomness, generated};
pub use passwords::{Terms, Which, mark};
use seen::Seen;
pub use tokens::SECRETS;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::Config;
use crate::store::{Store, StoreError};

/// What is declared, kept as the store has it.
pub struct Registry {
    config: ArcSwap<Config>,
    store: Arc<dyn Store>,
    declared: ArcSwap<Declared>,
    /// The store's counts of changes, from before it was read.
    seen: Seen,
    /// A look has failed.
    failed: Notify,
    /// Looks begun.
    looks: AtomicU64,
    order: Mutex<Order>,
}

/// What another configuration would declare.
#[derive(Debug)]
pub struct Candidate {
    config: Arc<Config>,
    declared: Declared,
    look: u64,
}

impl Candidate {
    /// What it declares.
    #[must_use]
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }
}

/// What has been declared comes in the order in which it was read.
#[derive(Default)]
struct Order {
    /// The latest look that was declared.
    declared: u64,
    hooks: Vec<Hook>,
}

type Hook = Box<dyn Fn(&Declared, &Declared) + Send>;

/// How soon to look again where the store could not be read.
const AGAIN: Duration = Duration::from_secs(5);

/// From one look to the next: each reads all that is declared, and another process may write again and again.
const BETWEEN: Duration = Duration::from_millis(250);

impl Registry {
    /// Reads file and store.
    pub async fn open(config: Arc<Config>, store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let seen = Seen::of(store.as_ref());
        let declared = Declared::read(&config, store.as_ref(), &Declared::default()).await?;
        let (declared, config) = (ArcSwap::from_pointee(declared), ArcSwap::new(config));
        let (looks, failed, order) = (AtomicU64::new(0), Notify::new(), Mutex::default());
        Ok(Self { config, store, declared, seen, failed, looks, order })
    }

    /// The configuration, with what the file declares.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// What would be declared with another configuration; nothing changes before it is [adopted](Self::adopt).
    pub async fn with(&self, config: Arc<Config>) -> Result<Candidate, StoreError> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        // What it has read before belongs to the other configuration.
        let declared = Declared::read(&config, self.store.as_ref(), &Declared::default()).await?;
        Ok(Candidate { config, declared, look })
    }

    /// Declares by this configuration from now on. What has changed in the store since it was read is looked at at once.
    pub async fn adopt(&self, Candidate { config, declared, look }: Candidate) {
        let overtaken = {
            let mut order = self.order();
            let overtaken = order.declared > look;
            order.declared = order.declared.max(look);
            self.config.store(config);
            self.declare_now(&order, declared);
            overtaken
        };
        if overtaken && let Err(fault) = self.declare().await {
            warn!(error = %fault, "store.failed");
        }
    }

    /// Where everything else is declared.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What is declared now.
    #[must_use]
    pub fn declared(&self) -> Arc<Declared> {
        self.declared.load_full()
    }

    /// Calls the hook with what was declared and what is, after each change and in their order. It must not wait.
    pub fn on_change(&self, hook: impl Fn(&Declared, &Declared) + Send + Sync + 'static) {
        self.order().hooks.push(Box::new(hook));
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads file and store again. When it returns, all that was saved before it was called is in force.
    pub async fn look(&self) -> Result<(), StoreError> {
        loop {
            let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
            let (config, seen) = (self.config(), Seen::of(self.store.as_ref()));
            let now = Declared::read(&config, self.store.as_ref(), &self.declared.load_full()).await?;
            let mut order = self.order();
            if !Arc::ptr_eq(&config, &self.config.load()) {
                // Read beside a configuration that counts no more.
                continue;
            }
            if look < order.declared {
                // One that was begun later has read all of this, and perhaps more.
                return Ok(());
            }
            order.declared = look;
            self.seen.set(&seen);
            if !now.is_as(&self.declared.load()) {
                self.declare_now(&order, now);
            }
            return Ok(());
        }
    }

    fn declare_now(&self, order: &Order, now: Declared) {
        let (before, now) = (self.declared.load_full(), Arc::new(now));
        self.declared.store(Arc::clone(&now));
        order.hooks.iter().for_each(|hook| hook(&before, &now));
    }

    /// Looks after a change of its own. Where that fails, it is looked at again soon.
    async fn declare(&self) -> Result<(), StoreError> {
        let watch = self.watch();
        self.look().await?;
        watch.ends();
        Ok(())
    }

    /// Sees to it that a change is in force, also where whoever makes it goes before it is, or hears no answer.
    const fn watch(&self) -> Watch<'_> {
        Watch(Some(&self.failed))
    }

    /// Looks whenever another process has written, until told to stop.
    pub async fn follow(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.seen.outdated(self.store.as_ref()) => {}
                () = self.failed.notified() => {}
            }
            if let Err(fault) = self.look().await {
                warn!(error = %fault, "store.failed");
                self.failed.notify_one();
                if stop.run_until_cancelled(sleep(AGAIN)).await.is_none() {
                    return;
                }
            } else if stop.run_until_cancelled(sleep(BETWEEN)).await.is_none() {
                return;
            }
        }
    }
}

/// Somebody looks again, unless what is watched comes to its end.
struct Watch<'a>(Option<&'a Notify>);

impl Watch<'_> {
    fn ends(mut self) {
        self.0 = None;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(failed) = self.0 {
            failed.notify_one();
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("declared", &self.declared).finish_non_exhaustive()
    }
}
