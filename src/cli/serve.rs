//! The composition root: builds every room from the configuration and runs them until told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::live::{Live, Providers};
use super::{bounds, control, listeners, process};
use crate::account::{Directory, Throttle, Verifier};
use crate::activity::{self, Activity};
use crate::config::Config;
use crate::lifecycle::{self, Busy};
use crate::model::Protocol;
use crate::net::Address;
use crate::registry::Registry;
use crate::session::{Seen, Service};
use crate::store::{SqliteStore, Store};
use crate::submit::gate::Gate;
use crate::token::Tokens;

/// A running service.
#[derive(Debug)]
pub struct Running {
    listeners: Vec<(Protocol, Address)>,
    admin: Option<Address>,
    invitation: Option<SecretString>,
    service: Arc<Service>,
    tasks: TaskTracker,
    refresher: CancellationToken,
    patience: Duration,
}

impl Running {
    /// Builds everything, opens the listeners and begins to serve. Nothing is open when it fails.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::watched(config, Arc::default()).await
    }

    /// As [`Running::start`], where somebody else feeds what is going on with what is logged.
    pub async fn watched(config: Config, activity: Arc<Activity>) -> anyhow::Result<Self> {
        process::raise_descriptor_limit();
        for warning in &config.warnings {
            warn!(warning, "config.warning");
        }
        let config = Arc::new(config);
        let (store, registry) = registry(&config).await?;
        let providers = Providers::of(&config);
        let (notices, notifier) =
            super::notify::channel(config.notify.as_ref(), &config.egress, Arc::clone(&store) as Arc<dyn Store>)?;
        let tokens = Tokens::new(
            Arc::clone(&store) as Arc<dyn Store>,
            bounds::tokens(&config.limits),
            activity::process_name(),
            notices,
        );
        let stop = CancellationToken::new();
        let service = Arc::new(service(&config, tokens, &activity, &stop)?);
        let live = Live { config: Arc::clone(&config), service: Arc::clone(&service), store, providers };
        live.declare(&registry.declared())?;
        let certificate = listeners::certificate(&config)?;
        let opened = listeners::open(&config, &service, certificate.as_ref())?;
        let admin = live.open_admin(&registry, certificate.as_ref())?;
        let admin_address = admin.as_ref().map(|admin| admin.address().clone());
        let invitation = match &admin_address {
            Some(address) => super::admin::invitation(&config, &live.store, address).await?,
            None => None,
        };
        let control = control::open(&config)?;
        let refresher = CancellationToken::new();
        let tasks = TaskTracker::new();
        if let Some(control) = control {
            tasks.spawn(control.serve(control::handler(Arc::new(control::Parts::new())), refresher.clone()));
        }
        if let Some(logging) = super::log::Logging::of_process() {
            tasks.spawn(logging.keep(refresher.clone()));
        }
        tasks.spawn(service.tokens.clone().refresh_ahead(refresher.clone()));
        tasks.spawn(service.tokens.clone().watch_expiry(refresher.clone()));
        tasks.spawn(notifier.run(refresher.clone()));
        tasks.spawn(Arc::clone(&service).watch_passwords(refresher.clone()));
        tasks.spawn(activity.keep(Arc::clone(&live.store) as Arc<dyn Store>, refresher.clone()));
        if let Some(certificate) = certificate {
            let every = Duration::from_secs(config.limits.certificate_check_seconds);
            tasks.spawn(super::tls::watch(certificate, every, refresher.clone()));
        }
        if let Some(admin) = admin {
            tasks.spawn(admin.serve(stop.clone()));
        }
        registry.on_change(move |before, now| live.changed(before, now));
        let (stopped, following) = (refresher.clone(), Arc::clone(&registry));
        tasks.spawn(async move { following.follow(stopped).await });
        let permits =
            Arc::new(Semaphore::new(usize::try_from(config.limits.sessions).unwrap_or(Semaphore::MAX_PERMITS)));
        let listeners =
            opened.iter().map(|(frontend, listener)| (frontend.protocol, listener.address().clone())).collect();
        for open in opened {
            listeners::serve(open, &tasks, &permits, &stop);
        }
        let patience = Duration::from_secs(config.limits.shutdown_seconds);
        Ok(Self { listeners, admin: admin_address, invitation, service, tasks, refresher, patience })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn listeners(&self) -> &[(Protocol, Address)] {
        &self.listeners
    }

    /// Where the pages are.
    #[must_use]
    pub const fn admin(&self) -> Option<&Address> {
        self.admin.as_ref()
    }

    /// The link by which the administrator's first password is set, where there is none.
    #[must_use]
    pub const fn invitation(&self) -> Option<&SecretString> {
        self.invitation.as_ref()
    }

    /// Stops: no new sessions, messages under way are finished, idle sessions are told goodbye.
    pub async fn stop(self) {
        self.service.stop.cancel();
        let unfinished = self.service.busy.finished(self.patience).await;
        if unfinished > 0 {
            warn!(unfinished, seconds = self.patience.as_secs(), "service.stopped_in_the_middle");
        }
        self.refresher.cancel();
        self.service.tokens.settle(self.patience).await;
        self.tasks.close();
        drop(tokio::time::timeout(FAREWELL, self.tasks.wait()).await);
    }
}

