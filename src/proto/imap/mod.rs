//! IMAP4rev1 (RFC 3501): login cores of both sides.

mod command;
mod downstream;
mod login;
mod table;
#[cfg(test)]
mod tests;
mod upstream;

pub use downstream::ImapDownstream;
pub use upstream::ImapUpstream;

/// What an IMAP client hears of its upstream: the capabilities after login, as the upstream listed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapReady {
    /// The words after `CAPABILITY`, separated by blanks.
    pub capabilities: Vec<u8>,
}
