//! The pages in a real browser: Debian's Chromium, driven as a person would drive it, on a running `gatepost serve` before
//! the consent pages and the mail servers of the real peers. Each test is a play (`plays/*.mjs`) on a stage of its own.
//! `tests/run` installs what they need; where it is missing they say so, and with CI=true that is a failure.
//! What the pages look like is in `target/screenshots/` afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a skipped test has to be seen")]

mod crowd;
#[path = "../real/gatepost.rs"]
#[allow(dead_code, reason = "the tests without a browser need more of it")]
mod gatepost;
#[path = "../real/peers.rs"]
#[allow(dead_code, reason = "the tests without a browser need more of it")]
mod peers;
mod stage;

use stage::Stage;

/// Where a provider sends the browser back to.
#[test]
fn the_callback_page() {
    Stage::default().play("callback");
}

/// A measurement: `tests/bench-pages`.
#[test]
#[ignore = "measures a release build"]
fn pages_of_a_crowd() {
    Stage { set_up: true, crowd: true, ..Stage::default() }.play("crowd");
}

/// First start to first relayed message.
#[test]
fn the_journey() {
    Stage::default().play("journey");
}
