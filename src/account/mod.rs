//! Who may log in, and whether they are who they say.
//!
//! Invariant: nothing observable tells an unknown user from a wrong password, neither the answer nor the work done for it.

mod directory;
mod hashing;
mod matched;
mod names;
mod password;
#[cfg(test)]
mod tests;
mod under_way;
mod verifier;

pub use directory::{Ambiguous, Directory};
pub use hashing::{Hashing, Unhashed};
pub use matched::Matched;
pub use password::{HashingFailed, hash_password};
pub use verifier::{Load, Verdict, Verifier, VerifierSettings};
