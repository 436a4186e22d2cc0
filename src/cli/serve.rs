//! The composition root: builds every room from the configuration and runs them until told to stop.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ClientConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::account::{Directory, Verifier};
use crate::config::{self, Config};
use crate::lifecycle::Busy;
use crate::model::{Protocol, Provider};
use crate::net::{self, Listener};
use crate::session::{self, Frontend, Limits, ListenerTls, Service};
use crate::token::Tokens;

/// A running service.
#[derive(Debug)]
pub struct Running {
    listeners: Vec<(Protocol, SocketAddr)>,
    service: Arc<Service>,
    tasks: TaskTracker,
    refresher: CancellationToken,
    patience: Duration,
}

impl Running {
    /// Builds everything, opens the listeners and begins to serve. Nothing is open when it fails.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        let trust = trust(&config)?;
        let tokens = tokens(&config, &trust).await?;
        let stop = CancellationToken::new();
        let service = Arc::new(service(&config, trust, tokens, &stop)?);
        let opened = open(&config, &service)?;
        let refresher = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(service.tokens.clone().refresh_ahead(refresher.clone()));
        let permits = Arc::new(Semaphore::new(config.limits.sessions as usize));
        let listeners = opened.iter().map(|(frontend, listener)| (frontend.protocol, listener.address())).collect();
        for (frontend, listener) in opened {
            spawn(&tasks, frontend, listener, &permits, &stop);
        }
        let patience = Duration::from_secs(config.limits.shutdown_seconds);
        Ok(Self { listeners, service, tasks, refresher, patience })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn listeners(&self) -> &[(Protocol, SocketAddr)] {
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
        self.tasks.close();
        drop(tokio::time::timeout(FAREWELL, self.tasks.wait()).await);
    }
}

/// How long sessions get to say goodbye once no message is under way.
const FAREWELL: Duration = Duration::from_secs(3);
