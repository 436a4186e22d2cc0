//! The ways to the providers of a configuration.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio_rustls::rustls::ClientConfig;

use super::{bounds, hostname};
use crate::config::Config;
use crate::model::{Provider, Token};
use crate::net;
use crate::oauth::{Http, HttpSettings};
use crate::upstream::{self, Reach};

/// The way to each provider's mail servers and to its token endpoint, made once.
#[derive(Debug)]
pub(super) struct Providers {
    settings: HttpSettings,
    ehlo: String,
    limits: upstream::Limits,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ways: HashMap<String, (Reach, Http)>,
    /// Providers with the same authorities share their TLS, and so its roots and its resumed sessions.
    trust: HashMap<Option<PathBuf>, Arc<ClientConfig>>,
}

impl Providers {
    pub(super) fn of(config: &Config) -> Self {
        let limits = &config.limits;
        let settings = HttpSettings {
            connect: Duration::from_secs(limits.connect_seconds),
            total: Duration::from_secs(limits.token_seconds),
            longest: bounds::size(limits.token_response_octets),
        };
        let ehlo = hostname(config);
        Self { settings, ehlo, limits: bounds::upstream(limits), known: Mutex::default() }
    }

    /// The way to a provider.
    pub(super) fn reach(&self, provider: &Provider) -> anyhow::Result<(Reach, Http)> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reached) = known.ways.get(&provider.name) {
            return Ok(reached.clone());
        }
        let trust = match known.trust.get(&provider.ca) {
            Some(trust) => Arc::clone(trust),
            None => {
                net::client_config(provider.ca.as_deref()).with_context(|| format!("provider {:?}", provider.name))?
            }
        };
        known.trust.insert(provider.ca.clone(), Arc::clone(&trust));
        let http = Http::by_way_of(&provider.egress, &trust, self.settings)?;
        let reached = (Reach { trust, ehlo: self.ehlo.clone(), limits: self.limits }, http);
        known.ways.insert(provider.name.clone(), reached.clone());
        Ok(reached)
    }

    pub(super) fn http(&self, token: &Token) -> anyhow::Result<Http> {
        Ok(self.reach(&token.provider)?.1)
    }
}
