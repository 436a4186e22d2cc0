//! Connections kept ready: a provider is some round trips away, and all that is said before somebody is named can be said before
//! anybody comes.
//!
//! Invariants: nobody was named on such a connection, so it is anybody's; it serves whoever has the same trust and says the same
//! name in EHLO, and is given to nobody else; the first word that a server says on it unasked is its end. Where one turns out to
//! be dead when somebody presents itself, a connection of its own takes its place, and nobody hears of it. They are made behind
//! all logins ([`Roads::spare`]), and of what becomes of them nothing is learnt about the server.

mod shelf;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::rustls::ClientConfig;
use tracing::debug;

use shelf::Made;
pub use shelf::ReadySettings;
pub(super) use shelf::Shelf;

use super::leave::Leave;
use super::login::{Limits, Manner, NewCore, Target, Upstream, UpstreamError};
use super::open::Opened;
use super::roads::{Roads, Server, State};
use crate::metrics::{Took, Way};
use crate::model::{AccessToken, Endpoint, Provider};
use crate::net::Link;
use crate::proto::UpstreamLogin;
use crate::proto::sasl::Mechanism;

/// A connection that is kept ready, and for whom.
#[derive(Debug)]
pub(super) struct Ready {
    opened: Opened,
    /// By whose judgement its server is who it should be.
    trust: Arc<ClientConfig>,
    /// What was said in EHLO.
    ehlo: String,
    goodbye: &'static str,
}

/// The share of a login's time that the answer on a connection kept ready may take: a dead one may swallow what is said, and
/// another one takes its time, too.
const SHARE: u32 = 4;

/// How long saying goodbye may take.
const PARTING: Duration = Duration::from_secs(2);

impl Ready {
    /// Whether the server has said nothing since, and not gone. What TLS alone says is heard on the way.
    async fn is_silent(&mut self) -> bool {
        let mut octet = [0];
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut octet);
            Poll::Ready(Pin::new(&mut self.opened.link.stream).poll_read(cx, &mut buffer).is_pending())
        })
        .await
    }

    async fn part(self) {
        let link: &mut Link = &mut { self.opened.link };
        link.patience = PARTING;
        if link.send(self.goodbye.as_bytes()).await.is_ok() {
            link.close().await;
        }
    }
}

impl Target<'_> {
    /// Logs in on a connection that is kept ready, where there is one, and has others made as they are used.
    pub(super) async fn enter_by_ready<U: UpstreamLogin>(
        &self,
        token: &AccessToken,
        core: NewCore<U>,
        leave: &Leave,
    ) -> Option<Result<Upstream<U::Ready>, UpstreamError>> {
        if self.manner == Manner::Examination {
            return None;
        }
        let ready = self.take_ready(leave).await;
        self.replenish(core, leave);
        let opened = Opened { took: Took { way: Way::Ready, ..Took::default() }, ..ready? };
        let presenting = timeout(self.limits.login / SHARE, self.present::<U>(opened, token, leave)).await;
        let entered = presenting.unwrap_or_else(|_| Err(self.slow()));
        match &entered {
            Err(fault) if fault.ends_connection() => {
                self.roads.ready_refused(leave.server(), fault);
                return None;
            }
            _ => self.roads.ready_served(leave.server()),
        }
        Some(entered)
    }

    /// The oldest that is good for this login.
    async fn take_ready(&self, leave: &Leave) -> Option<Opened> {
        while let Some(mut ready) = self.roads.take_ready(leave.server()) {
            let fits = Arc::ptr_eq(&ready.trust, self.trust) && ready.ehlo == self.ehlo;
            if !fits {
                self.roads.part(vec![ready]);
            } else if ready.is_silent().await {
                return Some(ready.opened);
            } else {
                self.roads.ready_refused(leave.server(), &"it was ended, or spoken on, before anybody came");
            }
        }
        None
    }

    /// Has as many made as are missing.
    fn replenish<U: UpstreamLogin>(&self, core: NewCore<U>, leave: &Leave) {
        for _ in 0..self.roads.missing_ready(leave.server()) {
            let errand = Errand {
                server: Arc::clone(leave.server()),
                endpoint: self.endpoint.clone(),
                mechanism: self.mechanism,
                provider: Arc::clone(self.provider),
                roads: Arc::clone(self.roads),
                trust: Arc::clone(self.trust),
                ehlo: self.ehlo.to_owned(),
                limits: self.limits,
            };
            let ending = self.roads.ending.clone();
            // Boxed: of a connection nothing stays in the future of whoever had it made.
            let made = Box::pin(async move { ending.run_until_cancelled(errand.run(core)).await });
            self.roads.tasks.spawn(made);
        }
    }
}