/// How long sessions get to say goodbye once no message is under way.
const FAREWELL: Duration = Duration::from_secs(3);

/// `gatepost serve`: until SIGTERM or SIGINT.
pub(super) fn run(file: &super::ConfigFile) -> anyhow::Result<()> {
    process::keep_large_blocks_out_of_the_heap();
    let config = file.load()?;
    let activity = Arc::default();
    let logging = super::log::Logging::start(&config.log, &activity);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let mut stop = lifecycle::StopSignal::listen().context("cannot listen for signals")?;
        let running = Running::watched(config, activity).await?;
        for (protocol, address) in running.listeners() {
            info!(%protocol, %address, "service.listening");
        }
        running.invitation().into_iter().for_each(super::admin::invite);
        let signal = stop.received().await;
        info!(signal, "service.stopping");
        running.stop().await;
        info!("service.stopped");
        Ok(())
    });
    // Dropped, it would wait without end for threads that wait for a disk or a name server.
    runtime.shutdown_timeout(FAREWELL);
    logging.finish();
    served
}

/// Where state lives, and what is declared there and in the file.
async fn registry(config: &Arc<Config>) -> anyhow::Result<(Arc<SqliteStore>, Arc<Registry>)> {
    let store = Arc::new(super::store::open(config)?);
    let registry = Registry::open(Arc::clone(config), Arc::clone(&store) as Arc<dyn Store>).await?;
    let declared = registry.declared();
    if let Some(errors) = &declared.errors {
        return Err(errors.clone().into());
    }
    for fault in &declared.broken {
        error!(error = fault, "config.declaration_broken");
    }
    Ok((store, Arc::new(registry)))
}

const RANDOMLESS: &str = "the system gives no randomness";

fn service(
    config: &Config,
    tokens: Tokens,
    activity: &Arc<Activity>,
    stop: &CancellationToken,
) -> anyhow::Result<Service> {
    let limits = &config.limits;
    let verifier = Verifier::new(bounds::verifier(limits));
    Ok(Service {
        hostname: config.hostname.clone().unwrap_or_else(hostname),
        directory: ArcSwap::from_pointee(Directory::new([])?),
        verifier: verifier.context(RANDOMLESS)?,
        throttle: Arc::new(Throttle::new(bounds::throttle(limits)).context(RANDOMLESS)?),
        tokens,
        reach: ArcSwap::default(),
        gate: Arc::new(Gate::new(bounds::gate(limits))),
        limits: bounds::session(limits),
        seen: Seen::default(),
        busy: Busy::default(),
        activity: Arc::clone(activity),
        stop: stop.clone(),
    })
}

/// This machine's name, fit for a greeting.
pub(super) fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if fits { name } else { "localhost".into() }
}
