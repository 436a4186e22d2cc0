use serde::{Deserialize, Serialize};

/// What may be asked of a running service.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// How it is.
    Status,
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
