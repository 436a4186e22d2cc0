//! The composition root: builds every room from the configuration and runs them until told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::guests::guests;
use super::house::House;
use super::live::{Live, Providers};
use crate::account::{Directory, Verifier, VerifierSettings};
use crate::config::{self, Config};
use crate::lifecycle::{self, Busy};
use crate::model::Protocol;
use crate::net::{self, Address, HeaderBounds, Inherited, Listener, ServerCertificate, TlsError};
use crate::proto::Newline;
use crate::session::{self, Frontend, Limits, ListenerTls, Seen, Service};
use crate::store::{SqliteStore, Store};
use crate::submit::gate::{Gate, GateSettings};
use crate::token::{TokenSettings, Tokens};
use crate::upstream;

/// A running service.
#[derive(Debug)]
pub struct Running {
    listeners: Vec<(Protocol, Address)>,
    service: Arc<Service>,
    tasks: TaskTracker,
    refresher: CancellationToken,
    patience: Duration,
}

impl Running {
    /// Builds everything, opens the listeners and begins to serve. Nothing is open when it fails.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        for warning in &config.warnings {
            warn!(warning, "config.warning");
        }
        let config = Arc::new(config);
        let (store, house) = house(&config).await?;
        let providers = Providers::of(&config);
        let (notices, notifier) =
            super::notify::channel(config.notify.as_ref(), &config.egress, Arc::clone(&store) as Arc<dyn Store>)?;
        let tokens = Tokens::new(
            Arc::clone(&store) as Arc<dyn Store>,
            token_settings(&config),
            session::process_name(),
            notices,
        );
        let stop = CancellationToken::new();
        let service = Arc::new(service(&config, tokens, &stop)?);
        let live = Live { config: Arc::clone(&config), service: Arc::clone(&service), store, providers };
        live.declare(&house)?;
        let certificate = config.tls.as_ref().map(|tls| ServerCertificate::load(&tls.certificate, &tls.key));
        let certificate = certificate.transpose()?.map(Arc::new);
        let opened = open(&config, &service, certificate.as_ref())?;
        let admin = live.open_admin()?;
        let refresher = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(service.tokens.clone().refresh_ahead(refresher.clone()));
        tasks.spawn(service.tokens.clone().watch_expiry(refresher.clone()));
        tasks.spawn(notifier.run(refresher.clone()));
        if let Some(certificate) = certificate {
            let every = Duration::from_secs(config.limits.certificate_check_seconds);
            tasks.spawn(super::tls::watch(certificate, every, refresher.clone()));
        }
        if let Some(admin) = admin {
            tasks.spawn(admin.serve(stop.clone()));
        }
        tasks.spawn(live.follow(house, refresher.clone()));
        let permits =
            Arc::new(Semaphore::new(usize::try_from(config.limits.sessions).unwrap_or(Semaphore::MAX_PERMITS)));
        let listeners =
            opened.iter().map(|(frontend, listener)| (frontend.protocol, listener.address().clone())).collect();
        for (frontend, listener) in opened {
            spawn(&tasks, frontend, listener, &permits, &stop);
        }
        let patience = Duration::from_secs(config.limits.shutdown_seconds);
        Ok(Self { listeners, service, tasks, refresher, patience })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn listeners(&self) -> &[(Protocol, Address)] {
        &self.listeners
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
    keep_large_blocks_out_of_the_heap();
    let config = file.load()?;
    super::log::init(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stop = lifecycle::StopSignal::listen().context("cannot listen for signals")?;
        let running = Running::start(config).await?;
        for (protocol, address) in running.listeners() {
            info!(%protocol, %address, "service.listening");
        }
        let signal = stop.received().await;
        info!(signal, "service.stopping");
        running.stop().await;
        info!("service.stopped");
        Ok(())
    })
}

/// Where state lives, and what is declared there and in the file.
async fn house(config: &Config) -> anyhow::Result<(Arc<SqliteStore>, House)> {
    let store = Arc::new(super::house::open(config)?);
    let house = House::read(config, store.as_ref(), &House::default()).await?;
    if let Some(errors) = house.errors {
        return Err(errors.into());
    }
    for fault in &house.broken {
        error!(error = fault, "config.declaration_broken");
    }
    Ok((store, house))
}

fn service(config: &Config, tokens: Tokens, stop: &CancellationToken) -> anyhow::Result<Service> {
    let limits = &config.limits;
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let verifier = Verifier::new(VerifierSettings {
        parallel: if limits.password_hashes == 0 { cores } else { size(limits.password_hashes) },
        waiting: size(limits.password_waiters),
        remembered: size(limits.verified_passwords),
        lifetime: Duration::from_secs(limits.verified_password_seconds),
    });
    Ok(Service {
        hostname: config.hostname.clone().unwrap_or_else(hostname),
        directory: ArcSwap::from_pointee(Directory::new([])?),
        verifier: verifier.context("the system gives no randomness")?,
        tokens,
        reach: ArcSwap::default(),
        gate: Arc::new(gate(limits)),
        limits: bounds(limits),
        seen: Seen::default(),
        busy: Busy::default(),
        stop: stop.clone(),
    })
}

/// Times of token life.
pub(super) fn token_settings(config: &Config) -> TokenSettings {
    let total = Duration::from_secs(config.limits.token_seconds);
    TokenSettings {
        ahead: Duration::from_secs(config.limits.refresh_ahead_seconds),
        patience: total,
        // Longer than an exchange and the saving of its result can take.
        lease: total * 2 + Duration::from_secs(10),
    }
}

