//! POP3 (RFC 1939, 2449, 2595, 5034): login cores of both sides.

mod capa;
mod downstream;
mod table;
#[cfg(test)]
mod tests;
mod upstream;

pub use downstream::Pop3Downstream;
pub use upstream::{Pop3Ready, Pop3Upstream};
