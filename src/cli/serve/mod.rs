//! The composition root: builds every room from the configuration, and runs them until told to stop.
//!
//! What a configuration makes is a *generation*. A reload makes the next one and puts it in the place of the one before, all at
//! once; what must outlive it ([`lasting`]) is shared by both. Open sockets are kept as long as some listener names them.

mod doors;
mod drain;
mod facts;
mod frontends;
mod generation;
mod lasting;
mod live;
mod monitor;
mod pages;
mod reload;
mod tasks;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tracing::{info, warn};

use super::admin::Invitation;
use super::log::Logging;
use super::{confine, control, process};
use crate::activity::Activity;
use crate::clock;
use crate::config::Config;
use crate::lifecycle::{self, Signal, Signals, StopSignal, systemd};
use crate::model::Protocol;
use crate::net::{Address, Inherited};
use drain::Pace;
pub(super) use frontends::Certificate;
use lasting::Lasting;
pub(super) use live::Live;
use reload::Next;

pub use drain::Ended;
pub use reload::Changes;

/// What a service is built on: all for which a start may have to wait.
struct Ground {
    config: Arc<Config>,
    lasting: Lasting,
    /// Nobody has set the administrator's password.
    inviting: bool,
}

impl Ground {
    async fn of(config: Config, activity: Arc<Activity>) -> anyhow::Result<Self> {
        process::raise_descriptor_limit();
        for warning in &config.warnings {
            warn!(warning, "config.warning");
        }
        let config = Arc::new(config);
        activity.metrics.configured(clock::now());
        let end = super::store::patience();
        let lasting = Lasting::open(&config, activity, end).await?;
        let asked = async || super::admin::guarded(&config, &lasting.store).await;
        let inviting = super::store::awaited(end, asked).await?;
        Ok(Self { config, lasting, inviting })
    }
}

/// A running service.
#[derive(Debug)]
pub struct Running {
    live: Arc<Live>,
    invitation: Option<Invitation>,
}

impl Running {
    /// Builds everything, opens the listeners and begins to serve. Nothing is open when it fails.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::watched(config, Arc::default()).await
    }

    /// As [`Running::start`], where somebody else feeds what is going on with what is logged.
    pub async fn watched(config: Config, activity: Arc<Activity>) -> anyhow::Result<Self> {
        Self::on(Ground::of(config, activity).await?).await
    }

    async fn on(Ground { config, lasting, inviting }: Ground) -> anyhow::Result<Self> {
        let next = Next::of(&config, &lasting, None, Inherited::take()?)?;
        let declared = lasting.registry.declared();
        next.generation.check(&declared)?;
        lasting::tell_of_broken(&declared.broken);
        let control = control::open(&config)?;
        let live = Arc::new(Live::new(lasting, Arc::clone(&next.generation)));
        live.declare(&declared)?;
        facts::told_by(&live);
        live.install(next);
        tasks::background(&live);
        if let Some(control) = control {
            tasks::control(&live, control);
        }
        let address = live.office().address().filter(|_| inviting);
        let invitation = super::admin::invitation(&config, live.lasting.store.as_ref(), address.as_ref()).await;
        // It serves already. Without a link, people ask for one; without the service there is no mail.
        let invitation = invitation.unwrap_or_else(|fault| {
            warn!(error = %fault, "store.failed");
            None
        });
        Ok(Self { live, invitation })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn listeners(&self) -> Vec<(Protocol, Address)> {
        self.live.doors().iter().map(|door| door.address()).collect()
    }

    /// Where the pages are.
    #[must_use]
    pub fn admin(&self) -> Option<Address> {
        self.live.office().address()
    }

    /// Where a monitor finds metrics, beside the pages.
    #[must_use]
    pub fn monitor(&self) -> Option<Address> {
        self.live.post().address()
    }

    /// The link by which the administrator's first password is set, where there is none; one is made for all replicas.
    #[must_use]
    pub const fn invitation(&self) -> Option<&SecretString> {
        match &self.invitation {
            Some(Invitation::Link(link)) => Some(link),
            _ => None,
        }
    }

    /// Serves by another configuration from now on; where it cannot, nothing changes. Sessions go on, but for those that are not
    /// allowed any more.
    pub async fn reload(&self, config: Config) -> anyhow::Result<Changes> {
        self.live.adopt(config).await
    }

    /// Stops: no new sessions, messages under way are finished, idle sessions are told goodbye, all at once.
    pub async fn stop(self) -> Ended {
        self.live.end(Pace::AtOnce, std::future::pending()).await
    }

    /// The same, spread over the time that a stop has: those who come back do not come all at once.
    pub async fn drain(self) -> Ended {
        self.live.end(Pace::Spread, std::future::pending()).await
    }
}

