//! What the parts of a login and of a message cost by themselves: `cargo bench --bench micro`. `cargo test --bench micro` runs
//! each once.
//!
//! Nothing here opens a socket; what a session costs as a whole the benches `relay` and `growth` measure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod gates;
mod lines;
mod logins;
mod message;
mod sealing;
mod tokens;

fn main() {
    divan::main();
}
