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
mod monitor;
mod overview;
mod page;
mod pager;
mod problem;
mod replicas;
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
pub use examine::published;
pub use monitor::Station;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::uri::PathAndQuery;
use axum::middleware::{from_fn_with_state, map_request_with_state};
use axum::response::Redirect;
use axum::routing::get;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_layer::Layer as _;

use crate::net::{Address, BindError, Listener, Places};

/// What is served on the administration address. It may be replaced as a whole at any time: the next request gets the new.
#[derive(Clone)]
pub struct Pages(Arc<ArcSwap<Served>>);

/// One configuration's pages.
struct Served {
    tls: Option<Arc<ServerConfig>>,
    router: Router,
}

impl Pages {
    /// Behind a reverse proxy the path prefix of `public_url` may arrive or be cut off: both are served.
    #[must_use]
    pub fn of(desk: &Desk, tls: Option<Arc<ServerConfig>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Served { tls, router: router(desk) })))
    }

    /// These from now on.
    pub fn replace(&self, desk: &Desk, tls: Option<Arc<ServerConfig>>) {
        self.0.store(Arc::new(Served { tls, router: router(desk) }));
    }

    /// What a monitor asks, and nothing else, without TLS.
    #[must_use]
    pub fn of_monitor(station: Station) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Served { tls: None, router: monitor::alone(station) })))
    }

    /// That from now on.
    pub fn watch(&self, station: Station) {
        self.0.store(Arc::new(Served { tls: None, router: monitor::alone(station) }));
    }

    fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.0.load().tls.clone()
    }

    fn router(&self) -> Router {
        self.0.load().router.clone()
    }
}

/// The open address.
pub struct Admin {
    listener: Arc<Listener>,
    pages: Pages,
}

/// Connections at a time. People and a monitor come here, not crowds.
const MOST: usize = 64;
/// What is said to one more.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Admin {
    /// Opens the address.
    pub fn open(address: SocketAddr, pages: Pages) -> Result<Self, BindError> {
        Ok(Self::at(Listener::bind(address)?, pages))
    }

    /// Serves at a socket that is open.
    #[must_use]
    pub fn at(listener: Listener, pages: Pages) -> Self {
        Self { listener: Arc::new(listener), pages }
    }

    /// The socket.
    #[must_use]
    pub const fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.listener.address()
    }

    /// Serves until told to stop; what is being answered then is finished.
    pub async fn serve(&self, stop: CancellationToken) {
        let visits = TaskTracker::new();
        let places = Places::new(MOST);
        let admit = |accepted| drop(visits.spawn(visit::serve(accepted, self.pages.clone(), stop.clone())));
        self.listener.serve(|peer| places.take_for(peer), || FULL.to_vec(), stop.clone(), admit).await;
        visits.close();
        visits.wait().await;
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
        // Said here, so that it has the layers too when the monitor's routes are merged in.
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(from_fn_with_state(desk.clone(), guard::finished))
        .layer(from_fn_with_state(desk.clone(), problem::explain))
        .layer(from_fn_with_state(desk.clone(), guard::guard))
        .with_state(desk.clone())
        .merge(monitor::routes(desk));
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
