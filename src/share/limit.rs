use std::fmt::Display;
use std::sync::Arc;

/// What is limited over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Sessions that submit for a mailbox.
    SmtpSessions,
    /// IMAP sessions of a mailbox.
    ImapSessions,
    /// Messages of a mailbox within a minute.
    Messages,
    /// Sessions of an account.
    AccountSessions,
}

impl Limit {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::SmtpSessions, Self::ImapSessions, Self::Messages, Self::AccountSessions];

    /// As the configuration names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountSessions => "sessions_per_account",
            _ => self.kind(),
        }
    }

    /// What all replicas, older ones too, know it by where it is this mailbox's or account's.
    #[must_use]
    pub fn of(self, whose: impl Display) -> Arc<str> {
        format!("{}/{whose}", self.kind()).into()
    }

    /// The limit that has this name in the store.
    pub(super) fn read(name: &str) -> Option<Self> {
        let (kind, _) = name.split_once('/')?;
        Self::ALL.into_iter().find(|limit| limit.kind() == kind)
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::SmtpSessions => "smtp_sessions",
            Self::ImapSessions => "imap_sessions",
            Self::Messages => "messages_per_minute",
            Self::AccountSessions => "account_sessions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_read_again() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            assert_eq!(Limit::read(&limit.of("provider/a/b")), Some(limit));
        }
        assert_eq!(&*Limit::AccountSessions.of("printer"), "account_sessions/printer");
        assert_eq!(["later/printer", "account_sessions"].map(Limit::read), [None, None]);
    }
}
