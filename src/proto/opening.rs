use super::smtp::Extensions;

/// What a server has told before anybody was named, as far as a login needs it ([`UpstreamStep::Opened`](super::UpstreamStep)).
/// Where TLS begins later than the connection, only what was told under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// Its greeting, which says nothing more.
    #[default]
    Greeted,
    /// IMAP: the words of its capability list. POP3: the lines of it, each with LF behind it.
    Capabilities(Vec<u8>),
    /// SMTP: its reply to EHLO.
    Extensions(Extensions),
}
