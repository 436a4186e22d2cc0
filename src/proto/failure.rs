use std::fmt;

/// Why a local login did not succeed, as the client may know it. Each protocol's reply table maps it (law 2: only the
/// first two are permanent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// Unknown user or wrong password; the two are never told apart.
    BadCredentials,
    /// The password was right, but the account is disabled or may not be used this way (protocol, network).
    NotAllowed(ClientText),
    /// Token or upstream unavailable, token needs authorization, or throttled: try again later.
    Unavailable(ClientText),
    /// The mailbox's limit is reached and waiting was in vain.
    MailboxBusy(ClientText),
    /// The client itself sends more than it may.
    TooFast(ClientText),
    /// A password needs TLS first.
    TlsRequired {
        /// It can be had on this connection.
        here: bool,
    },
    /// The mechanism is not offered.
    MechanismNotOffered,
}

/// One line that may be shown to a mail client: printable ASCII, at most 200 characters, no brackets at its start (they
/// would read as a response code) and nothing of a provider's raw text but what a caller vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientText(String);

impl ClientText {
    /// Longest text, in characters; POP3 replies end at 512 octets (RFC 2449, 4) and old clients at fewer.
    const LONGEST: usize = 200;

    /// Makes any text fit: controls and non-ASCII become `?`, the rest is cut.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        let line = text.trim_start_matches(['[', ' ']).chars().take(Self::LONGEST);
        Self(line.map(printable).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a peer broke the protocol. Names the deed; which peer is known to whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A line longer than the limit.
    #[error("sent a line longer than {limit} octets")]
    LineTooLong {
        /// The limit, in octets.
        limit: usize,
    },
    /// A literal, or the sum of literals and lines of one command, longer than the limit.
    #[error("sent an IMAP command longer than {limit} octets")]
    CommandTooLong {
        /// The limit, in octets.
        limit: usize,
    },
    /// Bytes were received between the STARTTLS command and the handshake (CVE-2011-0411).
    #[error("sent bytes in clear between STARTTLS and the TLS handshake")]
    BytesBeforeTls,
    /// An upstream IMAP server greeted with PREAUTH, which would skip STARTTLS.
    #[error("greeted with PREAUTH, which would skip TLS and login")]
    Preauth,
    /// STARTTLS or STLS is required and not offered, or was refused.
    #[error("does not offer STARTTLS, which is required before any login")]
    NoStartTls,
    /// Something that is no reply of the protocol.
    #[error("sent something that is not {protocol}; is this the right host and port?")]
    NotTheProtocol {
        /// The protocol that was expected.
        protocol: &'static str,
    },
    /// More bytes behind a DATA that was refused: a message, for none may pipeline commands there (RFC 2920, 3.1).
    #[error("sent a message without waiting for 354")]
    Impatient,
    /// Too many commands that make no sense.
    #[error("sent {count} commands that are not {protocol}")]
    Garbage {
        /// How many.
        count: u32,
        /// The protocol that was expected.
        protocol: &'static str,
    },
    /// No mechanism that fits the configuration is offered by the upstream.
    #[error("does not offer the SASL mechanism {0}")]
    NoMechanism(&'static str),
    /// More bytes than a login can need.
    #[error("sent more than {limit} octets before login was complete")]
    TooMuch {
        /// The limit, in octets.
        limit: usize,
    },
}

/// Why the upstream login did not succeed. Texts are the upstream's own, sanitised, for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFailure {
    /// The upstream refused the token, the password or the user: worth one forced refresh, where there is one.
    #[error("the upstream refused the login: {0}")]
    Refused(String),
    /// The upstream is there but will not serve now (`[UNAVAILABLE]`, `[SYS/TEMP]`, 454): a new token would not help.
    #[error("the upstream is unavailable: {0}")]
    Unavailable(String),
    /// The same, and it ends the connection (421, BYE), which may be all that it means.
    #[error("the upstream is unavailable: {0}")]
    Leaving(String),
    /// The password, or the user name with it, cannot be said in this protocol; it was not sent.
    #[error("the user name or password for the upstream {0}, so it was not sent")]
    Unsayable(&'static str),
    /// The upstream broke the protocol.
    #[error("the upstream {0}")]
    Violation(#[from] Violation),
}
