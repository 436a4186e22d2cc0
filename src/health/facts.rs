use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::account::Load;
use crate::activity::Activity;
use crate::lifecycle::Busy;
use crate::registry::Registry;
use crate::replicas::Replicas;
use crate::share::Shares;
use crate::store::Store;
use crate::submit::gate::Gate;

/// Where the facts are.
pub struct Sources {
    /// Where state lives.
    pub store: Arc<dyn Store>,
    /// What is declared.
    pub registry: Arc<Registry>,
    /// What is going on.
    pub activity: Arc<Activity>,
    /// Who waits for a mailbox.
    pub gate: Arc<Gate>,
    /// Work that a stop waits for.
    pub busy: Busy,
    /// Who else serves.
    pub replicas: Arc<Replicas>,
    /// What this one has of limits that hold over all of them; none where there is only one.
    pub shares: Option<Arc<Shares>>,
    /// Since when the service runs.
    pub started: DateTime<Utc>,
}

/// What another configuration makes anew, or only the composition root knows.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Open listening sockets.
    pub listeners: Vec<Listening>,
    /// Sessions at a time.
    pub sessions_max: u64,
    /// Password hashes.
    pub hashes: Load,
    /// When the certificate of the listeners ends.
    pub certificate_ends: Option<DateTime<Utc>>,
    /// A stop has begun: whoever can be sent elsewhere is.
    pub closing: bool,
    /// The mail servers that were tried.
    pub upstreams: Vec<Upstream>,
    /// Each part of the configuration that all replicas should have in common, as a short digest.
    pub configuration: BTreeMap<String, String>,
    /// Who is refused for a while, those who wait longest first.
    pub blocked: Vec<Blocked>,
}

/// An open listening socket.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// What is spoken there.
    pub protocol: String,
    /// Where.
    pub address: String,
}

/// Somebody who is refused for a while after failed logins.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// `address`, `login` (an account from an address) or `account`.
    pub what: String,
    /// Which; an account may be what was typed as one.
    pub who: String,
    /// For so long.
    pub seconds: u64,
}

/// A mail server of a provider.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Whose.
    pub provider: String,
    /// Its name and port.
    pub host: String,
    /// Whether it can be reached.
    pub up: bool,
    /// What became of the last attempt, where it cannot.
    pub fault: Option<String>,
}
