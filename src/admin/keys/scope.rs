use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a key of the API may be used for. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See tokens, accounts, sessions and events.
    Read,
    /// Begin consents, and see what became of them.
    Authorize,
    /// Examine accounts and refresh tokens.
    Test,
    /// Disable and enable tokens and accounts, end sessions.
    Manage,
}

/// What is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0:?}; there are: read, authorize, test, manage")]
pub struct NoScope(String);

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Authorize, Self::Test, Self::Manage];

    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Authorize => "authorize",
            Self::Test => "test",
            Self::Manage => "manage",
        }
    }

    /// In a sentence without its full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Read => "see tokens, accounts, sessions and events",
            Self::Authorize => "begin consents and see what became of them",
            Self::Test => "examine accounts and refresh tokens",
            Self::Manage => "disable and enable tokens and accounts, end sessions",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| NoScope(text.chars().take(40).collect()))
    }
}
