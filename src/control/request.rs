use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What may be asked of a running service.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// How it is.
    Status,
    /// Tells what is said in sessions, until it ends by itself or the asker leaves.
    Trace {
        /// Of this account.
        account: Option<String>,
        /// Of clients at this address.
        address: Option<IpAddr>,
        /// For so long.
        minutes: u32,
    },
    /// Shows what is logged, after it was changed where something is given.
    Log {
        /// Shown from now on instead of what is configured.
        level: Option<String>,
        /// For so long.
        minutes: Option<u32>,
        /// What is configured is shown again.
        reset: bool,
    },
    /// Read the configuration again.
    Reload,
}
