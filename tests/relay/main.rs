//! The relay against the simulated provider: every login in every protocol, and the laws when something breaks.

mod imap;
mod login;
mod scene;
mod smtp;
mod tls;
