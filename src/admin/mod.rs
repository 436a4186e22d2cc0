//! The administration address: the pages, and the answers of consents (`/oauth/callback`).
//!
//! Pages are made here from what the other rooms know; nothing is decided here that the command line would decide otherwise.
//! Each section has a module with its routes. They work without scripts, which only improve them.

mod accounts;
mod address;
mod api;
mod assets;
mod audit;
mod authorize;
mod callback;
mod confirm;
mod deed;
mod desk;
mod draw;
mod events;
mod examine;
mod figures;
mod form;
mod guard;
pub mod keys;
mod overview;
mod page;
mod pager;
mod problem;
mod sessions;
pub mod sign_in;
#[cfg(test)]
mod tests;
mod tokens;
mod typed;
mod visit;
mod visitor;
mod words;

pub use desk::Desk;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::middleware::{from_fn_with_state, map_request_with_state};
use axum::response::Redirect;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_layer::Layer as _;
use tracing::warn;

use crate::net::{Address, BindError, Listener};

/// The open address.
pub struct Admin {
    listener: Listener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    desk: Desk,
}

/// Connections at a time. People and a monitor come here, not crowds.
const MOST: usize = 64;
/// What is said to one more.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Admin {
    /// Opens the address, with TLS where that is given. Behind a reverse proxy the path prefix of `public_url` may arrive or be cut
    /// off: both are served.
    pub fn open(address: SocketAddr, tls: Option<Arc<ServerConfig>>, desk: &Desk) -> Result<Self, BindError> {
        let listener = Listener::bind(address)?;
        Ok(Self { listener, tls, router: router(desk), desk: desk.clone() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &Address {
        self.listener.address()
    }

    /// Serves until told to stop; what is being answered then is finished.
    pub async fn serve(self, stop: CancellationToken) {
        let Self { listener, tls, router, desk } = self;
        if let Err(fault) = desk.devices.resume().await {
            warn!(error = %fault, "store.failed");
        }
        let visits = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(MOST));
        let admit = |accepted| drop(visits.spawn(visit::serve(accepted, tls.clone(), router.clone(), stop.clone())));
        listener.serve(permits, FULL.to_vec(), stop.clone(), admit).await;
        visits.close();
        visits.wait().await;
        desk.rounds.ended().await;
        desk.devices.ended().await;
    }
}

/// All pages, with and without the path prefix: a reverse proxy may cut it off or not. What is merged into `closed` is for those
/// alone who are signed in, whatever its handlers ask for.
fn router(desk: &Desk) -> Router {
    let closed = Router::new()
        .merge(overview::routes())
        .merge(accounts::routes())
        .merge(keys::routes())
        .merge(sessions::routes())
        .merge(events::routes())
        .merge(audit::routes())
        .merge(authorize::routes())
        .merge(examine::routes())
        .merge(sign_in::routes())
        .merge(tokens::routes())
        .route_layer(from_fn_with_state(desk.clone(), guard::signed_in));
    let open = Router::new()
        .route("/oauth/callback", get(callback::callback))
        .merge(api::routes(desk))
        .merge(assets::routes())
        .merge(sign_in::open_routes());
    let pages = closed
        .merge(open)
        .layer(from_fn_with_state(desk.clone(), problem::explain))
        .layer(from_fn_with_state(desk.clone(), guard::guard))
        .with_state(desk.clone());
    // Before a route is chosen, so around the router and not a layer of it.
    Router::new().fallback_service(map_request_with_state(Arc::<str>::from(desk.root()), without_prefix).layer(pages))
}

async fn without_prefix(State(root): State<Arc<str>>, mut request: Request) -> Result<Request, Redirect> {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let Some(rest) = target.strip_prefix(&*root).filter(|_| !root.is_empty()) else { return Ok(request) };
    if rest.is_empty() {
        return Err(Redirect::permanent(&format!("{root}/")));
    }
    if let Some(rest) = rest.starts_with('/').then(|| rest.parse().ok()).flatten() {
        *request.uri_mut() = rest;
    }
    Ok(request)
}
