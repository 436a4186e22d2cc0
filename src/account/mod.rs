//! Who may log in, whether they are who they say, and how often they may be wrong.
//!
//! Invariant: nothing observable tells an unknown user from a wrong password, neither the answer nor the work done for it.

mod directory;
mod hashing;
mod matched;
mod names;
mod password;
mod proof;
#[cfg(test)]
mod tests;
mod throttle;
mod under_way;
mod verifier;

pub use directory::{Ambiguous, Directory};
pub use hashing::{Hashing, Unhashed};
pub use matched::Matched;
pub use password::{HashingFailed, hash_password};
pub use throttle::{Attempt, Failed, Held, HeldBack, Leave, Limit, Throttle, ThrottleSettings};
pub use verifier::{Load, Verdict, Verifier, VerifierSettings};
