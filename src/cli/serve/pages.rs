//! The administration address, from the configuration to an open socket. What pages have begun outlives a reload.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::super::hostname;
use super::doors::bind;
use super::frontends::admin_tls;
use super::generation::Generation;
use super::lasting::Lasting;
use crate::admin::keys::Ring;
use crate::admin::sign_in::Porter;
use crate::admin::{Admin, Desk, Pages, published};
use crate::clock;
use crate::config;
use crate::consent::{Devices, Find, Party};
use crate::doctor::{Doctor, Rounds};
use crate::model::Token;
use crate::net::{Address, Listener};

/// The pages and where they are.
#[derive(Default)]
pub(super) struct Office {
    /// Made with the first configuration that has pages.
    pub(super) desk: Option<Desk>,
    pages: Option<Pages>,
    open: Option<Open>,
}

struct Open {
    /// As the configuration names it: port 0 is another one each time.
    at: SocketAddr,
    admin: Arc<Admin>,
    closed: CancellationToken,
}

/// The pages of a configuration, and their socket. Nothing is in force yet.
pub(super) struct Plan {
    pages: Option<(Desk, Option<Arc<ServerConfig>>)>,
    /// Where the address is another one than before.
    new: Option<(SocketAddr, Listener)>,
}

impl Office {
    /// Where the pages are.
    pub(super) fn address(&self) -> Option<Address> {
        self.open.as_ref().map(|open| open.admin.address().clone())
    }

    /// Opens the address where it is another one.
    pub(super) fn plan(&self, generation: &Generation, lasting: &Lasting) -> anyhow::Result<Plan> {
        let Some(admin) = &generation.config.admin else { return Ok(Plan { pages: None, new: None }) };
        let tls = admin_tls(&generation.config, generation.certificate.as_ref());
        let pages = Some((desk(admin, generation, lasting, self.desk.as_ref()), tls));
        if self.open.as_ref().is_some_and(|open| open.at == admin.address) {
            return Ok(Plan { pages, new: None });
        }
        let gone = self.open.iter().map(|open| &**open.admin.listener());
        let listener = bind(admin.address, gone).context("[admin] address")?;
        Ok(Plan { pages, new: Some((admin.address, listener)) })
    }

    /// Serves so from now on. Returns what is to be served anew, until the token says so.
    pub(super) fn adopt(&mut self, plan: Plan, lasting: &Lasting) -> Option<(Arc<Admin>, CancellationToken)> {
        let Some((desk, tls)) = plan.pages else {
            self.close();
            return None;
        };
        let pages = match &self.pages {
            Some(pages) => {
                pages.replace(&desk, tls);
                pages.clone()
            }
            None => Pages::of(&desk, tls),
        };
        if self.desk.is_none() {
            desk.devices.resume();
        }
        (self.desk, self.pages) = (Some(desk), Some(pages.clone()));
        let (at, listener) = plan.new?;
        self.close();
        let (admin, closed) = (Arc::new(Admin::at(listener, pages)), lasting.closing.child_token());
        info!(address = %admin.address(), "admin.listening");
        self.open = Some(Open { at, admin: Arc::clone(&admin), closed: closed.clone() });
        Some((admin, closed))
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.closed.cancel();
        }
    }
}

/// What the pages work on. Where there were pages before, what they have begun and counted goes on.
fn desk(admin: &config::Admin, generation: &Generation, lasting: &Lasting, before: Option<&Desk>) -> Desk {
    let config = Arc::clone(&generation.config);
    let certificate = generation.certificate.as_ref().map(|certificate| Arc::clone(&certificate.server));
    let hostname: Arc<str> = hostname(&config).into();
    if let Some(before) = before {
        let porter = Arc::new(before.porter.with(admin));
        return Desk { config, porter, certificate, hostname, ..before.clone() };
    }
    let store = || Arc::clone(&lasting.store);
    let (find, doctor) = (find(lasting), doctor(lasting));
    let (busy, stop) = (lasting.busy.clone(), lasting.closing.clone());
    Desk {
        rounds: Rounds::new(doctor.clone(), published(&store()), stop.clone()),
        devices: Devices::new(store(), Arc::clone(&find), busy.clone(), stop.clone()),
        store: store(),
        config,
        registry: Arc::clone(&lasting.registry),
        health: Arc::clone(&lasting.health),
        activity: Arc::clone(&lasting.activity),
        tokens: lasting.tokens.clone(),
        doctor,
        find,
        porter: Arc::new(Porter::new(admin, store())),
        ring: Arc::new(Ring::new(store())),
        busy,
        certificate,
        stop,
        hostname,
        started: clock::now(),
    }
}

fn find(lasting: &Lasting) -> Find {
    let (tokens, reach) = (lasting.tokens.clone(), Arc::clone(&lasting.reach));
    Arc::new(move |name: &str| {
        let (token, http) = tokens.declared(name)?;
        let reach = reach.load().get(&token.provider.name)?.clone();
        Some(Party { token, http, reach })
    })
}

fn doctor(lasting: &Lasting) -> Doctor {
    let reach = Arc::clone(&lasting.reach);
    let reach = move |token: &Token| reach.load().get(&token.provider.name).cloned();
    Doctor { tokens: lasting.tokens.clone(), reach: Arc::new(reach) }
}
