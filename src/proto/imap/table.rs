//! What an IMAP client hears when something fails.

use crate::proto::{ANOTHER_PORT, Farewell, LoginFailure};

/// Response code (RFC 5530) and text of a tagged NO. Only the first two are permanent.
pub(super) fn failure(failure: &LoginFailure) -> String {
    match failure {
        LoginFailure::BadCredentials => "[AUTHENTICATIONFAILED] Authentication failed".into(),
        LoginFailure::NotAllowed(text) => format!("[AUTHORIZATIONFAILED] {text}"),
        LoginFailure::Unavailable(text) => format!("[UNAVAILABLE] {text}"),
        LoginFailure::MailboxBusy(text) | LoginFailure::TooFast(text) => format!("[LIMIT] {text}"),
        LoginFailure::TlsRequired { here: true } => {
            "[PRIVACYREQUIRED] A password needs TLS here; use STARTTLS first".into()
        }
        LoginFailure::TlsRequired { here: false } => format!("[PRIVACYREQUIRED] {ANOTHER_PORT}"),
        LoginFailure::MechanismNotOffered => "[CANNOT] Mechanism not offered; use PLAIN or LOGIN".into(),
    }
}

pub(super) const fn farewell(farewell: Farewell) -> &'static str {
    match farewell {
        Farewell::Timeout => "* BYE Waited too long; connect again\r\n",
        Farewell::Shutdown => "* BYE [UNAVAILABLE] Service is stopping; try again later\r\n",
        Farewell::TooManyAttempts => "* BYE Too many failed logins\r\n",
        Farewell::TooManyCommands => "* BYE Too many commands before login\r\n",
        Farewell::Busy => "* BYE [UNAVAILABLE] Too many sessions; try again later\r\n",
    }
}
