//! Gatepost between programs and servers that nobody here wrote: curl, swaks, Python's modules, legacy mail programs;
//! Dovecot, Postfix and oidc-provider. `tests/run` installs them; where they are missing the tests say so, and with CI=true
//! that is a failure.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a skipped test has to be seen")]

mod peers;
mod programs;
mod tokens;
