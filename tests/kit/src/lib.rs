//! A simulated mail provider on loopback: an OAuth token endpoint, and SMTP, IMAP and POP3 servers over TLS that take
//! nothing but XOAUTH2 and OAUTHBEARER with a token of that endpoint, unless they are told an app password.
//!
//! It shares no code with Gatepost, so that the two judge each other.
//!
//! ```text
//!              authority      certificates, good and bad
//!                  │
//!         consent ─┤           the person with a browser who says yes or no to an authorize URL
//!  token_endpoint ─┤ http      every grant, device codes, the metadata service; tokens keeps the book of clients' tokens
//!            smtp ─┤
//!            imap ─┼─ sasl ─── tokens, passwords: who may come in          mailstore: what was sent can be read
//!            pop3 ─┘           faults: how each of them misbehaves
//!        provider              starts them all on free ports; what was asked of them, and what no client may do
//!            peer              the other side: a client that knows only bytes
//!          legacy              the other side: a program that knows only a password
//!           proxy              on the way: SOCKS5 and CONNECT
//!        postgres              a throw-away database server
//!           bench              a quick upstream, many programs, and a line with a distance
//! ```
//!
//! What a well-behaved client never does (a token in clear, bytes behind STARTTLS, a bare LF, an unanswered challenge)
//! is written down as a violation, and [`Provider`] panics at its end if nobody took them: no test can overlook one.

mod ahead;
mod authority;
pub mod bench;
mod client;
mod consent;
mod dialect;
mod faults;
mod form;
mod http;
mod imap;
mod jwt;
mod kept;
pub mod legacy;
mod mailstore;
mod passwords;
mod peer;
mod pop3;
mod postgres;
mod provider;
mod proxy;
mod sasl;
mod sessions;
mod smtp;
mod state;
mod token_endpoint;
mod tokens;
mod wire;

pub use authority::{Authority, Certificate};
pub use client::Client;
pub use dialect::Dialect;
pub use faults::{Answer, Break, Faults, How, Point};
pub use kept::{keep_log, kept_log};
pub use mailstore::Mail;
pub use peer::{Peer, tls_peer};
pub use postgres::Postgres;
pub use provider::{Ports, Provider, Settings};
pub use proxy::{Proxy, ProxyKind, ProxySettings};
pub use state::{Command, Login, TokenRequest};
pub use token_endpoint::Device;
pub use tokens::Rotation;
