//! How commands speak with the running service: a Unix socket that only the service's own user and root may use.
//!
//! One line of JSON asks ([`Request`]), lines of JSON answer, and the last one says how it ended. What may be asked is here;
//! what is done about it is the composition root's.

mod ask;
mod request;
mod server;
mod wire;

pub use ask::{AskError, ask};
pub use request::Request;
pub use server::{Answer, Control, Gone, Handler, Refusal, Teller};

#[cfg(test)]
mod tests;
