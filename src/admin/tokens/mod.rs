//! Tokens: what they are, how they are, and every change of them.

pub(super) mod state;
