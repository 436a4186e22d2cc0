//! The relay against the simulated provider: every login in every protocol, and the laws when something breaks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]

mod activation;
mod anonymous;
mod api;
mod combined;
mod distance;
mod egress;
mod ended;
mod gate;
mod groups;
mod http;
mod imap;
mod life;
mod limits;
mod listeners;
mod log;
mod login;
mod mishaps;
mod pages;
mod panics;
mod passing;
mod passwords;
mod quirks;
mod reload;
mod reuse;
mod scene;
mod sender;
mod smtp;
mod tls;
mod trouble;
