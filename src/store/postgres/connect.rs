//! One connection, to the server that takes writes.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use tokio::sync::oneshot::{self, Receiver};
use tokio::time::{Instant, timeout};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::ClientConfig;

use super::addresses;
use super::fault::Fault;
use super::outage::Outage;

/// Where a database is, and how it is spoken to.
#[derive(Clone)]
pub struct Servers {
    /// As people know it, without a password.
    pub shown: String,
    /// The servers, any of which may be the one that takes writes.
    pub servers: Vec<Config>,
    /// How they are known; none speaks in clear.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A password is in it.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Servers({})", self.shown)
    }
}

/// What hears notices.
pub(super) type Hear = Arc<dyn Fn(&str) + Send + Sync>;

/// How long one server may take, all in all, until it can be asked, …
const CONNECT: Duration = Duration::from_secs(3);
/// … and all of them: less than whoever asks waits for an answer.
const ALL: Duration = Duration::from_secs(6);

/// What holds for all that is done on a connection. A write is durable before its answer, whatever the server's default; nobody
/// else's lock is waited for longer than a caller waits for the store; what a dead replica had begun ends soon. Each statement sees
/// what was there when it began: what is read under a lock is not older than the lock.
const SESSION: &str = "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET statement_timeout = '5s'; SET lock_timeout = '4s';
    SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = warning; SET gatepost.writer = '{writer}'; SHOW transaction_read_only";

/// Connects for the pool.
#[derive(Debug)]
pub(super) struct Primary {
    servers: Servers,
    /// What is done on each connection first.
    session: String,
    /// The server that took writes when it was last asked.
    last: AtomicUsize,
    /// By which it was reached then.
    address: Mutex<Option<IpAddr>>,
    outage: Arc<Outage>,
}

impl Primary {
    /// `writer` marks what this process writes, in the news that others hear.
    pub(super) fn new(servers: Servers, writer: &str, outage: Arc<Outage>) -> Self {
        Self {
            servers,
            session: SESSION.replace("{writer}", writer),
            last: AtomicUsize::new(0),
            address: Mutex::default(),
            outage,
        }
    }

    /// A connection that hears notices, and what comes when it has ended.
    pub(super) async fn listener(&self, hear: Hear) -> Result<(ClientWrapper, Receiver<()>), Fault> {
        let (alive, ended) = oneshot::channel();
        let client = self.connect(Some(Listener { hear, _alive: Arc::new(alive) })).await?;
        Ok((client, ended))
    }

    /// To the first that takes writes.
    async fn connect(&self, listener: Option<Listener>) -> Result<ClientWrapper, Fault> {
        let (count, last) = (self.servers.servers.len(), self.last.load(Ordering::Relaxed));
        let patience = CONNECT.min(ALL / u32::try_from(count).unwrap_or(1).max(1));
        let mut faults = Vec::new();
        for at in (0..count).map(|step| (last + step) % count) {
            let server = &self.servers.servers[at];
            match self.any(server, patience, listener.clone()).await {
                Ok(client) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(client);
                }
                Err(Fault::Unreachable(fault)) if count > 1 => faults.push(format!("{}: {fault}", name(server))),
                Err(Fault::Unreachable(fault)) => faults.push(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::Unreachable(faults.join("; ")))
    }

    /// By any of its addresses.
    async fn any(
        &self,
        server: &Config,
        patience: Duration,
        listener: Option<Listener>,
    ) -> Result<ClientWrapper, Fault> {
        let end = Instant::now() + patience;
        let good = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(servers) = timeout(patience, addresses::each(server, good)).await else {
            return Err(Fault::Unreachable(format!("its address is not told within {} s", patience.as_secs_f64())));
        };
        addresses::first(servers?, end, |server| Box::pin(self.one(server, listener.clone()))).await
    }

    async fn one(&self, server: Config, listener: Option<Listener>) -> Result<ClientWrapper, Fault> {
        let client = match &self.servers.tls {
            None => over(&server, NoTls, listener).await?,
            Some(tls) => over(&server, MakeRustlsConnect::new(ClientConfig::clone(tls)), listener).await?,
        };
        let answers = client.simple_query(&self.session).await?;
        let read_only = answers.iter().any(|answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
            _ => false,
        });
        if read_only {
            return Err(Fault::Unreachable("takes no writes: it is a standby, or was made read-only".into()));
        }
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = server.get_hostaddrs().first().copied();
        Ok(client)
    }
}

/// What hears the notices of a connection, until that has ended.
#[derive(Clone)]
struct Listener {
    hear: Hear,
    _alive: Arc<oneshot::Sender<()>>,
}

pub(super) fn port(server: &Config) -> u16 {
    server.get_ports().first().copied().unwrap_or(5432)
}

fn name(server: &Config) -> String {
    let port = port(server);
    match server.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => format!("port {port}"),
    }
}

async fn over<T>(server: &Config, tls: T, listener: Option<Listener>) -> Result<ClientWrapper, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection): (Client, _) = server.connect(tls).await?;
    // Whatever ends it, whoever has asked is told.
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let (AsyncMessage::Notification(notice), Some(listener)) = (message, &listener) {
                (listener.hear)(notice.payload());
            }
        }
    });
    Ok(ClientWrapper::new(client, task))
}

impl Manager for Primary {
    type Type = ClientWrapper;
    type Error = Fault;

    async fn create(&self) -> Result<ClientWrapper, Fault> {
        self.outage.may_connect()?;
        let connected = self.connect(None).await;
        match &connected {
            Ok(_) => self.outage.over(),
            Err(Fault::Unreachable(fault)) => self.outage.failed(fault),
            Err(_) => {}
        }
        connected
    }

    async fn recycle(&self, client: &mut ClientWrapper, metrics: &Metrics) -> RecycleResult<Fault> {
        if client.is_closed() || self.outage.is_older(metrics.created) {
            return Err(RecycleError::message("it is closed"));
        }
        Ok(())
    }
}
