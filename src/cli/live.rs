//! What changes while the service runs: tokens and accounts that others make, change or remove in the store.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio_rustls::rustls::ClientConfig;
use tracing::{error, info};

use super::serve::hostname;
use super::{bounds, listeners};
use crate::account::Directory;
use crate::admin::keys::Ring;
use crate::admin::sign_in::Porter;
use crate::admin::{Admin, Desk};
use crate::clock;
use crate::config::Config;
use crate::consent::{Devices, Find, Party};
use crate::doctor::{Doctor, Rounds};
use crate::model::{Provider, Token};
use crate::net::{self, ServerCertificate};
use crate::oauth::{Http, HttpSettings};
use crate::registry::{Declared, Registry};
use crate::session::Service;
use crate::store::{SqliteStore, Store};
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
        let ehlo = config.hostname.clone().unwrap_or_else(hostname);
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

/// A running service and where its declarations come from.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) config: Arc<Config>,
    pub(super) service: Arc<Service>,
    pub(super) store: Arc<SqliteStore>,
    pub(super) providers: Providers,
}

impl Live {
    /// Serves what is declared from now on. Sessions that it does not allow any more are ended. A provider that cannot be reached
    /// spoils nothing but its own tokens: whoever is locked out elsewhere is locked out.
    pub(super) fn declare(&self, declared: &Declared) -> anyhow::Result<()> {
        let mut reaches = HashMap::new();
        let mut tokens = Vec::new();
        let mut reachable = Ok(());
        for token in &declared.tokens {
            match self.providers.reach(&token.provider) {
                Ok((reach, http)) => {
                    reaches.insert(token.provider.name.clone(), reach);
                    tokens.push((Arc::clone(token), http));
                }
                Err(fault) => reachable = Err(fault),
            }
        }
        let directory = Directory::new(declared.accounts.iter().cloned())?
            .with_unusable(&declared.unusable)
            .with_default_domain(self.config.default_domain.as_deref());
        self.service.reach.store(Arc::new(reaches));
        self.service.tokens.declare(tokens);
        self.service.directory.store(Arc::new(directory));
        self.service.review();
        reachable
    }

    /// Opens the administration address, where one is configured.
    pub(super) fn open_admin(
        &self,
        registry: &Arc<Registry>,
        certificate: Option<&Arc<ServerCertificate>>,
    ) -> anyhow::Result<Option<Admin>> {
        let Some(admin) = &self.config.admin else { return Ok(None) };
        let service = Arc::clone(&self.service);
        let find = move |name: &str| {
            let (token, http) = service.tokens.declared(name)?;
            let reach = service.reach.load().get(&token.provider.name)?.clone();
            Some(Party { token, http, reach })
        };
        let (find, doctor): (Find, _) = (Arc::new(find), self.doctor());
        let (store, stop) = (Arc::clone(&self.store) as Arc<dyn Store>, self.service.stop.clone());
        let desk = Desk {
            rounds: Rounds::new(doctor.clone(), stop.clone()),
            devices: Devices::new(store, Arc::clone(&find), self.service.busy.clone(), stop),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            config: Arc::clone(&self.config),
            registry: Arc::clone(registry),
            activity: Arc::clone(&self.service.activity),
            tokens: self.service.tokens.clone(),
            doctor,
            find,
            porter: Arc::new(Porter::new(admin, Arc::clone(&self.store) as Arc<dyn Store>)),
            ring: Arc::new(Ring::new(Arc::clone(&self.store) as Arc<dyn Store>)),
            busy: self.service.busy.clone(),
            certificate: certificate.map(Arc::clone),
            stop: self.service.stop.clone(),
            hostname: self.service.hostname.as_str().into(),
            started: clock::now(),
        };
        let opened = Admin::open(admin.address, listeners::admin_tls(&self.config, certificate)?, &desk);
        let opened = opened.context("[admin] address")?;
        info!(address = %opened.address(), "admin.listening");
        Ok(Some(opened))
    }

    fn doctor(&self) -> Doctor {
        let service = Arc::clone(&self.service);
        let reach = move |token: &Token| service.reach.load().get(&token.provider.name).cloned();
        Doctor { tokens: self.service.tokens.clone(), reach: Arc::new(reach) }
    }

    /// Serves what has changed; of several things that cannot be used, those that are new are told.
    pub(super) fn changed(&self, before: &Declared, now: &Declared) {
        for fault in now.broken.iter().filter(|fault| !before.broken.contains(fault)) {
            error!(error = fault, "config.declaration_broken");
        }
        if let Some(errors) = &now.errors {
            error!(error = %errors, "config.declaration_broken");
        }
        let accounts = now.accounts.iter().map(|account| &account.name);
        let there: HashSet<_> = accounts.chain(&now.unusable).map(String::as_str).collect();
        self.service.activity.uses.retain(|account| there.contains(account));
        match self.declare(now) {
            Ok(()) => info!(accounts = now.accounts.len(), tokens = now.tokens.len(), "config.declarations_changed"),
            Err(fault) => error!(error = format!("{fault:#}"), "config.declaration_broken"),
        }
    }
}
