//! Token life: asked for or due, refreshed once, durable before use.
//!
//! A login takes the cached access token without waiting for anything. Only when there is none does it join the token's
//! *flight*: one task per token that reads the store, takes the lease, exchanges and saves, while everyone else waits for
//! its result. The task is its own owner: a client that leaves does not cut an exchange in the middle, for a rotated
//! refresh token that was received and not saved would be lost.

mod change;
mod entries;
mod entry;
mod error;
mod flight;
mod heard;
mod lease;
mod life;
mod notice;
mod refresher;
mod settle;
#[cfg(test)]
mod tests;
mod want;
mod watch;

pub use change::{import, update};
pub use error::TokenError;
pub use life::{TokenSettings, Tokens};
pub use notice::{Announced, Notice, Notices};

pub use crate::model::AccessToken;
