//! A simulated mail provider on loopback: an OAuth token endpoint, and SMTP, IMAP and POP3 servers over TLS that take
//! nothing but XOAUTH2 and OAUTHBEARER with a token of that endpoint.
//!
//! It shares no code with Gatepost, so that the two judge each other.

mod authority;
mod imap;
mod peer;
mod pop3;
mod provider;
mod sasl;
mod smtp;
mod state;
mod token;
mod wire;

pub use authority::Authority;
pub use peer::{Peer, tls_peer};
pub use provider::{Ports, Provider};
pub use state::{Break, Faults, Login, Mail};
