use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a replica says of itself to the others. Nothing in it is a secret. Another version may say more or less.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Facts {
    /// The process.
    pub pid: u32,
    /// Sessions that are logged in, by protocol.
    pub sessions: BTreeMap<String, u64>,
    /// Connections that are not logged in yet.
    pub before_login: u64,
    /// Messages and other work that a stop waits for.
    pub under_way: u64,
    /// Nobody is let in any more.
    pub stopping: bool,
    /// What is wrong there and not everywhere, in words; the first few.
    pub wrong: Vec<String>,
    /// Each part of its configuration that all should have in common, as a short digest.
    pub configuration: BTreeMap<String, String>,
}

/// So much of what is wrong is told to the others, and each so long, in characters.
const MOST_WRONG: usize = 5;
const LONGEST: usize = 200;

impl Facts {
    /// The same, no longer than others want to read.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.wrong.truncate(MOST_WRONG);
        for text in &mut self.wrong {
            *text = text.chars().take(LONGEST).collect();
        }
        self
    }

    /// What a replica has said. One that cannot be read says nothing.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str::<Self>(json).unwrap_or_default().bounded()
    }

    /// Parts of the configuration in which another one differs. While not all have the same keys of the store, nothing can be
    /// compared.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let (own, other) = (&self.configuration, &other.configuration);
        if own.is_empty() || own.get(KEY) != other.get(KEY) {
            return Vec::new();
        }
        let parts: std::collections::BTreeSet<_> = own.keys().chain(other.keys()).collect();
        parts.into_iter().filter(|part| own.get(*part) != other.get(*part)).cloned().collect()
    }
}

/// The digest of nothing, by which one sees whether digests were made by the same key.
const KEY: &str = "";
