//! `gatepost doctor` against the simulated provider: each failure has its step, its cause, its next step and exit code 1.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]

mod egress;
mod login;
mod scene;
mod send;
mod server;
mod token;
mod whole;
