//! The address for monitors, from the configuration to an open socket. It answers until the very end, that the service is
//! stopping for one.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::doors::bind;
use super::generation::Generation;
use super::lasting::Lasting;
use crate::admin::{Admin, Pages, Station};
use crate::net::{Address, Listener};

/// The open address, where there is one.
#[derive(Default)]
pub(super) struct Post(Option<Open>);

struct Open {
    /// As the configuration names it: port 0 is another one each time.
    at: SocketAddr,
    pages: Pages,
    admin: Arc<Admin>,
    closed: CancellationToken,
}

/// What a configuration wants. Nothing is in force yet.
pub(super) struct Plan {
    station: Station,
    wanted: Option<SocketAddr>,
    /// Where the address is another one than before.
    new: Option<Listener>,
}

impl Post {
    /// Where it is.
    pub(super) fn address(&self) -> Option<Address> {
        self.0.as_ref().map(|open| open.admin.address().clone())
    }

    /// Opens the address where it is another one.
    pub(super) fn plan(&self, generation: &Generation, lasting: &Lasting) -> anyhow::Result<Plan> {
        let metrics = &generation.config.metrics;
        let station = Station::new(Arc::clone(&lasting.health), &metrics.networks, &generation.service.hostname);
        let same = self.0.as_ref().is_some_and(|open| Some(open.at) == metrics.address);
        let gone = self.0.iter().map(|open| &**open.admin.listener());
        let new = metrics.address.filter(|_| !same).map(|address| bind(address, gone));
        let new = new.transpose().context("[metrics] address")?;
        Ok(Plan { station, wanted: metrics.address, new })
    }

    /// Serves so from now on. Returns what is to be served anew, until the token says so.
    pub(super) fn adopt(&mut self, plan: Plan, lasting: &Lasting) -> Option<(Arc<Admin>, CancellationToken)> {
        let Plan { station, wanted, new } = plan;
        if let (Some(open), Some(_), None) = (&self.0, wanted, &new) {
            open.pages.watch(station);
            return None;
        }
        if let Some(open) = self.0.take() {
            open.closed.cancel();
        }
        let (at, listener) = wanted.zip(new)?;
        let (pages, closed) = (Pages::of_monitor(station), lasting.end.child_token());
        let admin = Arc::new(Admin::at(listener, pages.clone()));
        info!(address = %admin.address(), "metrics.listening");
        self.0 = Some(Open { at, pages, admin: Arc::clone(&admin), closed: closed.clone() });
        Some((admin, closed))
    }
}
