//! The simulated provider against its own peers and Python's: before it judges Gatepost, it is judged itself.

mod dialects;
mod faults;
mod imap;
mod mail;
mod programs;
mod scene;
mod tls;
mod tokens;
