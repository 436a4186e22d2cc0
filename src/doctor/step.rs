use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::Protocol;

/// One step of an examination, over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Step {
    /// Whose.
    pub account: String,
    /// By which protocol; none where it is about the account as a whole.
    pub protocol: Option<Protocol>,
    /// Which link of the chain.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took; nothing where it was known already.
    pub took: Duration,
    /// It was told before, in another chain.
    pub known: bool,
    /// What was found: one printable line.
    pub detail: String,
    /// What to do; always there where something failed.
    pub advice: Option<Advice>,
}

impl Step {
    /// As programs read it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "account": self.account,
            "protocol": self.protocol.map(Protocol::name),
            "step": self.stage.name(),
            "outcome": self.outcome.name(),
            "ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "known": self.known,
            "detail": self.detail,
            "cause": self.advice.as_ref().map(|advice| &advice.cause),
            "remedy": self.advice.as_ref().map(|advice| &advice.remedy),
        })
    }
}

/// Why, and what now. Each is one line without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Advice {
    /// Why it is so.
    pub cause: String,
    /// The next step.
    pub remedy: String,
}

/// A link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Stage {
    /// The account itself.
    Account,
    /// The addresses of the server.
    Dns,
    /// A connection to it.
    Tcp,
    /// TLS on that connection, with the certificate checked.
    Tls,
    /// The token.
    Token,
    /// The login.
    Sasl,
    /// A command that changes nothing.
    Command,
    /// The sender of a test message.
    Mail,
    /// Its recipient.
    Rcpt,
    /// The announcement of its text.
    Data,
    /// Its text: what is told is the server's own answer.
    Message,
}

impl Stage {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Token => "token",
            Self::Sasl => "sasl",
            Self::Command => "command",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Message => "message",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Outcome {
    /// Well.
    Ok,
    /// It may work all the same.
    Warning,
    /// It does not work: the chain stops.
    Failed,
}

impl Outcome {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What a stage found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) advice: Option<Advice>,
}

impl Finding {
    pub(super) fn ok(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, detail: detail.into(), advice: None }
    }

    pub(super) fn warning(detail: impl Into<String>, advice: Advice) -> Self {
        Self { outcome: Outcome::Warning, detail: detail.into(), advice: Some(advice) }
    }

    pub(super) fn failed(detail: impl Into<String>, advice: Advice) -> Self {
        Self { outcome: Outcome::Failed, detail: detail.into(), advice: Some(advice) }
    }
}

impl Advice {
    pub(super) fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: remedy.into() }
    }
}
