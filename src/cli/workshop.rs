//! What a command works with: the configuration, the store, and everything that is declared.

use std::sync::Arc;

use super::ConfigFile;
use super::bounds;
use super::house::{self, House};
use super::live::Providers;
use crate::config::Config;
use crate::consent::Party;
use crate::model::Token;
use crate::session;
use crate::store::{SqliteStore, Store};
use crate::token::{Notices, Tokens};

pub(super) struct Workshop {
    pub(super) config: Config,
    pub(super) store: Arc<SqliteStore>,
    pub(super) house: House,
    providers: Providers,
}

impl Workshop {
    /// Opens everything; beside a running service, which has it open too. What is broken in the store is told and left out.
    pub(super) async fn open(file: &ConfigFile) -> anyhow::Result<Self> {
        let config = file.load_for_command()?;
        let store = Arc::new(house::open(&config)?);
        let house = House::read(&config, store.as_ref(), &House::default()).await?;
        // A command may be what mends it.
        house.broken.iter().for_each(super::warn);
        house.errors.iter().for_each(super::warn);
        let providers = Providers::of(&config);
        Ok(Self { config, store, house, providers })
    }

    /// A token and how its provider is reached.
    pub(super) fn party(&self, token: &Arc<Token>) -> anyhow::Result<Party> {
        let (reach, http) = self.providers.reach(&token.provider)?;
        Ok(Party { token: Arc::clone(token), http, reach })
    }

    /// Token life, as the service has it.
    pub(super) fn tokens(&self) -> anyhow::Result<Tokens> {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let tokens =
            Tokens::new(store, bounds::tokens(&self.config.limits), session::process_name(), Notices::default());
        let mut declared = Vec::new();
        for token in &self.house.tokens {
            declared.push((Arc::clone(token), self.providers.http(token)?));
        }
        tokens.declare(declared);
        Ok(tokens)
    }
}

/// Runs a command that waits for the network or the store.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
