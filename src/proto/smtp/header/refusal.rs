use std::fmt;

use super::fields::Flaw;
use crate::proto::{ClientText, Output};

/// Why a policy does not let a message or a command through, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: &'static str,
    text: ClientText,
}

impl Refusal {
    pub(super) fn not_allowed(text: &str) -> Self {
        Self { code: "550 5.7.1", text: ClientText::new(text) }
    }

    pub(super) fn no_address(text: &str) -> Self {
        Self { code: "501 5.1.7", text: ClientText::new(text) }
    }

    pub(super) fn header_too_large(limit: usize) -> Self {
        let text = format!("The header is larger than header_octets = {limit}");
        Self { code: "552 5.3.4", text: ClientText::new(&text) }
    }

    pub(super) fn malformed((line, flaw): (usize, Flaw)) -> Self {
        Self { code: "550 5.6.0", text: ClientText::new(&format!("Line {line} of the message {flaw}")) }
    }

    /// The reply, whole.
    #[must_use]
    pub fn reply(&self) -> Output {
        format!("{} {}\r\n", self.code, self.text).into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}
