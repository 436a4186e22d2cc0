//! What only the composition root knows, for those who look whether mail is flowing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::live::Live;
use crate::account::{HeldBack, Limit};
use crate::health::{Blocked, Facts, Listening, Upstream};
use crate::metrics::{MOST_NAMES, Sheet};
use crate::upstream::{Roads, Seen, Server};

/// Has health ask the service for them, as long as there is one.
pub(super) fn told_by(live: &Arc<Live>) {
    let asked = Arc::downgrade(live);
    live.lasting.health.learn(move || asked.upgrade().map(|live| facts(&live)).unwrap_or_default());
    let roads = Arc::downgrade(&live.lasting.roads);
    live.lasting.activity.metrics.read_also(move |sheet| roads.upgrade().iter().for_each(|roads| ready(roads, sheet)));
}

/// How many connections are kept ready; of two ways to the same server together.
fn ready(roads: &Roads, sheet: &mut Sheet) {
    let mut counts = BTreeMap::<_, u64>::new();
    for Seen { server, ready, .. } in roads.look() {
        *counts.entry((server.provider.clone(), shown(&server))).or_default() += ready as u64;
    }
    for ((provider, host), count) in counts.iter().take(MOST_NAMES) {
        sheet.count("gatepost_upstream_ready_connections", &[("provider", provider), ("host", host)], *count);
    }
}

fn shown(server: &Server) -> String {
    format!("{}:{}", server.host, server.port)
}

fn facts(live: &Live) -> Facts {
    let generation = live.generation.load();
    let certificate = generation.certificate.as_ref().and_then(|certificate| certificate.server.life());
    Facts {
        listeners: live.doors().iter().map(|door| listening(door)).collect(),
        sessions_max: generation.config.limits.sessions,
        hashes: generation.service.verifier.load(),
        certificate_ends: certificate.map(|(_, ends)| ends),
        closing: live.lasting.leaving.is_cancelled(),
        configuration: generation.digests.clone(),
        upstreams: upstreams(live),
        blocked: live.lasting.throttle.held_back().iter().map(blocked).collect(),
    }
}

fn listening(door: &super::doors::Door) -> Listening {
    let (protocol, address) = door.address();
    Listening { protocol: protocol.name().to_owned(), address: address.to_string() }
}

/// One line each, though a change of the configuration may have left two ways to the same.
fn upstreams(live: &Live) -> Vec<Upstream> {
    let mut all: Vec<_> = live.lasting.roads.look().into_iter().map(upstream).collect();
    all.dedup_by(|a, b| (&a.provider, &a.host) == (&b.provider, &b.host));
    all
}

fn upstream(Seen { server, dead, .. }: Seen) -> Upstream {
    let fault = dead.map(|(lasts, cause)| format!("for {} s: {cause}", lasts.as_secs()));
    let (provider, host) = (server.provider.clone(), shown(&server));
    Upstream { provider, host, up: fault.is_none(), fault }
}

fn blocked(held: &HeldBack) -> Blocked {
    let HeldBack { limit, account, address, wait } = held;
    let what = match limit {
        Limit::Address => "address",
        Limit::Login => "login",
        Limit::Account => "account",
    };
    let address = address.map(|address| address.to_string());
    let who = match (account, address) {
        (Some(account), Some(address)) => format!("{account} from {address}"),
        (account, address) => account.clone().or(address).unwrap_or_default(),
    };
    Blocked { what: what.to_owned(), who, seconds: wait.as_secs() }
}
