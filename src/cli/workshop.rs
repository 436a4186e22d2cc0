//! What a command works with: the configuration, the store, and everything that is declared.

use std::sync::Arc;

use super::providers::Providers;
use super::{ConfigFile, bounds, store};
use crate::config::Config;
use crate::consent::Party;
use crate::model::Token;
use crate::registry::{Actor, Declared, Registry};
use crate::replicas;
use crate::store::Store;
use crate::token::{Notices, Tokens};

pub(super) struct Workshop {
    pub(super) config: Arc<Config>,
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Registry,
    /// What was declared when it was opened.
    pub(super) declared: Arc<Declared>,
    providers: Providers,
}

impl Workshop {
    /// Opens everything; beside a running service, which has it open too. What is broken in the store is told and left out.
    pub(super) async fn open(file: &ConfigFile) -> anyhow::Result<Self> {
        Self::of(file.load_for_command()?).await
    }

    /// The same of a configuration that has been read.
    pub(super) async fn of(config: Config) -> anyhow::Result<Self> {
        let config = Arc::new(config);
        let store = store::open(&config).await?;
        let registry = Registry::open(Arc::clone(&config), Arc::clone(&store)).await?;
        let declared = registry.declared();
        // A command may be what mends it.
        declared.broken.iter().for_each(super::warn);
        declared.errors.iter().for_each(super::warn);
        let providers = Providers::of(&config, Arc::default());
        Ok(Self { config, store, registry, declared, providers })
    }

    /// A token and how its provider is reached.
    pub(super) fn party(&self, token: &Arc<Token>) -> anyhow::Result<Party> {
        let (reach, http) = self.providers.reach(&token.provider)?;
        Ok(Party { token: Arc::clone(token), http, reach })
    }

    /// Token life, as the service has it.
    pub(super) fn tokens(&self) -> anyhow::Result<Tokens> {
        let store = Arc::clone(&self.store);
        let tokens = Tokens::new(
            store,
            bounds::tokens(&self.config.limits, self.config.store.is_shared()),
            replicas::instance(),
            Notices::default(),
        );
        let mut declared = Vec::new();
        for token in &self.declared.tokens {
            declared.push((Arc::clone(token), self.providers.http(token)?));
        }
        tokens.declare(declared);
        Ok(tokens)
    }
}

/// Whoever types: by the login, or by that which became root.
pub(super) fn actor() -> Actor {
    let login = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    let from = std::env::var("SUDO_USER").ok().filter(|_| nix::unistd::getuid().is_root()).or_else(login);
    Actor { who: "command line".into(), from: from.unwrap_or_default() }
}

/// Runs a command that waits for the network or the store.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