/// A connection is to be made ready.
struct Errand {
    server: Arc<Server>,
    endpoint: Endpoint,
    mechanism: Mechanism,
    provider: Arc<Provider>,
    roads: Arc<Roads>,
    trust: Arc<ClientConfig>,
    ehlo: String,
    limits: Limits,
}

impl Errand {
    async fn run<U: UpstreamLogin>(self, core: NewCore<U>) {
        let Some(place) = self.roads.spare(&self.server) else { return self.roads.ready_not_made(&self.server) };
        let opening = timeout(self.limits.login, self.target().open(core, None)).await;
        drop(place);
        let opened = match opening.unwrap_or_else(|_| Err(self.target().slow())) {
            Ok(opened) => opened,
            Err(UpstreamError::Dial(fault)) if fault.is_own() => return self.roads.ready_not_made(&self.server),
            Err(fault) => {
                self.roads.ready_not_made(&self.server);
                return self.roads.ready_refused(&self.server, &fault);
            }
        };
        let Self { server, roads, trust, ehlo, .. } = self;
        // What stands behind its greeting is nobody's answer.
        if !opened.input.is_empty() {
            roads.ready_not_made(&server);
            return roads.ready_refused(&server, &"it said more than its greeting");
        }
        roads.ready_made(&server, Ready { opened, trust, ehlo, goodbye: U::GOODBYE });
    }

    fn target(&self) -> Target<'_> {
        Target {
            endpoint: &self.endpoint,
            mechanism: self.mechanism,
            provider: &self.provider,
            roads: &self.roads,
            manner: Manner::Session,
            trust: &self.trust,
            user: "",
            ehlo: &self.ehlo,
            limits: self.limits,
            tracer: None,
        }
    }
}

impl Roads {
    /// A connection was made in this time, by a login that had none ready.
    pub(super) fn ready_cost(&self, server: &Server, took: Duration) {
        self.with(server, |state| state.shelf.cost(took));
    }

    fn take_ready(&self, server: &Server) -> Option<Ready> {
        self.with(server, |state| state.shelf.take())?
    }

    fn missing_ready(&self, server: &Server) -> usize {
        let settings = self.settings().ready;
        let missing = |state: &mut State| state.is_well().then(|| state.shelf.missing(Instant::now(), settings));
        if self.ending.is_cancelled() { 0 } else { self.with(server, missing).flatten().unwrap_or_default() }
    }

    fn ready_made(self: &Arc<Self>, server: &Arc<Server>, ready: Ready) {
        let settings = self.settings().ready;
        let Took { connect, tls, login, .. } = ready.opened.took;
        let mut ready = Some(ready);
        let made = self.with(server, |state| {
            state.shelf.cost(connect + tls + login);
            Some(state.shelf.made(Instant::now(), settings, ready.take()?))
        });
        match made.flatten() {
            Some(Made::First) => {
                let (roads, server) = (Arc::clone(self), Arc::clone(server));
                self.tasks.spawn(async move { roads.give_up_in_time(&server).await });
            }
            Some(Made::Kept) => {}
            Some(Made::TooMany(ready)) => self.part(vec![ready]),
            None => self.part(ready.into_iter().collect()),
        }
    }

    fn ready_not_made(&self, server: &Server) {
        self.with(server, |state| state.shelf.not_made());
    }

    fn ready_served(&self, server: &Server) {
        self.with(server, |state| state.shelf.served());
    }

    fn ready_refused(self: &Arc<Self>, server: &Server, why: &dyn std::fmt::Display) {
        let Some((given_up, rest)) = self.with(server, |state| state.shelf.refused(Instant::now())) else { return };
        let Server { provider, host, port, .. } = server;
        debug!(provider, host, port, seconds = rest.as_secs(), reason = %why, "upstream.ready_paused");
        self.part(given_up);
    }

    /// Waits for as long as there are some; whoever makes the next one begins anew.
    async fn give_up_in_time(self: &Arc<Self>, server: &Server) {
        loop {
            let lasts = self.settings().ready.lasts;
            let looked = self.with(server, |state| state.shelf.expired(Instant::now(), lasts));
            let Some((expired, next)) = looked else { return };
            self.part(expired);
            let Some(next) = next else { return };
            if self.ending.run_until_cancelled(sleep_until(next)).await.is_none() {
                return;
            }
        }
    }

    /// Says goodbye on connections that nobody needs.
    pub(super) fn part(&self, given_up: Vec<Ready>) {
        if !given_up.is_empty() {
            let parting = async move {
                for ready in given_up {
                    ready.part().await;
                }
            };
            drop(self.tasks.spawn(parting));
        }
    }

    /// No connection is kept ready or made so any more.
    pub fn close(&self) {
        self.ending.cancel();
        self.part(self.clear_ready());
        self.tasks.close();
    }

    /// Until all are closed after that.
    pub async fn all_closed(&self) {
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
