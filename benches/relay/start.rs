use std::time::Duration;

use gatepost_kit::bench::{Disturbance, Process, Protocol, wait_until_quiet};
use tokio::time::sleep;

use crate::choice::Choice;
use crate::ledger::{Base, Figure, Ledger, Record};
use crate::peers::{Kind, Peer};
use crate::stage::{Ground, Stage};

const FIRST: Figure = Figure { name: "ms to the first login", decimals: 0, base: Base::Nothing };
const MEMORY: Figure = Figure { name: "resident MiB", decimals: 1, base: Base::Nothing };
const SHARED: Figure = Figure { name: "proportional MiB", decimals: 1, base: Base::Nothing };
const PROCESSOR: Figure = Figure { name: "CPU ms at rest", decimals: 0, base: Base::Nothing };
const SWITCHES: Figure = Figure { name: "wake-ups at rest", decimals: 0, base: Base::Nothing };

/// Who has not let anybody in by then never will.
const TRIES: usize = 20_000;

/// So often it is looked whether a start is over.
const SETTLING: usize = 10;

/// Each peer by itself: started, logged in to once, and left alone for 30 seconds.
pub(crate) async fn measure(stage: &Stage, choice: &Choice, ledger: &mut Ledger) {
    let ground = Ground { accounts: choice.accounts, ..stage.ground(stage.upstream.ports) };
    let kinds: Vec<_> = stage.kinds().filter(|kind| kind.relays() && !choice.is_too_slow(*kind)).collect();
    // The first start of all makes stores and caches; nobody waits for it twice.
    for &kind in &kinds {
        drop(one(kind, choice, &ground, Duration::ZERO).await);
    }
    for _ in 0..choice.repetitions {
        for &kind in &kinds {
            wait_until_quiet(choice.patience()).await;
            ledger.add(one(kind, choice, &ground, choice.rest()).await);
        }
    }
}

async fn one(kind: Kind, choice: &Choice, ground: &Ground<'_>, rest: Duration) -> Record {
    let setting = format!("{} accounts, then {} s at rest", choice.accounts, choice.rest().as_secs_f64());
    let disturbance = Disturbance::begin();
    let mut record =
        Record { bench: "start", setting, peer: kind, figures: Vec::new(), disturbed: 0.0, failures: 0, trouble: None };
    match Peer::begin(kind, ground) {
        Ok(peer) => match first_login(&peer).await {
            Ok(took) => {
                record.figures.push((&FIRST, took.as_secs_f64() * 1e3));
                record.figures.extend(at_rest(&peer, choice, rest).await);
            }
            Err(trouble) => (record.failures, record.trouble) = (1, Some(trouble)),
        },
        Err(fault) => (record.failures, record.trouble) = (1, Some(fault)),
    }
    record.disturbed = disturbance.cores();
    record
}

/// From the start of the process.
async fn first_login(peer: &Peer) -> Result<Duration, String> {
    let program = peer.program(Protocol::Imap).unwrap();
    let mut last = String::new();
    for _ in 0..TRIES {
        match program.log_in(0).await {
            Ok(session) => {
                let took = peer.since.elapsed();
                drop(session.leave().await);
                return Ok(took);
            }
            Err(trouble) => last = trouble.to_string(),
        }
        sleep(Duration::from_millis(1)).await;
    }
    Err(last)
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
async fn at_rest(peer: &Peer, choice: &Choice, rest: Duration) -> Vec<(&'static Figure, f64)> {
    let process = peer.process().unwrap();
    settle(process, choice.settling()).await;
    let (before, spent) = (process.vitals(), process.processor());
    sleep(rest).await;
    // Looking at it wakes nobody.
    let (after, spent) = (process.vitals(), process.processor() - spent);
    vec![
        (&MEMORY, after.resident as f64 / 1024.0),
        (&SHARED, after.proportional as f64 / 1024.0),
        (&PROCESSOR, spent * 1e3),
        (&SWITCHES, after.switches.saturating_sub(before.switches) as f64),
    ]
}

/// What a start leaves to be done comes to its end: tokens are refreshed, news are looked at.
async fn settle(process: Process, span: Duration) {
    let mut seen = process.vitals().switches;
    for _ in 0..SETTLING {
        sleep(span).await;
        let now = process.vitals().switches;
        if now == seen {
            return;
        }
        seen = now;
    }
}
