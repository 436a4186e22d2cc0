use std::time::Duration;

use crate::account::Failed;
use crate::explain::{self, Reach};
use crate::metrics::Outcome;
use crate::model::Protocol;
use crate::proto::{ClientText, LoginFailure};
use crate::submit::gate::Missed;
use crate::token::TokenError;
use crate::upstream::{Closed, UpstreamError};

use crate::submit::TOO_FAST;

/// What `deploy/fail2ban` looks for.
const WRONG: &str = "unknown user or wrong password";
/// A program with old settings: nobody guesses, nobody is to be banned.
const WRONG_AGAIN: &str =
    "the same wrong password as before, or from a trusted network; a program there has old settings";

/// The local side said no.
pub(super) enum Refused {
    BadCredentials(Failed),
    /// Too many were wrong; this one was not looked at.
    Held {
        delay: Duration,
        told: bool,
    },
    /// The account has as many sessions as it may.
    Crowded(Protocol),
    NotAllowed,
    PasswordNotAllowed,
    PasswordExpired,
    /// While the upstream was asked.
    Revoked,
    Unusable,
    Overloaded,
    /// To a client without a login.
    NoSuchAccount,
    TooFast,
}

impl Refused {
    /// As a monitor counts it.
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::BadCredentials(_) => Outcome::BadCredentials,
            Self::NotAllowed | Self::PasswordNotAllowed | Self::PasswordExpired => Outcome::NotAllowed,
            Self::Revoked | Self::Unusable | Self::NoSuchAccount => Outcome::Configuration,
            Self::Overloaded | Self::Held { .. } | Self::Crowded(_) | Self::TooFast => Outcome::Throttled,
        }
    }

    /// How long the answer is kept back.
    pub(super) const fn delay(&self) -> Duration {
        match self {
            Self::BadCredentials(Failed { delay, .. }) | Self::Held { delay, .. } => *delay,
            _ => Duration::ZERO,
        }
    }

    /// Whether it is worth a line of the log at any level: of some, how many come is anybody's to choose.
    pub(super) const fn is_told(&self) -> bool {
        match self {
            Self::BadCredentials(Failed { told, .. }) | Self::Held { told, .. } => *told,
            _ => true,
        }
    }

    /// What the client is told, and the reason for the log.
    pub(super) fn told(&self) -> (LoginFailure, &'static str) {
        match self {
            Self::BadCredentials(Failed { again: false, .. }) => (LoginFailure::BadCredentials, WRONG),
            Self::BadCredentials(_) => (LoginFailure::BadCredentials, WRONG_AGAIN),
            Self::Held { .. } => {
                let text = "too many failed logins; try again later";
                (
                    LoginFailure::Unavailable(ClientText::new(text)),
                    "too many failed logins; the password was not checked",
                )
            }
            Self::Crowded(protocol) => {
                let text = ClientText::new("this account has too many sessions; close some, or try again later");
                (busy(*protocol, text), "the account has too many sessions")
            }
            Self::NotAllowed => {
                let text = "this account is disabled, or not allowed to log in this way or from here";
                (
                    LoginFailure::NotAllowed(ClientText::new(text)),
                    "account disabled, or not allowed for this protocol or address",
                )
            }
            Self::PasswordNotAllowed => {
                let text = "this password is not allowed to log in this way or from here";
                (
                    LoginFailure::NotAllowed(ClientText::new(text)),
                    "right password, but not for this protocol or address",
                )
            }
            Self::Revoked => {
                // The next login finds out what it has come to; until then nothing says that the password is wrong.
                let text = "this account was changed just now; try again";
                (
                    LoginFailure::Unavailable(ClientText::new(text)),
                    "account, token or password changed during the login",
                )
            }
            Self::PasswordExpired => {
                let text = "this password has expired; ask the administrator for another";
                (LoginFailure::NotAllowed(ClientText::new(text)), "right password, but it has expired")
            }
            Self::Unusable => {
                let text = "this account cannot be used now; ask the administrator";
                (
                    LoginFailure::Unavailable(ClientText::new(text)),
                    "the account's token is not there, or its declaration cannot be read",
                )
            }
            Self::Overloaded => {
                let text = "too many logins at the same time; try again later";
                (LoginFailure::Unavailable(ClientText::new(text)), "too many passwords waiting to be checked")
            }
            Self::NoSuchAccount => {
                let text = "the account for sending without a login is not there; ask the administrator";
                (LoginFailure::Unavailable(ClientText::new(text)), "there is no account of that name")
            }
            Self::TooFast => (LoginFailure::TooFast(ClientText::new(TOO_FAST)), TOO_FAST),
        }
    }
}

