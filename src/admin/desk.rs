use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::keys::Ring;
use super::sign_in::{Porter, base};
use crate::activity::Activity;
use crate::config::Config;
use crate::consent::{Devices, Find};
use crate::doctor::{Doctor, Rounds};
use crate::health::Health;
use crate::lifecycle::Busy;
use crate::net::ServerCertificate;
use crate::registry::Registry;
use crate::store::Store;
use crate::token::Tokens;

/// What the pages work on. Cheap to clone: every request has its own.
#[derive(Clone)]
pub struct Desk {
    /// Where state lives.
    pub store: Arc<dyn Store>,
    /// What the service was started with.
    pub config: Arc<Config>,
    /// What is declared, and every change of it.
    pub registry: Arc<Registry>,
    /// Whether mail is flowing.
    pub health: Arc<Health>,
    /// What is going on.
    pub activity: Arc<Activity>,
    /// Token life.
    pub tokens: Tokens,
    /// Who examines accounts.
    pub doctor: Doctor,
    /// What is examined while pages look on.
    pub rounds: Rounds,
    /// Device codes that are polled for.
    pub devices: Devices,
    /// The token of a name, and how its provider is reached.
    pub find: Find,
    /// Who lets administrators in.
    pub porter: Arc<Porter>,
    /// The keys of the API.
    pub ring: Arc<Ring>,
    /// A stop waits for what is being redeemed: a code is good once.
    pub busy: Busy,
    /// The certificate of the listeners with TLS.
    pub certificate: Option<Arc<ServerCertificate>>,
    /// Ends answers that go on and on.
    pub stop: CancellationToken,
    /// This machine's name, as clients and people know it.
    pub hostname: Arc<str>,
    /// Since when the service runs.
    pub started: DateTime<Utc>,
}

impl Desk {
    /// Waits until nothing of what pages began goes on any more. Only of use after the stop.
    pub async fn ended(&self) {
        self.rounds.ended().await;
        self.devices.ended().await;
    }

    /// How browsers reach the pages: `public_url`, or else the address on this machine.
    #[must_use]
    pub fn public_url(&self) -> Option<Url> {
        let admin = self.config.admin.as_ref()?;
        base(admin, admin.address.port())
    }

    /// What stands before every path of ours in a browser's address: empty, or the path prefix of `public_url` without its last
    /// slash.
    #[must_use]
    pub fn root(&self) -> String {
        let public = self.config.admin.as_ref().and_then(|admin| admin.public_url.as_ref());
        public.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    }
}
