//! Months of a service's life in minutes: programs that come and go, and everything around them fails now and then.
//!
//! What must hold whatever fails: a message that was accepted has arrived, a right password is never called wrong, no program
//! waits for ever, every connection is taken, and memory and descriptors stay what they were. `tests/run-soak` plays it for
//! twenty minutes; the usual run plays it once in small.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a play that cannot go on stops")]

mod clients;
mod crowd;
mod faults;
mod ledger;
mod stage;
mod talk;
mod verdict;
mod vitals;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use clients::Load;
use faults::Faults;
use ledger::Ledger;
use stage::Stage;

/// Everything once, with few programs.
#[tokio::test(flavor = "multi_thread")]
async fn in_small() {
    play(Plan { length: Duration::ZERO, quiet: Duration::from_secs(1), load: Load::SMALL, crowd: 60 }).await;
}

/// As long as `GATEPOST_SOAK_MINUTES` says.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes twenty minutes; tests/run-soak"]
async fn long() {
    let minutes = std::env::var("GATEPOST_SOAK_MINUTES").map_or(20, |text| text.parse().unwrap());
    let length = Duration::from_mins(minutes);
    play(Plan { length, quiet: Duration::from_secs(5), load: Load::FULL, crowd: 500 }).await;
}

struct Plan {
    /// Rounds of faults begin until then; one is played at least.
    length: Duration,
    /// Between two faults.
    quiet: Duration,
    load: Load,
    /// Slow clients, and as many that send garbage.
    crowd: usize,
}

async fn play(plan: Plan) {
    let mut stage = Stage::new().await;
    let ledger = Arc::new(Ledger::default());
    let (stop, programs) = (CancellationToken::new(), TaskTracker::new());
    let before = vitals::Vitals::of(stage.pid());
    plan.load.start(&stage, &ledger, &stop, &programs);
    let watched = tokio::spawn(vitals::watch(stage.pid(), stop.clone()));
    let end = Instant::now() + plan.length;
    let mut faults = Faults::new(plan.crowd);
    loop {
        sleep(plan.quiet).await;
        faults.round(&mut stage, &ledger, plan.quiet).await;
        println!("{}", ledger.line());
        if Instant::now() >= end {
            break;
        }
    }
    sleep(plan.quiet).await;
    stop.cancel();
    programs.close();
    let ended = tokio::time::timeout(Duration::from_mins(3), programs.wait()).await;
    let samples = watched.await.unwrap();
    let after = vitals::settled(stage.pid(), before.descriptors).await;
    let exit = stage.stop().await;
    verdict::of(&stage, &ledger, &verdict::Ending { ended: ended.is_ok(), before, after, samples, exit, faults });
}
