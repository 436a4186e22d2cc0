use std::time::Duration;

/// How a login ended, as a monitor tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Both sides said yes.
    Success,
    /// Unknown user or wrong password.
    BadCredentials,
    /// The right password, but disabled, expired, or not for this protocol or address.
    NotAllowed,
    /// Slowed down or blocked, or too many at a time.
    Throttled,
    /// The token gave no access token.
    Token,
    /// The provider refused the token.
    UpstreamRefused,
    /// The provider could not be reached or broke off.
    UpstreamUnreachable,
    /// A limit of the mailbox was reached, and waited for in vain.
    MailboxLimit,
    /// What is declared does not fit together.
    Configuration,
    /// The client left, or the service was stopping.
    BrokenOff,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Success,
        Self::BadCredentials,
        Self::NotAllowed,
        Self::Throttled,
        Self::Token,
        Self::UpstreamRefused,
        Self::UpstreamUnreachable,
        Self::MailboxLimit,
        Self::Configuration,
        Self::BrokenOff,
    ];

    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::BadCredentials => "bad_credentials",
            Self::NotAllowed => "not_allowed",
            Self::Throttled => "throttled",
            Self::Token => "token",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::MailboxLimit => "mailbox_limit",
            Self::Configuration => "configuration",
            Self::BrokenOff => "broken_off",
        }
    }
}

/// How a session upstream came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Way {
    /// By a connection of its own.
    #[default]
    New,
    /// By a login on a connection that was kept ready.
    Ready,
    /// By a session that was logged in before.
    Reused,
}

impl Way {
    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ready => "ready",
            Self::Reused => "reused",
        }
    }
}

/// How long the parts of a login upstream took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// Whether there were all of them.
    pub way: Way,
    /// Name and TCP connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// All else that was said, the token's acceptance at last.
    pub login: Duration,
}
