//! The ways to the providers of a configuration.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio_rustls::rustls::ClientConfig;

use super::{bounds, hostname};
use crate::config::Config;
use crate::model::{Protocol, Provider, Token};
use crate::net;
use crate::oauth::{Http, HttpSettings};
use crate::upstream::{self, Reach, Roads, Server};

/// The way to each provider's mail servers and to its token endpoint, made once.
#[derive(Debug)]
pub(super) struct Providers {
    settings: HttpSettings,
    ehlo: String,
    limits: upstream::Limits,
    token_requests: usize,
    /// What is known of the servers outlives these settings.
    roads: Arc<Roads>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ways: HashMap<String, (Reach, Http)>,
    /// Providers with the same authorities share their TLS, and so its roots and its resumed sessions.
    trust: HashMap<Option<PathBuf>, Arc<ClientConfig>>,
}

impl Providers {
    pub(super) fn of(config: &Config, roads: Arc<Roads>) -> Self {
        let limits = &config.limits;
        let settings = HttpSettings {
            connect: Duration::from_secs(limits.connect_seconds),
            total: Duration::from_secs(limits.token_seconds),
            longest: bounds::size(limits.token_response_octets),
        };
        let (ehlo, token_requests) = (hostname(config), bounds::size(limits.token_requests));
        let (limits, known) = (bounds::upstream(limits), Mutex::default());
        Self { settings, ehlo, limits, token_requests, roads, known }
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
        let http = Http::by_way_of(&provider.egress, &trust, self.settings)?.at_a_time(self.token_requests);
        let (ehlo, limits, roads) = (self.ehlo.clone(), self.limits, Arc::clone(&self.roads));
        let reached = (Reach { trust, ehlo, limits, roads }, http);
        known.ways.insert(provider.name.clone(), reached.clone());
        Ok(reached)
    }

    /// Of servers that none of these tokens has nothing is remembered.
    pub(super) fn keep(&self, tokens: &[Arc<Token>]) {
        let providers = tokens.iter().map(|token| &token.provider);
        let servers = providers.flat_map(|provider| {
            let endpoints = Protocol::ALL.into_iter().filter_map(|protocol| provider.endpoints.of(protocol));
            endpoints.map(|endpoint| Server::new(provider, endpoint))
        });
        self.roads.keep(&servers.collect());
    }

    pub(super) fn http(&self, token: &Token) -> anyhow::Result<Http> {
        Ok(self.reach(&token.provider)?.1)
    }
}
