//! Replicas die, stand still and leave.

use std::time::Duration;

use tokio::time::sleep;

use crate::faults::{comes_back, drained, goes_on, killed_amid_messages, killed_at_refreshes, stopped_at_refreshes};
use crate::front::Gate;
use crate::plays::{Scene, warm};
use crate::stage::{Stage, eventually, within};

/// Every token of these has another refresh token than before, and another replica was given it.
async fn refreshed_by_others(stage: &Stage, tokens: &[usize], replica: usize) {
    let before = stage.front.book().latest.clone();
    let by_others = || {
        let book = stage.front.book();
        let is_new = |token: &usize| {
            let (now, giver) = &book.latest[*token];
            *now != before[*token].0 && giver.is_some_and(|giver| giver != replica)
        };
        tokens.iter().all(is_new)
    };
    // With the stage's `token_seconds` a lease lasts for 130 s.
    within(Duration::from_mins(5), "others take over", by_others).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn a_replica_that_dies_at_its_refreshes_is_taken_over() {
    let Some(mut scene) = Scene::shared().await else { return };
    let held = killed_at_refreshes(&mut scene.stage, 0).await;
    scene.stage.leases_end(&held).await;
    refreshed_by_others(&scene.stage, &held, 0).await;
    comes_back(&mut scene.stage, 0).await;
    let held = killed_at_refreshes(&mut scene.stage, 1).await;
    scene.stage.leases_end(&held).await;
    comes_back(&mut scene.stage, 1).await;
    scene.refreshes(30).await;
    scene.ends(&[]).await;
}

/// What no disk has seen is gone with the process. One token is lost, a person is called once, and nothing else suffers.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_dies_with_its_replica_costs_one_token_and_one_call() {
    let Some(mut scene) = Scene::shared().await else { return };
    let stage = &mut scene.stage;
    stage.front.gate(0, Gate::After);
    eventually("an answer that waits", || !stage.front.book().kept_back[0].is_empty()).await;
    stage.replicas[0].kill();
    // Others were on their way to the provider with it.
    eventually("the provider's last answers", || stage.front.book().asked[0] == 0).await;
    // What it had sent to the database still comes there.
    sleep(Duration::from_secs(10)).await;
    let lost = stage.unsaved(Some(0)).await;
    assert!(!lost.is_empty(), "no answer was lost\n{}", stage.logs());
    stage.front.gate(0, Gate::Lost);
    stage.leases_end(&lost).await;
    let names: Vec<_> = lost.iter().map(|token| format!("t{token}")).collect();
    let called = |stage: &Stage, name: &str| {
        stage.events("token.needs_authorization").iter().filter(|event| event["token"] == name).count()
    };
    eventually("a person is called", || names.iter().all(|name| called(stage, name) > 0)).await;
    stage.front.gate(0, Gate::Open);
    comes_back(stage, 0).await;
    scene.refreshes(30).await;
    for name in &names {
        assert_eq!(called(&scene.stage, name), 1, "{name}\n{}", scene.stage.logs());
    }
    scene.ends(&lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_amid_messages_loses_and_doubles_none() {
    let Some(mut scene) = Scene::shared().await else { return };
    for replica in [0, 1, 2] {
        scene.serves(5).await;
        killed_amid_messages(&mut scene.stage, &scene.ledger, replica).await;
        scene.serves(3).await;
        comes_back(&mut scene.stage, replica).await;
    }
    assert!(scene.ledger.accepted() > 0);
    scene.ends(&[]).await;
}

/// In the end it wakes up, believes in leases that are long over, and must not spend what others have.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn a_replica_that_stands_still_for_longer_than_its_leases_does_no_harm() {
    let Some(mut scene) = Scene::shared().await else { return };
    scene.ledger.stands_still();
    let held = stopped_at_refreshes(&mut scene.stage, 2).await;
    // The real time here: nobody ends the leases for it.
    refreshed_by_others(&scene.stage, &held, 2).await;
    goes_on(&mut scene.stage, 2).await;
    scene.refreshes(20).await;
    scene.ends(&[]).await;
}

/// One after the other, as an upgrade does it: no program notices.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and a machine for itself: tests/chaos plays"]
async fn replicas_that_are_drained_one_after_the_other_refuse_nobody() {
    let Some(mut scene) = Scene::shared().await else { return };
    scene.ledger.strict(true);
    for replica in [0, 1, 2] {
        drained(&mut scene.stage, replica).await;
        comes_back(&mut scene.stage, replica).await;
        warm(&scene.stage, replica).await;
        scene.serves(6).await;
    }
    scene.ledger.strict(false);
    assert!(scene.ledger.counted("sure sessions") > 0);
    scene.ends(&[]).await;
}
