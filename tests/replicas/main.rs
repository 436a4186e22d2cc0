//! Three replicas in processes of their own on one PostgreSQL, behind HAProxy with the PROXY protocol, and everything around
//! them fails: replicas are killed, stopped and drained, the database is stopped, frozen, slow, cut off.
//!
//! Beside them stands an OAuth server that replaces a refresh token at each use and ends the grant when one comes twice: one
//! mistake is seen. What must hold whatever fails: no refresh token is used twice, none is lost, nobody has to sign in again;
//! a message that was accepted is there once; what is in memory is served while the database is away.
//!
//! ```text
//!  programs ── balancer (HAProxy) ── replica a b c ── front ── peers: oidc-provider, Dovecot, Postfix
//!     │                                   │             └ sees every request for a token, and can hold it
//!   ledger                              wires ── PostgreSQL
//!     └──────── judge ── front, provider, database, mailbox
//! ```
//!
//! `tests/run` plays some faults, `tests/chaos plays` each once; `tests/chaos` plays them all at random.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a play that cannot go on stops")]
#![cfg(target_os = "linux")]

mod balancer;
mod chaos;
mod faults;
mod front;
mod judge;
mod ledger;
mod origin;
mod peers;
mod plays;
mod programs;
mod replica;
mod stage;
#[path = "../soak/talk.rs"]
mod talk;
mod wire;

/// How many there are.
const REPLICAS: usize = 3;
