//! The database is away, silent, slow. What is in memory goes on being served, sessions go on, and nothing is refreshed that
//! could not be kept.

use std::time::Duration;

use tokio::time::sleep;

use crate::faults::wires;
use crate::plays::{Scene, go_on, sessions};
use crate::wire::Mode;

/// Long enough that tokens come due meanwhile.
const AWAY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn sessions_and_cached_tokens_survive_a_restart_of_the_database() {
    let Some(scene) = Scene::own().await else { return };
    let mut under_way = sessions(&scene.stage).await;
    scene.ledger.strict(true);
    scene.stage.postgres.stop().await;
    scene.serves(10).await;
    sleep(AWAY).await;
    go_on(&mut under_way).await;
    scene.stage.postgres.start().await;
    scene.refreshes(20).await;
    // In the middle of everything, without a goodbye.
    scene.stage.postgres.kill().await;
    scene.serves(10).await;
    scene.stage.postgres.start().await;
    scene.refreshes(20).await;
    go_on(&mut under_way).await;
    scene.ledger.strict(false);
    scene.ends(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_frozen_holds_up_no_login_with_a_cached_token() {
    let Some(scene) = Scene::own().await else { return };
    let mut under_way = sessions(&scene.stage).await;
    scene.ledger.strict(true);
    scene.stage.postgres.freeze().await;
    scene.serves(10).await;
    sleep(AWAY).await;
    go_on(&mut under_way).await;
    scene.stage.postgres.thaw().await;
    scene.refreshes(20).await;
    scene.ledger.strict(false);
    scene.ends(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn a_replica_without_the_database_serves_what_it_knows_and_the_others_refresh() {
    let Some(scene) = Scene::shared().await else { return };
    scene.ledger.strict(true);
    for (replica, mode) in [(0, Mode::Cut), (1, Mode::Hung)] {
        // What it had been answered is not caught between provider and database for longer than others wait.
        wires(&scene.stage, &[replica], mode, AWAY).await;
        scene.serves(6).await;
    }
    scene.refreshes(20).await;
    scene.ledger.strict(false);
    scene.ends(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn a_database_far_away_costs_cached_logins_nothing() {
    let Some(scene) = Scene::shared().await else { return };
    scene.ledger.strict(true);
    scene.stage.all_wires(Mode::Slow(Duration::from_millis(150)));
    scene.serves(10).await;
    scene.refreshes(20).await;
    scene.stage.all_wires(Mode::Whole);
    scene.refreshes(20).await;
    scene.ledger.strict(false);
    scene.ends(&[]).await;
}
