//! Law 3 with the real program, a real disk and a real end: the process is killed at every step of a refresh, and the disk
//! takes nothing more.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]

mod commands;
mod disk;
mod endpoint;
mod kills;
mod service;
