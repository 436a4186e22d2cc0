//! Gatepost between programs and servers that nobody here wrote: curl, swaks, Python's modules, legacy mail programs;
//! Dovecot, Postfix and oidc-provider. `tests/run` installs them; where they are missing the tests say so, and with CI=true
//! that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a skipped test has to be seen")]

mod differential;
mod gatepost;
mod grants;
mod mail;
mod peers;
mod programs;
mod talk;
mod tokens;
