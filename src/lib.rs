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
//! | [`cli`] | the command line, and the composition root of the service |
//! | [`config`] | layers of TOML and environment, all errors at once |
//! | [`session`] | one login driver for all protocols, then the relay |
//! | [`upstream`] | the way to a provider: dial, TLS, login with a token |
//! | [`submit`] | a message's way out: the SMTP conversation after login, and the limits of mailboxes |
//! | [`admin`] | the administration address: consents come back to it |
//! | [`consent`] | a person gives a grant, for the right mailbox |
//! | [`doctor`] | why an account does not work: a chain of steps, each with cause and next step |
//! | [`health`] | whether mail is flowing: one look at everything that it takes |
//! | [`registry`] | what is declared in file and store, and every change of it |
//! | [`replicas`] | the processes that share a store: each says that it is there, and how it is |
//! | [`activity`] | what is going on: live sessions, the last events, counts, when passwords were used |
//! | [`control`] | how commands speak with the running service |
//! | [`trace`] | what clients and upstream say to each other, without secrets, while somebody watches |
//! | [`account`] | who may log in, and whether they are who they say |
//! | [`token`] | token life: cached, refreshed once, durable before use |
//! | [`oauth`] | token requests and what their failures mean |
//! | [`explain`] | what a provider's refusal means and what to do, as data |
//! | [`store`] | sealed state in SQLite, compare-and-swap, leases |
//! | [`share`] | this replica's part of the limits that hold over all replicas |
//! | [`net`] | sockets, TLS, dialling, the splice |
//! | [`proto`] | protocol cores: bytes in, steps out, no IO |
//! | [`model`] | accounts, tokens, providers as plain data |
//! | [`metrics`] | what is counted, and how a monitor reads it |
//! | [`sandbox`] | what the process gives up: files that are not its own, privileges, core files |
//! | [`lifecycle`], [`clock`] | what has to be finished before the end; the time of day |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod activity;
pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consent;
pub mod control;
pub mod doctor;
pub mod explain;
pub mod health;
pub mod lifecycle;
pub mod metrics;
pub mod model;
pub mod net;
pub mod oauth;
pub mod proto;
pub mod registry;
pub mod replicas;
pub mod sandbox;
pub mod session;
pub mod share;
pub mod store;
pub mod submit;
pub mod token;
pub mod trace;
pub mod upstream;
