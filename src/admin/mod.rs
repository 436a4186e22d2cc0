//! The administration address. It takes the answers of consents (`/oauth/callback`).

mod callback;
#[cfg(test)]
mod tests;
mod visit;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::consent::Find;
use crate::lifecycle::Busy;
use crate::net::{Address, BindError, Listener};
use crate::store::Store;

/// What the pages work on.
#[derive(Clone)]
pub struct Desk {
    /// Where state lives.
    pub store: Arc<dyn Store>,
    /// The token of a name, and how its provider is reached.
    pub find: Find,
    /// A stop waits for what is being redeemed: a code is good once.
    pub busy: Busy,
}

/// The open address.
pub struct Admin {
    listener: Listener,
    router: Router,
}

/// Connections at a time. People and a monitor come here, not crowds.
const MOST: usize = 64;
/// What is said to one more.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Admin {
    /// Opens the address. Behind a reverse proxy the path prefix of `public_url` may arrive or be cut off: both are served.
    pub fn open(address: SocketAddr, public_url: Option<&Url>, desk: Desk) -> Result<Self, BindError> {
        let listener = Listener::bind(address)?;
        let pages = Router::new().route("/oauth/callback", get(callback::callback));
        let prefix = public_url.map(|url| url.path().trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
        let router = match prefix {
            Some(prefix) => pages.clone().nest(&prefix, pages),
            None => pages,
        };
        Ok(Self { listener, router: router.with_state(desk) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &Address {
        self.listener.address()
    }

    /// Serves until told to stop; what is being answered then is finished.
    pub async fn serve(self, stop: CancellationToken) {
        let Self { listener, router } = self;
        let visits = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(MOST));
        let admit = |accepted| drop(visits.spawn(visit::serve(accepted, router.clone(), stop.clone())));
        listener.serve(permits, FULL.to_vec(), stop.clone(), admit).await;
        visits.close();
        visits.wait().await;
    }
}
