//! The administration address. It takes the answers of consents (`/oauth/callback`).

mod callback;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use crate::consent::Party;
use crate::store::Store;

/// Finds the token of a name, and how its provider is reached.
pub type Find = Arc<dyn Fn(&str) -> Option<Party> + Send + Sync>;

/// What the pages work on.
#[derive(Clone)]
pub struct Desk {
    /// Where state lives.
    pub store: Arc<dyn Store>,
    /// The token of a name, and how its provider is reached.
    pub find: Find,
}

/// The open address.
pub struct Admin {
    listener: TcpListener,
    router: Router,
}

impl Admin {
    /// Opens the address. Behind a reverse proxy the path prefix of `public_url` may arrive or be cut off: both are served.
    pub async fn open(address: SocketAddr, public_url: Option<&Url>, desk: Desk) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let pages = Router::new().route("/oauth/callback", get(callback::callback));
        let prefix = public_url.map(|url| url.path().trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
        let router = match prefix {
            Some(prefix) => pages.clone().nest(&prefix, pages),
            None => pages,
        };
        Ok(Self { listener, router: router.with_state(desk) })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop; what is being answered then is finished.
    pub async fn serve(self, stop: CancellationToken) {
        let served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(fault) = served {
            warn!(error = %fault, "admin.failed");
        }
    }
}

/// The address that has to be registered at the provider: `public_url` + `oauth/callback`.
#[must_use]
pub fn callback_url(public_url: &Url) -> Url {
    let mut url = public_url.clone();
    url.set_path(&format!("{}/oauth/callback", public_url.path().trim_end_matches('/')));
    url
}
