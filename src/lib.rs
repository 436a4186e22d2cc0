//! Gatepost: an authenticating relay for mail.
//!
//! Programs that know a user name and a password log in by SMTP, IMAP or POP3; Gatepost checks that local password and
//! logs in upstream with an OAuth 2.0 token that it keeps alive itself.
//!
//! ```text
//!  program ── listener ── session ──────────────────────────────── upstream ── provider
//!             (net)        │  login core (proto)    account   token   │  login core (proto)
//!                          │  who is it? ──────────────┘        │     │
//!                          │  with what? ───────────────────────┘     │
//!                          └─ after login: spliced (net) or, for SMTP, conversed (submit)
//! ```
//!
//! | room | what it knows |
//! |---|---|
//! | [`model`] | accounts, tokens, providers as plain data |
//! | [`proto`] | protocol cores: bytes in, steps out, no IO |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod clock;
pub mod lifecycle;
pub mod model;
pub mod net;
pub mod oauth;
pub mod proto;
pub mod store;
pub mod submit;
pub mod token;
