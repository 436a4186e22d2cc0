//! SMTP submission (RFC 5321, 6409, 4954): login cores of both sides, and the conversation after login.

mod argument;
mod data;
mod downstream;
mod extensions;
pub mod header;
mod normaliser;
mod parameters;
mod queue_id;
mod recipients;
mod reply;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod upstream;

pub use data::{BodyFault, BodyScanner, Scan};
pub use downstream::SmtpDownstream;
pub use extensions::{Extensions, ehlo_reply};
pub use normaliser::{BodyLines, Normalised, Normaliser};
pub use queue_id::queue_id;
pub use recipients::Recipients;
pub use reply::Reply;
pub use transaction::{Command, Conversation, Envelope, Replied, Turn};
pub use upstream::{SmtpReady, SmtpUpstream};
