//! What an SMTP client hears when something fails.

use crate::proto::{ANOTHER_PORT, Farewell, LoginFailure, Output};

/// RFC 4954, 6, and RFC 5248. Only the first two are permanent: a 535 for anything else makes programs drop a good password.
pub(super) fn failure(failure: &LoginFailure) -> Output {
    match failure {
        LoginFailure::BadCredentials => "535 5.7.8 Authentication credentials invalid\r\n".into(),
        LoginFailure::NotAllowed(text) => format!("525 5.7.13 {text}\r\n").into(),
        LoginFailure::Unavailable(text) => format!("454 4.7.0 {text}\r\n").into(),
        LoginFailure::MailboxBusy(text) => format!("451 4.3.2 {text}\r\n").into(),
        LoginFailure::TooFast(text) => format!("451 4.7.1 {text}\r\n").into(),
        LoginFailure::TlsRequired { here: true } => {
            "538 5.7.11 A password needs TLS here; use STARTTLS first\r\n".into()
        }
        LoginFailure::TlsRequired { here: false } => format!("538 5.7.11 {ANOTHER_PORT}\r\n").into(),
        LoginFailure::MechanismNotOffered => "504 5.5.4 Mechanism not offered; use PLAIN or LOGIN\r\n".into(),
    }
}

/// The same in answer to MAIL, from a client that knows no AUTH: its message waits until what is sick is well again.
pub(super) fn anonymous(failure: &LoginFailure) -> Output {
    match failure {
        LoginFailure::NotAllowed(text) => format!("530 5.7.0 {text}\r\n").into(),
        LoginFailure::Unavailable(text) => format!("451 4.3.0 {text}\r\n").into(),
        LoginFailure::MailboxBusy(text) => format!("451 4.3.2 {text}\r\n").into(),
        LoginFailure::TooFast(text) => format!("451 4.7.1 {text}\r\n").into(),
        // Nobody has shown a password.
        LoginFailure::BadCredentials | LoginFailure::TlsRequired { .. } | LoginFailure::MechanismNotOffered => {
            "530 5.7.0 Authentication required\r\n".into()
        }
    }
}

pub(super) fn farewell(farewell: Farewell) -> Output {
    let (status, text) = match farewell {
        Farewell::Timeout => ("4.4.2", "Waited too long; connect again"),
        Farewell::Shutdown => ("4.3.2", "Service is stopping; try again later"),
        Farewell::TooManyAttempts => ("4.7.0", "Too many failed logins"),
        Farewell::TooManyCommands => ("4.7.0", "Too many commands before login"),
        Farewell::Busy => ("4.3.2", "Too many sessions; try again later"),
    };
    format!("421 {status} {text}\r\n").into()
}
