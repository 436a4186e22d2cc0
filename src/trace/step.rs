use std::fmt;

use crate::proto::ClientText;

/// Something that was said, fit to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Step(String);

/// A text whose place says that it is no secret.
pub(super) struct Open(ClientText);

impl Open {
    /// The name of a machine, in EHLO.
    pub(super) fn machine(text: &[u8]) -> Self {
        Self::of(text)
    }

    /// The name of a user, which the log tells too.
    pub(super) fn user(text: &[u8]) -> Self {
        Self::of(text)
    }

    /// A sender's or a recipient's address.
    pub(super) fn path(text: &[u8]) -> Self {
        Self::of(text)
    }

    /// The name of a mailbox.
    pub(super) fn mailbox(text: &[u8]) -> Self {
        Self::of(text)
    }

    /// By which a client calls its command.
    pub(super) fn tag(text: &[u8]) -> Self {
        Self::of(text)
    }

    /// What a server says to people about a command that is no login.
    pub(super) fn reply(text: &[u8]) -> Self {
        Self::of(text)
    }

    fn of(text: &[u8]) -> Self {
        Self(ClientText::new(&String::from_utf8_lossy(text)))
    }
}

impl Step {
    /// A word of Gatepost's tables.
    pub(super) fn word(word: &'static str) -> Self {
        Self(word.to_owned())
    }

    pub(super) fn empty() -> Self {
        Self(String::new())
    }

    pub(super) fn and(self, word: &'static str) -> Self {
        self.with(word)
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.with(&number.to_string())
    }

    pub(super) fn open(self, text: &Open) -> Self {
        if text.0.as_str().is_empty() { self } else { self.with(text.0.as_str()) }
    }

    /// The numbers of messages, or of a status: `1:3,5`, `4.7.0`. Anything else is counted.
    pub(super) fn numbers(self, text: &[u8]) -> Self {
        let is_number = text.first().is_some_and(|first| first.is_ascii_digit() || *first == b'*') && text.len() <= 64;
        match std::str::from_utf8(text) {
            Ok(text) if is_number && text.bytes().all(|octet| octet.is_ascii_digit() || b":,*.".contains(&octet)) => {
                self.with(text)
            }
            _ => self.hidden(text.len() as u64),
        }
    }

    /// What is not shown.
    pub(super) fn hidden(self, octets: u64) -> Self {
        if octets == 0 { self } else { self.with(&format!("[{octets} octets]")) }
    }

    /// The same, where it is worth saying what it is.
    pub(super) fn hidden_as(self, octets: u64, what: &'static str) -> Self {
        self.with(&format!("[{octets} octets of {what}]"))
    }

    fn with(mut self, more: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(more);
        self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({})", self.0)
    }
}
