//! Device codes.

use std::time::Duration;

use gatepost_kit::{Client, Device, Dialect, Peer, Provider, Settings};
use serde_json::Value;

use crate::scene::{USER, endpoint, escaped, opens, post, post_to};

const ASK: &str = "client_id=tool&scope=openid+offline_access+mail";

async fn provider() -> (Provider, Peer) {
    let provider = Provider::start().await;
    provider.register(Client::new("tool", USER));
    let peer = endpoint(&provider).await;
    (provider, peer)
}

async fn begin(peer: &mut Peer) -> (String, Value) {
    let (status, answer) = post_to(peer, "/devicecode", ASK, "").await;
    assert_eq!(status, 200);
    let code = escaped(answer["device_code"].as_str().unwrap());
    (format!("grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=tool&device_code={code}"), answer)
}

#[tokio::test]
async fn polls_find_what_was_scripted() {
    let (provider, mut peer) = provider().await;
    provider.set_device_interval(0);
    provider.device([Device::Pending, Device::Approved(USER.into()), Device::Declined, Device::Expired]);
    let (poll, answer) = begin(&mut peer).await;
    assert_eq!((&answer["expires_in"], &answer["interval"]), (&900.into(), &0.into()));
    assert!(answer["message"].as_str().unwrap().contains(answer["user_code"].as_str().unwrap()));
    assert_eq!(post(&mut peer, &poll, "").await.1["error"], "authorization_pending");
    let answer = post(&mut peer, &poll, "").await.1;
    assert!(opens(&provider, answer["access_token"].as_str().unwrap(), USER).await);
    assert!(answer["refresh_token"].is_string() && answer["id_token"].is_string());
    assert_eq!(answer["scope"], "openid mail");
    // The code is spent.
    assert_eq!(post(&mut peer, &poll, "").await.1["error"], "bad_verification_code");
    for error in ["authorization_declined", "expired_token"] {
        let (poll, _) = begin(&mut peer).await;
        assert_eq!(post(&mut peer, &poll, "").await.1["error"], error);
        assert_eq!(post(&mut peer, &poll, "").await.1["error"], "bad_verification_code");
    }
    let (poll, _) = begin(&mut peer).await;
    assert_eq!(post(&mut peer, &poll, "").await.1["error"], "authorization_pending");
    let paths: Vec<_> = provider.token_requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.iter().filter(|path| *path == "/devicecode").count(), 4);
}

#[tokio::test]
async fn impatience_is_noticed() {
    let (provider, mut peer) = provider().await;
    provider.set_device_interval(3);
    let (poll, _) = begin(&mut peer).await;
    tokio::time::sleep(Duration::from_millis(3001)).await;
    post(&mut peer, &poll, "").await;
    assert!(provider.take_violations().is_empty());
    post(&mut peer, &poll, "").await;
    assert_eq!(provider.take_violations().len(), 1);
    provider.device([Device::SlowDown]);
    tokio::time::sleep(Duration::from_millis(3001)).await;
    assert_eq!(post(&mut peer, &poll, "").await.1["error"], "slow_down");
    assert!(provider.take_violations().is_empty());
    tokio::time::sleep(Duration::from_millis(3001)).await;
    post(&mut peer, &poll, "").await;
    assert_eq!(provider.take_violations().len(), 1, "five seconds longer");
}

#[tokio::test]
async fn google_has_no_device_flow_for_mail() {
    let provider = Provider::with(Settings { dialect: Dialect::Google, ..Settings::default() }).await;
    provider.register(Client::new("tool", USER));
    let mut peer = endpoint(&provider).await;
    assert_eq!(post_to(&mut peer, "/devicecode", ASK, "").await.1["error"], "invalid_scope");
}
