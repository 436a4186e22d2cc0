//! The way to a provider: dial, TLS, login with a token. Every login upstream goes this way, a session's as well as a
//! probe's.

mod dial;
mod login;
mod probe;

pub use login::{Limits, NewCore, Target, Upstream, UpstreamError};
pub use probe::Reach;
