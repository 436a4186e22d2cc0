//! What one configuration makes. A reload makes the next one; sessions keep theirs to their end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Context as _;

use super::super::providers::Providers;
use super::super::{bounds, hostname};
use super::frontends::Certificate;
use super::lasting::Lasting;
use crate::account::{Directory, Verifier};
use crate::config::Config;
use crate::model::Token;
use crate::oauth::Http;
use crate::registry::Declared;
use crate::session::Service;
use crate::upstream::Reach;

/// A configuration in force.
#[derive(Debug)]
pub(in crate::cli) struct Generation {
    pub(super) config: Arc<Config>,
    pub(super) service: Arc<Service>,
    pub(super) certificate: Option<Arc<Certificate>>,
    /// By which replicas see whether they are configured alike.
    pub(super) digests: BTreeMap<String, String>,
    providers: Providers,
}

/// What is declared, as the rooms take it.
struct Declarations {
    directory: Directory,
    tokens: Vec<(Arc<Token>, Http)>,
    reaches: HashMap<String, Reach>,
    /// A provider that cannot be reached spoils nothing but its own tokens: whoever is locked out elsewhere is locked out.
    reachable: anyhow::Result<()>,
}

impl Generation {
    /// Makes it; nothing is in force yet.
    pub(super) fn of(
        config: &Arc<Config>,
        lasting: &Lasting,
        certificate: Option<Arc<Certificate>>,
        before: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let service = Arc::new(service(config, lasting, before)?);
        let providers = Providers::of(config, Arc::clone(&lasting.roads));
        let digests = if config.store.is_shared() { config.digests() } else { BTreeMap::new() };
        Ok(Self { config: Arc::clone(config), service, certificate, digests, providers })
    }

    /// Whether all that is declared can be served.
    pub(super) fn check(&self, declared: &Declared) -> anyhow::Result<()> {
        if let Some(errors) = &declared.errors {
            return Err(errors.clone().into());
        }
        self.declarations(declared)?.reachable
    }

    /// Serves what is declared from now on. Sessions that it does not allow any more are ended; returns how many.
    pub(super) fn declare(&self, declared: &Declared) -> (usize, anyhow::Result<()>) {
        let Declarations { directory, tokens, reaches, reachable } = match self.declarations(declared) {
            Ok(declarations) => declarations,
            Err(fault) => return (0, Err(fault)),
        };
        self.service.reach.store(Arc::new(reaches));
        self.providers.keep(&declared.tokens);
        self.service.tokens.declare(tokens);
        self.service.directory.store(Arc::new(directory));
        (self.service.review(), reachable)
    }

    fn declarations(&self, declared: &Declared) -> anyhow::Result<Declarations> {
        let directory = Directory::new(declared.accounts.iter().cloned())?
            .with_unusable(&declared.unusable)
            .with_default_domain(self.config.default_domain.as_deref());
        let (mut tokens, mut reaches, mut reachable) = (Vec::new(), HashMap::new(), Ok(()));
        for token in &declared.tokens {
            match self.providers.reach(&token.provider) {
                Ok((reach, http)) => {
                    reaches.insert(token.provider.name.clone(), reach);
                    tokens.push((Arc::clone(token), http));
                }
                Err(fault) => reachable = Err(fault),
            }
        }
        Ok(Declarations { directory, tokens, reaches, reachable })
    }
}

fn service(config: &Config, lasting: &Lasting, before: Option<&Generation>) -> anyhow::Result<Service> {
    Ok(Service {
        hostname: hostname(config),
        directory: Arc::clone(&lasting.directory),
        verifier: verifier(config, before)?,
        throttle: Arc::clone(&lasting.throttle),
        tokens: lasting.tokens.clone(),
        reach: Arc::clone(&lasting.reach),
        gate: Arc::clone(&lasting.gate),
        kept: Arc::clone(&lasting.kept),
        shares: lasting.shares.clone(),
        limits: bounds::session(&config.limits),
        seen: Arc::clone(&lasting.seen),
        busy: lasting.busy.clone(),
        activity: Arc::clone(&lasting.activity),
        closing: lasting.dismissing.clone(),
        stop: lasting.stop.clone(),
    })
}

/// The same as before where its bounds are: what it remembers spares every program a hash.
fn verifier(config: &Config, before: Option<&Generation>) -> anyhow::Result<Arc<Verifier>> {
    let settings = bounds::verifier(&config.limits);
    let same = before.map(|before| &before.service.verifier).filter(|verifier| verifier.settings() == settings);
    match same {
        Some(verifier) => Ok(Arc::clone(verifier)),
        None => Ok(Arc::new(Verifier::new(settings).context("the system gives no randomness")?)),
    }
}