/// `gatepost serve`: until SIGTERM or SIGINT.
pub(super) fn run(file: &super::ConfigFile) -> anyhow::Result<()> {
    process::keep_large_blocks_out_of_the_heap();
    let randomness = process::gather_randomness();
    let config = file.load();
    drop(randomness.join());
    let config = config?;
    // Before the first thread that stays: they all have to be in it.
    let confined = confine::confine(&config, &file.config);
    let activity = Arc::default();
    let logging = Logging::start(&config.log, super::told_replica(&config), &activity);
    lifecycle::note_where_it_panics();
    confine::tell(confined.as_ref());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(file.clone(), config, activity));
    // Dropped, it would wait without end for threads that wait for a disk or a name server.
    runtime.shutdown_timeout(drain::FAREWELL);
    logging.finish();
    served
}

async fn serve(file: super::ConfigFile, config: Config, activity: Arc<Activity>) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let ground = Ground::of(config, activity);
    let Some((ground, outdated)) = unless_stopped(&mut signals, ground).await? else {
        return Ended::default().told();
    };
    let running = Running::on(ground).await?;
    running.live.read_from(Box::new(move || confine::reachable(&file)));
    for (protocol, address) in running.listeners() {
        info!(%protocol, %address, "service.listening");
    }
    running.invitation.iter().for_each(super::admin::invite);
    systemd::ready(SERVING);
    // What it took to read the configuration is free by now.
    drop(tokio::task::spawn_blocking(process::give_back_free_memory));
    if outdated {
        drop(tokio::spawn(Arc::clone(&running.live).reload()));
    }
    let (signal, pace) = loop {
        match signals.next().await {
            // What came of it is in the log; the service goes on either way.
            // A stop does not wait for it: a file may lie on a disk that hangs.
            Signal::Reload => drop(tokio::spawn(Arc::clone(&running.live).reload())),
            // Whoever sits at a terminal waits for it.
            Signal::Stop(signal) => {
                break (signal, if signal == StopSignal::TERMINATE { Pace::Spread } else { Pace::AtOnce });
            }
        }
    };
    info!(signal, "service.stopping");
    systemd::stopping("Saying goodbye to sessions");
    let ended = running.live.end(pace, signals.end()).await;
    ended.told()
}

/// A start that waits for its database can be broken off. Also whether the configuration is another one by now.
async fn unless_stopped<T>(
    signals: &mut Signals,
    starting: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<(T, bool)>> {
    let (mut starting, mut outdated) = (pin!(starting), false);
    loop {
        tokio::select! {
            started = &mut starting => return Ok(Some((started?, outdated))),
            signal = signals.next() => match signal {
                Signal::Reload => outdated = true,
                Signal::Stop(signal) => {
                    info!(signal, "service.stopping");
                    return Ok(None);
                }
            }
        }
    }
}

/// What `systemctl status` says.
const SERVING: &str = "Serving";

/// How long a stop waits for messages under way.
const fn patience(config: &Config) -> Duration {
    Duration::from_secs(config.limits.shutdown_seconds)
}
