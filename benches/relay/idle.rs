use std::time::Duration;

use gatepost_kit::bench::{Crowd, Disturbance, Errand, Process, Program, Protocol, Vitals, crowd};
use tokio::time::sleep;

use crate::choice::Choice;
use crate::ledger::{Base, Figure, Ledger, Record};
use crate::peers::{Kind, Peer};
use crate::sessions::count;
use crate::stage::{Stage, USERS};

const MEMORY: Figure = Figure { name: "KiB/session", decimals: 1, base: Base::LeastOfFloor };
const SHARED: Figure = Figure { name: "proportional KiB/session", decimals: 1, base: Base::LeastOfFloor };
const COST: Figure = Figure { name: "CPU ms/session to set up", decimals: 3, base: Base::LeastOfFloor };
const REST: Figure = Figure { name: "CPU s in 10 s", decimals: 2, base: Base::Nothing };
const THERE: Figure = Figure { name: "sessions", decimals: 0, base: Base::Nothing };

/// Logins at a time.
const DOORS: usize = 32;
/// email-oauth2-proxy has never more connections than `select()` can count.
const MOST_OF_EMAILPROXY: usize = 450;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Clear,
    UnderTls,
    Stalled,
}

/// Each peer by itself, started anew: its memory before, with the sessions, and after.
pub(crate) async fn measure(stage: &Stage, choice: &Choice, ledger: &mut Ledger) {
    for _ in 0..choice.repetitions {
        for way in [Way::Clear, Way::UnderTls, Way::Stalled] {
            for kind in stage.kinds().filter(|kind| kind.relays() && !choice.is_too_slow(*kind)) {
                let Some(peer) = stage.peer(kind).await else { continue };
                let program =
                    if way == Way::UnderTls { peer.program_under_tls() } else { peer.program(Protocol::Imap) };
                if let Some(program) = program {
                    ledger.add(one(&peer, choice, way, &program).await);
                }
            }
        }
    }
}

async fn one(peer: &Peer, choice: &Choice, way: Way, program: &Program) -> Record {
    let most = if peer.kind == Kind::Emailproxy { MOST_OF_EMAILPROXY } else { usize::MAX };
    let (wanted, setting) = match way {
        Way::Clear => (choice.idle, format!("{} sessions, in clear from the program", choice.idle)),
        Way::UnderTls => (choice.idle, format!("{} sessions, TLS on both sides", choice.idle)),
        Way::Stalled => (choice.stalled, format!("{} readers stalled in a message", choice.stalled)),
    };
    // Each user's first login costs a hash, and not each session.
    for number in 0..wanted.min(USERS) {
        drop(program.visit(number, Errand::Login).await);
    }
    sleep(choice.settling()).await;
    let process = peer.process().unwrap();
    let (before, disturbance, start) = (process.vitals(), Disturbance::begin(), process.processor());
    let mut crowd = crowd(program, wanted.min(most), DOORS).await;
    settle(&mut crowd, way).await;
    let set_up = process.processor() - start;
    sleep(choice.settling()).await;
    let (during, there) = (process.vitals(), crowd.sessions.len());
    let rest = rest(process, choice).await;
    let mut figures = figures(before, during, there);
    if way != Way::Stalled {
        figures.extend([(&COST, 1e3 * set_up / count(there)), (&REST, rest)]);
    }
    figures.push((&THERE, count(there)));
    let (mut failures, mut trouble) = (crowd.failures, crowd.trouble.take());
    if way == Way::Stalled {
        drop(crowd);
    } else {
        let gone = there - crowd.leave().await;
        failures += gone;
        trouble = trouble.or_else(|| (gone > 0).then(|| format!("{gone} sessions were gone in the end")));
    }
    Record { bench: "idle", setting, peer: peer.kind, figures, disturbed: disturbance.cores(), failures, trouble }
}

/// They wait for news, or stop reading.
async fn settle(crowd: &mut Crowd, way: Way) {
    for session in &mut crowd.sessions {
        // Who is gone is counted in the end.
        drop(session.select().await);
        drop(if way == Way::Stalled { session.ask_for_message().await } else { session.idle().await });
    }
}

async fn rest(process: Process, choice: &Choice) -> f64 {
    let before = process.processor();
    sleep(if choice.rehearsal { choice.settling() } else { Duration::from_secs(10) }).await;
    process.processor() - before
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
fn figures(before: Vitals, during: Vitals, there: usize) -> Vec<(&'static Figure, f64)> {
    let each = |before: u64, during: u64| (during as f64 - before as f64) / count(there);
    vec![(&MEMORY, each(before.resident, during.resident)), (&SHARED, each(before.proportional, during.proportional))]
}
