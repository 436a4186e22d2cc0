//! The handbook is right: each block of code in the README and in docs/ is run, read by the program that it is for, or stands in
//! the list of what can only be read, with the reason; each link leads somewhere; and no cause, reply or event is missing.
//!
//! A block says by the words behind its fence what it is; the first is its language, as GitHub wants it:
//!
//! ```text
//! sh, console        runs on the page's machine, one after the other (console: `$ ` is typed, the rest is what comes)
//! toml               is checked by Gatepost's own reader; what the fragment leaves out is put around it
//! toml in=TABLE      as lines of that table
//! … file=PATH        is written to that file of the page's machine first, for the commands that follow
//! … reading          is only read: `kinds::READ` has the reason
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]

mod errors;
mod events;
mod kinds;
mod links;
mod machine;
mod pages;
mod parsed;
mod settings;
mod stories;
