//! What a monitor asks: `/healthz`, `/readyz` and `/metrics`, on the address of the pages and, where one is configured, on an
//! address of its own.
//!
//! Whether it lives and whether it is ready is told to everybody; names and numbers to those alone who come from a network that
//! may read them, or bring a key of the API.

mod ready;
#[cfg(test)]
mod tests;
mod who;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;
use serde::Deserialize;
use tower_http::set_header::SetResponseHeaderLayer;

use super::Desk;
use crate::health::{Health, OF_THE_STORE};
use crate::metrics::Format;

/// Who is asked, and who may hear all.
#[derive(Clone)]
pub struct Station {
    health: Arc<Health>,
    networks: Arc<[IpNet]>,
    /// This machine's name.
    hostname: Arc<str>,
    /// The pages beside it, with their keys.
    desk: Option<Desk>,
}

impl Station {
    /// On an address of its own.
    #[must_use]
    pub fn new(health: Arc<Health>, networks: &[IpNet], hostname: &str) -> Self {
        Self { health, networks: networks.into(), hostname: hostname.into(), desk: None }
    }

    /// Beside the pages.
    fn of(desk: &Desk) -> Self {
        let station = Self::new(Arc::clone(&desk.health), &desk.config.metrics.networks, &desk.hostname);
        Self { desk: Some(desk.clone()), ..station }
    }
}

/// `?exclude=tokens`, several with commas between them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    exclude: String,
}

pub(super) fn routes(desk: &Desk) -> Router {
    of(Station::of(desk))
}

/// On an address of its own.
pub(super) fn alone(station: Station) -> Router {
    of(station).fallback(async || (StatusCode::NOT_FOUND, "There is /healthz, /readyz and /metrics.\n"))
}

fn of(station: Station) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(station)
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

async fn readyz(State(station): State<Station>, Query(asked): Query<Asked>, head: Parts) -> Response {
    let all = station.may_hear_all(&head).await;
    let left_out: Vec<_> = asked.exclude.split(',').map(str::trim).collect();
    // A load balancer asks so: a database that stands still must not make a replica look dead.
    let checks = if OF_THE_STORE.iter().all(|name| left_out.contains(name)) {
        station.health.own_checks()
    } else {
        station.health.look().await.checks.clone()
    };
    let checks = checks.into_iter().filter(|check| !left_out.contains(&check.name.as_str()));
    let checks: Vec<_> = checks.map(|check| if all { check } else { check.in_brief() }).collect();
    ready::answer(&checks, accept(&head).contains("application/json"))
}

async fn metrics(State(station): State<Station>, head: Parts) -> Response {
    if !station.may_hear_all(&head).await {
        return refusal();
    }
    let format = Format::wanted(&accept(&head));
    ([(CONTENT_TYPE, format.content_type())], station.health.metrics(format).await).into_response()
}

/// All lines of it are one.
fn accept(head: &Parts) -> String {
    let lines = head.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.collect::<Vec<_>>().join(",")
}

fn refusal() -> Response {
    let text = "Metrics are for the networks of `networks` in [metrics], and for keys of the API.\n\
                Add the monitor's network there, or make a key with the scope read (`gatepost admin key add`) and send it as\n\
                `Authorization: Bearer gpk_...`.\n";
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], text).into_response()
}
