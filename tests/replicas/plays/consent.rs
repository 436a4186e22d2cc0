//! A person signs in: it begins on one replica, which dies, and ends on another.

use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::faults::{comes_back, killed};
use crate::plays::Scene;
use crate::programs::account_at;
use crate::stage::{PERSON, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_began_on_a_replica_that_died_ends_on_another() {
    let Some(mut scene) = Scene::shared().await else { return };
    let stage = &mut scene.stage;
    let pages = stage.balancer.pages;
    let redirect = format!("http://{pages}/oauth/callback");
    stage.peers.oauth(&format!("/redirect?client=web&uri={redirect}"));
    let mut add = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    let added = add.args(["admin", "key", "add", "tests", "--scope", "authorize", "--config"]);
    let added = added.arg(stage.replicas[1].config()).output().unwrap();
    let said = String::from_utf8(added.stdout).unwrap() + &String::from_utf8_lossy(&added.stderr);
    let key = said.split_whitespace().find(|word| word.starts_with("gpk_")).unwrap_or_else(|| panic!("{said}"));
    let http = reqwest::Client::builder().no_proxy();
    let tls = gatepost::net::client_config(None).unwrap();
    let http = http.tls_backend_preconfigured((*tls).clone()).build().unwrap();
    let address = format!("http://{}/api/v1/tokens/{PERSON}/authorizations", stage.replicas[0].places.admin);
    let begun = http.post(address).bearer_auth(key).send().await.unwrap().text().await.unwrap();
    let begun: serde_json::Value = serde_json::from_str(&begun).unwrap();
    let url = begun["task"]["url"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();

    assert!(killed(stage, 0).await);
    let (peers, mailbox) = (stage.peers, stage.person());
    let answer = tokio::task::spawn_blocking(move || peers.consents(&url, &mailbox)).await.unwrap();
    assert!(answer.starts_with(&redirect), "{answer}");
    let page = http.get(&answer).send().await.unwrap();
    let (status, page) = (page.status(), page.text().await.unwrap());
    assert!(status == 200 && page.contains("is authorized"), "{status} {page}");
    eventually("it is said", || !stage.events("token.authorized").is_empty()).await;
    comes_back(stage, 0).await;
    // Everybody knows, also who was not there.
    for replica in 0..crate::REPLICAS {
        let address = scene.stage.replicas[replica].places.imap;
        let end = Instant::now() + Duration::from_mins(1);
        let mut trouble = account_at(address, PERSON).await.err();
        // Right after a start all tokens are refreshed.
        while trouble.is_some() && Instant::now() < end {
            sleep(Duration::from_secs(1)).await;
            trouble = account_at(address, PERSON).await.err();
        }
        assert!(trouble.is_none(), "{trouble:?}\n{}", scene.stage.logs());
    }
    scene.ends(&[]).await;
}
