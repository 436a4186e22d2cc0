//! What Gatepost costs beside other relays, and what it gains over going direct: `cargo bench --bench relay`.
//!
//! ```text
//!  choice        what was asked for
//!  stage ─ peers a quick upstream in a process of its own, and every relay before it: direct, Gatepost, HAProxy, nginx, Dovecot, …
//!     │
//!  sessions  bulk  idle  distance  start      what is measured, peers in turns
//!     │
//!  watch         one measurement on a quiet machine: what the relay took, and how disturbed it was
//!  ledger        all measurements; tables with medians, spread and ratios; target/bench/relay.json
//! ```
//!
//! `cargo test --bench relay` plays everything once in small, to see that it works: its figures mean nothing.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops at once")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are for people")]

mod bulk;
mod choice;
mod distance;
mod idle;
mod ledger;
mod peers;
mod sessions;
mod stage;
mod start;
mod watch;

use std::process::ExitCode;

use choice::{Bench, Choice};
use ledger::Ledger;
use stage::Stage;

fn main() -> ExitCode {
    gatepost_kit::bench::serve_if_asked();
    let Some(choice) = choice::read() else { return ExitCode::SUCCESS };
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&choice))
}

async fn run(choice: &Choice) -> ExitCode {
    let stage = Stage::new(choice);
    let mut ledger = Ledger::default();
    for bench in choice.benches() {
        eprintln!("{bench}: {}", bench.what());
        let start = std::time::Instant::now();
        match bench {
            Bench::Sessions => sessions::measure(&stage, choice, &mut ledger).await,
            Bench::Bulk => bulk::measure(&stage, choice, &mut ledger).await,
            Bench::Idle => idle::measure(&stage, choice, &mut ledger).await,
            Bench::Distance => distance::measure(&stage, choice, &mut ledger).await,
            Bench::Start => start::measure(&stage, choice, &mut ledger).await,
        }
        eprintln!("{bench} took {:.1} s", start.elapsed().as_secs_f64());
        print!("{}", ledger.tables(bench.name(), choice.markdown));
    }
    ledger.save(choice);
    let troubles = ledger.troubles(choice.rehearsal);
    for trouble in &troubles {
        eprintln!("{trouble}");
    }
    if choice.rehearsal && !troubles.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Thousands of sessions, here and in the processes that are started.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
