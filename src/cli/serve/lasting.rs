//! What outlives every reload.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::super::notify::{self, Notifier};
use super::super::{bounds, replica, store};
use crate::account::{Directory, Throttle};
use crate::activity::Activity;
use crate::clock;
use crate::config::Config;
use crate::health::{Health, Sources};
use crate::lifecycle::Busy;
use crate::registry::Registry;
use crate::replicas::Replicas;
use crate::session::{Crowd, Seen};
use crate::share::Shares;
use crate::store::Store;
use crate::submit::gate::Gate;
use crate::submit::kept::Kept;
use crate::token::Tokens;
use crate::upstream::{Reach, Roads};

/// State, and what is known and under way: shared by all configurations that are served one after the other.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Lasting {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    pub(super) tokens: Tokens,
    /// Who else serves.
    pub(super) replicas: Arc<Replicas>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) gate: Arc<Gate>,
    /// Where limits hold over several replicas: what of them is this one's.
    pub(super) shares: Option<Arc<Shares>>,
    pub(super) directory: Arc<ArcSwap<Directory>>,
    /// What is served is told to be another.
    pub(super) declared: Arc<watch::Sender<()>>,
    pub(super) reach: Arc<ArcSwap<HashMap<String, Reach>>>,
    /// Which servers are there, and who connects to them.
    pub(super) roads: Arc<Roads>,
    /// Who was wrong.
    pub(super) throttle: Arc<Throttle>,
    /// SMTP sessions between two programs.
    pub(super) kept: Arc<Kept>,
    pub(super) seen: Arc<Seen>,
    pub(super) busy: Busy,
    pub(super) activity: Arc<Activity>,
    pub(super) health: Arc<Health>,
    /// Clients.
    pub(super) crowd: Crowd,
    /// A stop has begun, and those who send programs here are to know.
    pub(super) leaving: CancellationToken,
    /// Nobody can connect any more.
    pub(super) closing: CancellationToken,
    /// Whoever is not logged in yet is told to come again.
    pub(super) dismissing: CancellationToken,
    /// Ends the sessions.
    pub(super) stop: CancellationToken,
    /// Ends what goes on in the background.
    pub(super) end: CancellationToken,
}

impl Lasting {
    /// Opens the store, and reads what is declared there and in the file. Until `end` it waits for a store that is away.
    pub(super) async fn open(config: &Arc<Config>, activity: Arc<Activity>, end: Instant) -> anyhow::Result<Self> {
        let store = store::awaited(end, async || store::open(config).await).await?;
        let read = async || Ok(Registry::open(Arc::clone(config), Arc::clone(&store)).await?);
        let registry = store::awaited(end, read).await?;
        let (notices, notifier) = notify::channel(Arc::clone(&store));
        let limits = &config.limits;
        let replicas = Arc::new(Replicas::new(Arc::clone(&store), replica(config)));
        let owner = replicas.instance().to_owned();
        let tokens = Tokens::new(Arc::clone(&store), bounds::tokens(limits, config.store.is_shared()), owner, notices);
        let (registry, busy) = (Arc::new(registry), Busy::default());
        let shares = || Shares::new(Arc::clone(&store), replicas.instance());
        let shares = store.is_shared().then(shares);
        let gate = Arc::new(Gate::new(bounds::gate(limits)).sharing(shares.clone()));
        let health = Arc::new(Health::new(Sources {
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            activity: Arc::clone(&activity),
            gate: Arc::clone(&gate),
            busy: busy.clone(),
            replicas: Arc::clone(&replicas),
            shares: shares.clone(),
            started: clock::now(),
        }));
        let throttle = throttle(config, &store)?;
        Ok(Self {
            store,
            registry,
            tokens,
            replicas,
            shares,
            notifier: Arc::new(notifier),
            gate,
            directory: Arc::new(ArcSwap::from_pointee(Directory::new([])?)),
            declared: Arc::default(),
            reach: Arc::default(),
            roads: Arc::new(Roads::new(bounds::roads(limits))),
            throttle,
            kept: Arc::new(Kept::new(bounds::kept(limits))),
            seen: Arc::default(),
            busy,
            activity,
            health,
            crowd: Crowd::new(bounds::crowd(limits)),
            leaving: CancellationToken::new(),
            closing: CancellationToken::new(),
            dismissing: CancellationToken::new(),
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
        })
    }

    /// The bounds of what is shared; those that hold something keep it.
    pub(super) fn set(&self, config: &Config) {
        self.tokens.set(bounds::tokens(&config.limits, config.store.is_shared()));
        self.throttle.set(bounds::throttle(&config.limits));
        self.gate.set(bounds::gate(&config.limits));
        self.roads.set(bounds::roads(&config.limits));
        self.kept.set(bounds::kept(&config.limits));
        self.crowd.set(bounds::crowd(&config.limits));
    }
}

/// Replicas tell one another who was wrong.
fn throttle(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Arc<Throttle>> {
    let throttle = Arc::new(Throttle::new(bounds::throttle(&config.limits)).context("the system gives no randomness")?);
    if store.is_shared() {
        throttle.gossip();
        let hearing = Arc::downgrade(&throttle);
        store.overhear(Box::new(move |word| {
            if let Some(throttle) = hearing.upgrade() {
                throttle.heard(word);
            }
        }));
    }
    Ok(throttle)
}

/// What of the store cannot be used spoils nothing else.
pub(super) fn tell_of_broken<'a>(faults: impl IntoIterator<Item = &'a String>) {
    for fault in faults {
        error!(error = fault, "config.declaration_broken");
    }
}
