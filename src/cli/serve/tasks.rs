//! What goes on in the background. Whatever breaks there is told and taken up again; nothing of it ends the service.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::super::control as asked;
use super::super::log::Logging;
use super::super::tls;
use super::doors::Door;
use super::live::Live;
use crate::admin::Admin;
use crate::control::Control;
use crate::lifecycle::{Caught, Panicked, kept, systemd};
use crate::net::{Accepted, Peer};
use crate::session::{self, Member};

/// All that does not belong to a socket.
pub(super) fn background(live: &Arc<Live>) {
    let changing = Arc::downgrade(live);
    live.lasting.registry.on_change(move |before, now| {
        if let Some(live) = changing.upgrade() {
            live.changed(before, now);
        }
    });
    let keep = |name, work: fn(Arc<Live>, CancellationToken) -> Work| {
        let (live, end) = (Arc::clone(live), live.lasting.end.clone());
        let stop = end.clone();
        live.tasks.clone().spawn(kept(name, stop, move || work(Arc::clone(&live), end.clone())));
    };
    keep("refresher", |live, end| Box::pin(live.lasting.tokens.clone().refresh_ahead(end)));
    keep("expiry watch", |live, end| Box::pin(live.lasting.tokens.clone().watch_expiry(end)));
    keep("notifier", |live, end| Box::pin(async move { live.lasting.notifier.run(end).await }));
    keep("password watch", |live, end| {
        let declared = live.lasting.declared.subscribe();
        Box::pin(Arc::clone(&live.generation.load().service).watch_passwords(declared, end))
    });
    keep("password uses", |live, end| {
        let store = Arc::clone(&live.lasting.store);
        Box::pin(Arc::clone(&live.lasting.activity).keep(store, end))
    });
    keep("replicas", |live, end| {
        let (facts, replicas) = (Arc::downgrade(&live), Arc::clone(&live.lasting.replicas));
        let facts = move || facts.upgrade().map(|live| live.lasting.health.said()).unwrap_or_default();
        Box::pin(async move { replicas.keep(facts, end).await })
    });
    keep("registry", |live, end| Box::pin(async move { live.lasting.registry.follow(end).await }));
    keep("shares", |live, end| {
        Box::pin(async move {
            match &live.lasting.shares {
                Some(shares) => Arc::clone(shares).keep(end).await,
                None => end.cancelled().await,
            }
        })
    });
    keep("throttle", |live, end| Box::pin(gossip(live, end)));
    keep("log", |_, end| {
        Box::pin(async move {
            match Logging::of_process() {
                Some(logging) => logging.keep(end).await,
                None => end.cancelled().await,
            }
        })
    });
    keep("watchdog", |live, end| Box::pin(watchdog(live, end)));
    keep("certificate watch", |live, end| {
        let declared = live.lasting.declared.subscribe();
        Box::pin(tls::watch(move || certificate(&live), declared, end))
    });
}

/// systemd starts the service anew where this does not come: the runtime makes no progress, or the store does not answer.
async fn watchdog(live: Arc<Live>, end: CancellationToken) {
    let Some(every) = systemd::watchdog() else { return end.cancelled().await };
    let pause = every / 4;
    loop {
        // A store that says what is wrong with it answers.
        if timeout(pause, live.lasting.store.deeds(None, 1)).await.is_ok() {
            systemd::well();
        } else {
            warn!(seconds = pause.as_secs(), "store.slow");
        }
        if end.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Between two words to other replicas of who was wrong.
const GOSSIP: Duration = Duration::from_secs(1);

/// Tells other replicas of failed logins. What cannot be said is not kept: each counts its own all the same.
async fn gossip(live: Arc<Live>, end: CancellationToken) {
    let (store, throttle) = (&live.lasting.store, &live.lasting.throttle);
    if !store.is_shared() {
        return end.cancelled().await;
    }
    while end.run_until_cancelled(throttle.has_unsaid()).await.is_some() {
        let words = throttle.unsaid();
        if !words.is_empty() {
            drop(store.say(words).await);
        }
        if end.run_until_cancelled(sleep(GOSSIP)).await.is_none() {
            return;
        }
    }
}

type Work = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The certificate that serves, and how often its files are looked at.
fn certificate(live: &Live) -> (Option<Arc<crate::net::ServerCertificate>>, Duration) {
    let generation = live.generation.load();
    let every = Duration::from_secs(generation.config.limits.certificate_check_seconds);
    (generation.certificate.as_ref().map(|certificate| Arc::clone(&certificate.server)), every)
}

/// Lets clients in, until the door is closed. Those who are still before it then are let in, unless the whole service closes:
/// with systemd's sockets, the next one lets them in.
pub(super) fn door(live: &Arc<Live>, door: &Arc<Door>) {
    let (live, door) = (Arc::clone(live), Arc::clone(door));
    let (tasks, stop) = (live.tasks.clone(), door.closed.clone());
    tasks.spawn(kept("listener", stop, move || {
        let (live, door) = (Arc::clone(&live), Arc::clone(&door));
        async move {
            let refusal = || session::refusal(&door.frontend.load(), door.listener.address().ip());
            let enter = |accepted| enter(&live, &door, accepted);
            let listener = &door.listener;
            let place = |peer: &Peer| {
                live.lasting.crowd.join(peer, door.frontend.load().is_proxy(peer.ip())).ok().map(Box::new)
            };
            listener.serve(place, refusal, door.closed.clone(), enter).await;
            if !live.lasting.closing.is_cancelled() {
                listener.serve_the_last(place, refusal, enter).await;
            }
        }
    }));
}

/// One session. Whatever breaks in it ends it alone.
fn enter(live: &Live, door: &Door, accepted: Accepted<Box<Member>>) {
    let (frontend, peer) = (door.frontend.load_full(), accepted.peer);
    let protocol = frontend.protocol;
    let session = Caught::new(session::run(frontend, accepted));
    live.tasks.spawn(async move {
        if let Err(Panicked { place }) = session.await {
            error!(%protocol, %peer, place, "session.panicked");
        }
    });
}

/// Answers commands until told to stop.
pub(super) fn control(live: &Arc<Live>, control: Control) {
    let (control, handler) = (Arc::new(control), asked::handler(Arc::new(asked::Parts::new(live))));
    let end = live.lasting.end.clone();
    live.tasks.spawn(kept("control", end.clone(), move || {
        let (control, handler, end) = (Arc::clone(&control), Arc::clone(&handler), end.clone());
        async move { control.serve(handler, end).await }
    }));
}

/// Serves the pages until told to stop.
pub(super) fn pages(live: &Live, admin: Arc<Admin>, stop: CancellationToken) {
    let closed = stop.clone();
    live.tasks.spawn(kept("pages", closed, move || {
        let (admin, stop) = (Arc::clone(&admin), stop.clone());
        async move { admin.serve(stop).await }
    }));
}
