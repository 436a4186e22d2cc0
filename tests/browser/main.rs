//! The pages in a real browser: Debian's Chromium, driven as a person would drive it, on a running `gatepost serve` before
//! the consent pages and the mail servers of the real peers. Each test is a play (`plays/*.mjs`) on a stage of its own.
//! `tests/run` installs what they need; where it is missing they say so, and with CI=true that is a failure.
//! What the pages look like is in `target/screenshots/` afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a skipped test has to be seen")]

mod crowd;
mod declared;
#[path = "../real/gatepost.rs"]
#[allow(dead_code, reason = "the tests without a browser need more of it")]
mod gatepost;
#[path = "../real/peers.rs"]
#[allow(dead_code, reason = "the tests without a browser need more of it")]
mod peers;
mod stage;

use declared::{hostile, tokens};
use stage::Stage;

/// Where a provider sends the browser back to.
#[test]
fn the_callback_page() {
    Stage::default().play("callback");
}

/// The same with JavaScript switched off.
#[test]
fn the_journey_without_scripts() {
    Stage::default().play("without_scripts");
}

/// What goes wrong on the way to a token.
#[test]
fn consents() {
    Stage { set_up: true, more: &tokens("real", ["right", "other", "expired", "device"]), ..Stage::default() }
        .play("consent");
}

/// What other sites, other people and the clock may not do.
#[test]
fn guards() {
    Stage { set_up: true, more: &tokens("real", ["right"]), ..Stage::default() }.play("guards");
}

/// Markup in every name and every text that others choose.
#[test]
fn markup() {
    Stage { set_up: true, more: &hostile(), ..Stage::default() }.play("markup");
}

/// Each button that does something once, pressed twice; and the way back after it.
#[test]
fn hands() {
    Stage { set_up: true, more: &tokens("real", ["right"]), ..Stage::default() }.play("hands");
}

/// The form of a token: files, names, two people at once, and a secret that has ended.
#[test]
fn the_token_form() {
    Stage { set_up: true, ..Stage::default() }.play("token_form");
}

/// Who leaves a form open until the session has ended.
#[test]
fn expiry() {
    Stage { set_up: true, more: &tokens("real", ["right"]), admin: "session_idle_seconds = 60", ..Stage::default() }
        .play("expiry");
}

/// Keys that are made on their page, on the API.
#[test]
fn keys() {
    Stage { set_up: true, more: &tokens("real", ["right"]), ..Stage::default() }.play("keys");
}

/// Behind reverse proxies with a path prefix.
#[test]
fn below_a_path() {
    Stage { prefix: "/mail", ..Stage::default() }.play("prefix");
}

/// By keyboard alone.
#[test]
fn by_keyboard() {
    Stage { set_up: true, more: &tokens("real", ["right"]), ..Stage::default() }.play("keyboard");
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
