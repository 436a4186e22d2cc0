//! The simulated provider against its own peers and Python's: before it judges Gatepost, it is judged itself.

mod consent;
mod device;
mod dialects;
mod faults;
mod grants;
mod imap;
mod mail;
mod passwords;
mod programs;
mod scene;
mod tls;
mod tokens;
