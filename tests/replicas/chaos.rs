//! All faults at random, for as long as is wanted.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::faults::{
    comes_back, drained, goes_on, killed, killed_amid_messages, killed_at_refreshes, stopped_at_refreshes, wires,
};
use crate::plays::Scene;
use crate::wire::Mode;
use crate::{REPLICAS, judge};

/// Tokens that are refreshed all the time.
const TOKENS: usize = 200;

/// A few of each that a short run has time for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn in_small() {
    play(Duration::from_secs(12), 7).await;
}

/// As long as `GATEPOST_CHAOS_SECONDS` says, with the faults that `GATEPOST_CHAOS_SEED` makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes; tests/chaos"]
async fn long() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seconds = number("GATEPOST_CHAOS_SECONDS").unwrap_or(600);
    let seed = number("GATEPOST_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    play(Duration::from_secs(seconds), seed).await;
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    KilledAtRefreshes,
    KilledAmidMessages,
    Killed,
    Drained,
    StandsStill,
    DatabaseRestarts,
    DatabaseDies,
    DatabaseFrozen,
    CutOff,
    Silent,
    AllCutOff,
    Slow,
    Quiet,
}

const FAULTS: [Fault; 13] = [
    Fault::KilledAtRefreshes,
    Fault::KilledAmidMessages,
    Fault::Killed,
    Fault::Drained,
    Fault::StandsStill,
    Fault::DatabaseRestarts,
    Fault::DatabaseDies,
    Fault::DatabaseFrozen,
    Fault::CutOff,
    Fault::Silent,
    Fault::AllCutOff,
    Fault::Slow,
    Fault::Quiet,
];

/// Numbers that the same seed makes again (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn time(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(usize::try_from(most - least).unwrap()) as u64)
    }
}

async fn play(length: Duration, seed: u64) {
    let Some(mut scene) = Scene::with(TOKENS).await else { return };
    println!("seed {seed}");
    let (mut dice, end) = (Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1), Instant::now() + length);
    let mut played = 0;
    while Instant::now() < end {
        let (fault, replica) = (FAULTS[dice.below(FAULTS.len())], dice.below(REPLICAS));
        println!("{fault:?} {}", scene.stage.replicas[replica].name);
        happens(&mut scene, fault, replica, &mut dice).await;
        judge::once(&scene.stage, &[]);
        played += 1;
        sleep(dice.time(200, 3000)).await;
    }
    println!("{played} faults in {} s with seed {seed}", length.as_secs());
    scene.ends(&[]).await;
}

async fn happens(scene: &mut Scene, fault: Fault, replica: usize, dice: &mut Dice) {
    let (stage, ledger) = (&mut scene.stage, &scene.ledger);
    let away = dice.time(500, 8000);
    match fault {
        Fault::KilledAtRefreshes => {
            killed_at_refreshes(stage, replica).await;
            sleep(away).await;
            comes_back(stage, replica).await;
        }
        Fault::KilledAmidMessages => {
            if killed_amid_messages(stage, ledger, replica).await {
                comes_back(stage, replica).await;
            }
        }
        Fault::Killed => {
            if killed(stage, replica).await {
                sleep(away).await;
                comes_back(stage, replica).await;
            }
        }
        Fault::Drained => {
            drained(stage, replica).await;
            comes_back(stage, replica).await;
        }
        Fault::StandsStill => {
            stopped_at_refreshes(stage, replica).await;
            sleep(away * 6).await;
            goes_on(stage, replica).await;
        }
        Fault::DatabaseRestarts => {
            stage.postgres.stop().await;
            sleep(away).await;
            stage.postgres.start().await;
        }
        Fault::DatabaseDies => {
            stage.postgres.kill().await;
            sleep(away).await;
            stage.postgres.start().await;
        }
        Fault::DatabaseFrozen => {
            stage.postgres.freeze().await;
            sleep(away).await;
            stage.postgres.thaw().await;
        }
        Fault::CutOff => wires(stage, &[replica], Mode::Cut, away).await,
        Fault::Silent => wires(stage, &[replica], Mode::Hung, away).await,
        Fault::AllCutOff => wires(stage, &[0, 1, 2], Mode::Cut, away).await,
        Fault::Slow => wires(stage, &[0, 1, 2], Mode::Slow(dice.time(5, 300)), away).await,
        Fault::Quiet => sleep(away).await,
    }
}
