//! What a POP3 client hears when something fails.

use crate::proto::{ANOTHER_PORT, Farewell, LoginFailure, Output};

/// Response codes of RFC 2449 and 3206. Only the first two are permanent.
pub(super) fn failure(failure: &LoginFailure) -> Output {
    match failure {
        LoginFailure::BadCredentials => "-ERR [AUTH] Authentication failed\r\n".into(),
        LoginFailure::NotAllowed(text) => format!("-ERR [AUTH] {text}\r\n").into(),
        LoginFailure::Unavailable(text) => format!("-ERR [SYS/TEMP] {text}\r\n").into(),
        LoginFailure::MailboxBusy(text) | LoginFailure::TooFast(text) => format!("-ERR [IN-USE] {text}\r\n").into(),
        LoginFailure::TlsRequired { here: true } => "-ERR [AUTH] A password needs TLS here; use STLS first\r\n".into(),
        LoginFailure::TlsRequired { here: false } => format!("-ERR [AUTH] {ANOTHER_PORT}\r\n").into(),
        LoginFailure::MechanismNotOffered => "-ERR Mechanism not offered; use PLAIN or LOGIN\r\n".into(),
    }
}

pub(super) fn farewell(farewell: Farewell) -> Output {
    match farewell {
        Farewell::Timeout => "-ERR Waited too long; connect again\r\n",
        Farewell::Shutdown => "-ERR [SYS/TEMP] Service is stopping; try again later\r\n",
        Farewell::TooManyAttempts => "-ERR Too many failed logins\r\n",
        Farewell::TooManyCommands => "-ERR Too many commands before login\r\n",
        Farewell::Busy => "-ERR [SYS/TEMP] Too many sessions; try again later\r\n",
    }
    .into()
}
