use gatepost_kit::Device;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::lifecycle::Busy;

impl Scene {
    fn devices(&self, stop: &CancellationToken) -> Devices {
        let party = self.party.clone();
        let find: Find = Arc::new(move |name| Some(party.clone()).filter(|_| name == "support"));
        Devices::new(Arc::clone(&self.store) as Arc<dyn Store>, find, Busy::default(), stop.clone())
    }

    async fn seen(&self, id: &str) -> Consent {
        look(self.store.as_ref(), id, None).await.unwrap().unwrap()
    }

    async fn decided(&self, id: &str) -> Outcome {
        let deciding = async {
            loop {
                match self.seen(id).await.outcome {
                    Outcome::Waiting => sleep(Duration::from_millis(20)).await,
                    outcome => return outcome,
                }
            }
        };
        timeout(Duration::from_secs(20), deciding).await.unwrap()
    }
}

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.provider.set_device_interval(1);
    scene
}

#[tokio::test]
async fn a_code_is_polled_for_whoever_looks_on() {
    let scene = scene().await;
    scene.provider.device([Device::Pending, Device::Approved(MAILBOX.into())]);
    let devices = scene.devices(&CancellationToken::new());
    let id = devices.begin(&scene.party, &By::default()).await.unwrap();
    let Some(Task::Enter { code, url, .. }) = scene.seen(&id).await.task else { panic!("no code") };
    assert_eq!((&*code, &*url), ("SIM000001", "https://login.example/device"));
    let outcome = scene.decided(&id).await;
    assert!(
        matches!(outcome, Outcome::Accepted(Accepted { ref identity, .. }) if identity.as_deref() == Some(MAILBOX))
    );
    assert!(scene.holds_a_grant().await);
    assert_eq!(scene.provider.take_violations(), [""; 0]);
}

#[tokio::test]
async fn a_code_that_somebody_declines_or_that_is_for_another_mailbox_says_so() {
    let scene = scene().await;
    scene.provider.device([Device::Declined, Device::Approved("other@example.com".into())]);
    let devices = scene.devices(&CancellationToken::new());
    for said in ["authorization_declined", "other@example.com signed in"] {
        let id = devices.begin(&scene.party, &By::default()).await.unwrap();
        let Outcome::Failed(why, remedy) = scene.decided(&id).await else { panic!("not failed") };
        assert!(why.contains(said) && remedy.contains("token authorize support"), "{why} {remedy}");
    }
    assert!(!scene.holds_a_grant().await);
}

#[tokio::test]
async fn a_code_that_was_cancelled_brings_nothing() {
    let scene = scene().await;
    scene.provider.device([Device::Approved(MAILBOX.into())]);
    let stop = CancellationToken::new();
    let devices = scene.devices(&stop);
    let id = devices.begin(&scene.party, &By::default()).await.unwrap();
    assert!(cancel(scene.store.as_ref(), &id).await.unwrap().is_some());
    devices.ended().await;
    assert!(!scene.holds_a_grant().await);
    assert_eq!(scene.seen(&id).await.outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn a_code_outlives_a_restart_of_the_service() {
    let scene = scene().await;
    let stop = CancellationToken::new();
    let before = scene.devices(&stop);
    let id = before.begin(&scene.party, &By::default()).await.unwrap();
    stop.cancel();
    before.ended().await;
    scene.provider.device([Device::Approved(MAILBOX.into())]);
    let after = scene.devices(&CancellationToken::new());
    after.resume();
    assert!(matches!(scene.decided(&id).await, Outcome::Accepted(_)));
}

#[tokio::test]
async fn codes_are_bounded() {
    let scene = scene().await;
    let devices = scene.devices(&CancellationToken::new());
    let mut last = Ok(String::new());
    for _ in 0..=32 {
        last = devices.begin(&scene.party, &By::default()).await;
    }
    assert!(matches!(last, Err(ConsentError::TooMany(32))), "{last:?}");
}