fn gate(limits: &config::Limits) -> Gate {
    Gate::new(GateSettings {
        wait: Duration::from_secs(limits.gate_seconds),
        waiters: usize::try_from(limits.gate_waiters).unwrap_or(usize::MAX),
        idle: Duration::from_secs(limits.gate_idle_seconds),
    })
}

fn bounds(limits: &config::Limits) -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        login: seconds(limits.login_seconds),
        login_attempts: u32::try_from(limits.login_attempts).unwrap_or(u32::MAX),
        proxy_header: HeaderBounds {
            wait: seconds(limits.proxy_header_seconds),
            octets: usize::try_from(limits.proxy_header_octets).unwrap_or(usize::MAX),
        },
        smtp_idle: seconds(limits.smtp_idle_seconds),
        imap_idle: seconds(limits.imap_idle_seconds),
        pop3_idle: seconds(limits.pop3_idle_seconds),
        upstream_reply: seconds(limits.upstream_reply_seconds),
        end_of_data: seconds(limits.end_of_data_seconds),
        message_octets: limits.message_octets,
        header_octets: usize::try_from(limits.header_octets).unwrap_or(usize::MAX),
    }
}

/// The bounds of a login upstream.
pub(super) fn upstream_limits(limits: &config::Limits) -> upstream::Limits {
    let seconds = Duration::from_secs;
    upstream::Limits { connect: seconds(limits.connect_seconds), login: seconds(limits.upstream_login_seconds) }
}

/// This machine's name, fit for a greeting.
pub(super) fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if fits { name } else { "localhost".into() }
}

/// Opens every listener before any of them serves.
fn open(
    config: &Config,
    service: &Arc<Service>,
    certificate: Option<&Arc<ServerCertificate>>,
) -> anyhow::Result<Vec<(Arc<Frontend>, Listener)>> {
    let certificate = certificate.map(Tls::of).transpose()?;
    let mut inherited = Inherited::take()?;
    let mut opened = Vec::new();
    for listener in &config.listeners {
        let tls = match (listener.tls, &certificate) {
            (config::ListenerTls::None, _) => ListenerTls::None,
            (config::ListenerTls::Starttls, Some(tls)) => ListenerTls::Starttls(tls.from(listener.minimum_tls)),
            (config::ListenerTls::Implicit, Some(tls)) => ListenerTls::Implicit(tls.from(listener.minimum_tls)),
            (_, None) => anyhow::bail!("a listener for {} has TLS and there is no [tls] table", listener.protocol),
        };
        let sockets = super::sockets::open(listener, &mut inherited)?;
        let (plaintext_auth, proxies) = (listener.plaintext_auth.clone(), listener.proxy_protocol.clone());
        let newline = match listener.newline {
            config::Newline::Strict => Newline::Strict,
            config::Newline::Lenient => Newline::Lenient,
        };
        let anonymous = listener.anonymous.as_ref().map(|anonymous| guests(anonymous, &config.limits));
        let (protocol, service) = (listener.protocol, Arc::clone(service));
        let frontend = Arc::new(Frontend { protocol, tls, plaintext_auth, newline, proxies, anonymous, service });
        opened.extend(sockets.into_iter().map(|socket| (Arc::clone(&frontend), socket)));
    }
    inherited.finish()?;
    anyhow::ensure!(!opened.is_empty(), "there is nothing to serve; add a [[listeners]] table");
    Ok(opened)
}

/// TLS of listeners by its lowest version; those with the same share it, and so the sessions that can be resumed.
struct Tls([Arc<ServerConfig>; 2]);

impl Tls {
    fn of(certificate: &Arc<ServerCertificate>) -> Result<Self, TlsError> {
        let from = |minimum| net::server_config(certificate, minimum);
        Ok(Self([from(net::MinimumTls::Tls12)?, from(net::MinimumTls::Tls13)?]))
    }

    fn from(&self, minimum: config::MinimumTls) -> Arc<ServerConfig> {
        let Self([tls12, tls13]) = self;
        Arc::clone(match minimum {
            config::MinimumTls::Tls12 => tls12,
            config::MinimumTls::Tls13 => tls13,
        })
    }
}

fn spawn(
    tasks: &TaskTracker,
    frontend: Arc<Frontend>,
    listener: Listener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) {
    let refusal = session::refusal(&frontend, listener.address().ip());
    let sessions = tasks.clone();
    let serving = listener.serve(Arc::clone(permits), refusal, stop.clone(), move |accepted| {
        sessions.spawn(session::run(Arc::clone(&frontend), accepted));
    });
    tasks.spawn(serving);
}

/// An Argon2 hash takes 19 MiB for 20 ms. glibc would learn from the first one to keep such blocks in its heaps, and hold
/// tens of megabytes for ever; with a fixed threshold each is mapped and given back.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "mallopt has no safe form; it is called once, before there are threads")]
fn keep_large_blocks_out_of_the_heap() {
    const THRESHOLD: libc::c_int = 1024 * 1024;
    // SAFETY: a parameter and a number; glibc checks both.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD);
    }
}

#[cfg(not(target_env = "gnu"))]
const fn keep_large_blocks_out_of_the_heap() {}

/// Two descriptors a session: as many as the system lets us have.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(fault) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        warn!(limit = "descriptors", error = %fault, "limit.reached");
    }
}