/// POP3's code for a mailbox in use says that somebody else has locked it.
const fn busy(protocol: Protocol, text: ClientText) -> LoginFailure {
    if matches!(protocol, Protocol::Pop3) { LoginFailure::Unavailable(text) } else { LoginFailure::MailboxBusy(text) }
}

/// The provider's side did not say yes: never the client's fault, so never a permanent answer (law 2).
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the provider has no server for this protocol; name it in the provider's table")]
    NoEndpoint,
    #[error(transparent)]
    Missed(#[from] Missed),
    #[error("the service is stopping")]
    Stopping,
}

impl Unavailable {
    /// As a monitor counts it.
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::Token(_) => Outcome::Token,
            Self::Upstream(UpstreamError::Closed(Closed::Crowded { .. })) => Outcome::Throttled,
            Self::Upstream(UpstreamError::Login { .. }) => Outcome::UpstreamRefused,
            Self::Upstream(_) => Outcome::UpstreamUnreachable,
            Self::NoEndpoint => Outcome::Configuration,
            Self::Missed(Missed::Full(_)) => Outcome::MailboxLimit,
            Self::Missed(Missed::Gone) | Self::Stopping => Outcome::BrokenOff,
        }
    }

    /// The limit that was reached.
    pub(super) const fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Missed(Missed::Full(full)) => Some(full.limit()),
            Self::Upstream(UpstreamError::Closed(Closed::Crowded { .. })) => Some("upstream_connects"),
            _ => None,
        }
    }

    pub(super) fn told(&self, token: &str, protocol: Protocol) -> LoginFailure {
        let text = match self {
            Self::Missed(Missed::Full(full)) => {
                return busy(protocol, ClientText::new(&full.for_client()));
            }
            Self::Missed(Missed::Gone) => "you have left".into(),
            Self::Stopping => "the service is stopping; try again later".into(),
            Self::Upstream(error) if let Some(throttle) = explain::throttle(&error.to_string()) => {
                let text = ClientText::new("the mail provider slows this mailbox down; try again later");
                let sessions = throttle.reach == Reach::Sessions;
                return if sessions { LoginFailure::MailboxBusy(text) } else { LoginFailure::Unavailable(text) };
            }
            Self::Token(error) => error.for_client(),
            Self::Upstream(error) if error.is_refusal() => {
                format!("the mail provider refused the login with token '{token}'; ask the administrator")
            }
            Self::Upstream(UpstreamError::Closed(Closed::Crowded { .. })) => {
                "too many logins at the mail provider at the same time; try again later".into()
            }
            Self::Upstream(_) => "the mail provider cannot be reached or is not available now; try again later".into(),
            Self::NoEndpoint => format!("token '{token}' has no server for this protocol; ask the administrator"),
        };
        LoginFailure::Unavailable(ClientText::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law 2: whoever came in while an administrator gave the account another token has the right password all the same.
    #[test]
    fn a_change_during_a_login_does_not_make_its_password_wrong() {
        assert!(matches!(Refused::Revoked.told().0, LoginFailure::Unavailable(_)));
        assert!(matches!(Refused::NotAllowed.told().0, LoginFailure::NotAllowed(_)));
    }
}
