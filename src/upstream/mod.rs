//! The way to a provider: dial, TLS, login with a token. Every login upstream goes this way, a session's as well as a
//! probe's.
//!
//! What one login learns of a server, all know ([`Roads`]): one that cannot be reached is left in peace, but for one attempt at
//! a time, and of many who want to log in some do at a time. What concerns one mailbox alone is nobody else's affair.

mod dial;
mod health;
mod leave;
mod login;
mod open;
mod reach;
mod ready;
mod retries;
mod roads;
#[cfg(test)]
mod tests;
mod turns;

pub use leave::{Leave, Retry};
pub use login::{Limits, Manner, NewCore, Target, Upstream, UpstreamError};
pub use reach::Reach;
pub use ready::ReadySettings;
pub use roads::{Closed, RoadSettings, Roads, Seen, Server};
