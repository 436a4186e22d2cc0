//! Token requests (RFC 6749), and what their failures mean.

mod answer;
mod error;
mod exchange;
mod http;

pub use error::OauthError;
pub use exchange::exchange;
pub use http::{Http, HttpSettings, Unusable};
