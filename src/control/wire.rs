use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line that asks, in octets.
pub(super) const LONGEST: usize = 65_536;

/// A line of an answer.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// Something of what was asked for.
    Told(Value),
    /// How it ended; nothing follows.
    Ended(End),
}

/// How an answer ended.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct End {
    /// What the command exits with; 0 is well.
    pub(super) code: u8,
    /// Why it did not end well.
    #[serde(default)]
    pub(super) text: String,
}
