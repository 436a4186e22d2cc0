//! Two desks on one database, neither of which hears news of the other, and a browser whose every request comes to the other one.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use gatepost_kit::{Device, Postgres};
use secrecy::ExposeSecret as _;
use tokio::time::{Duration, sleep, timeout};

use super::browser::{Answer, Browser, PASSWORD, set_password};
use super::scene::{MAILBOX, PUBLIC, Scene};
use crate::activity::SessionId;
use crate::admin::keys::Scope;
use crate::consent::{Outcome, look};
use crate::registry::Actor;
use crate::store::generate_key;

/// None where there is no PostgreSQL.
async fn two() -> Option<[Scene; 2]> {
    let url = Postgres::shared().await?.database().await;
    let first = Scene::new().await;
    let (provider, key) = (std::sync::Arc::clone(&first.provider), generate_key().unwrap());
    let one = Scene::before(std::sync::Arc::clone(&provider), &url, &key).await;
    let other = Scene::before(provider, &url, &key).await;
    set_password(&one.desk).await;
    Some([one, other])
}

async fn browser([one, other]: &[Scene; 2]) -> Browser {
    let mut browser = Browser::between([&one.desk, &other.desk]);
    let answer = browser.sign_in(PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert!(!browser.csrf.is_empty(), "signed in at both");
    browser
}

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.header("location").strip_prefix("/gatepost").unwrap().to_owned()
}

#[tokio::test]
async fn what_one_has_done_the_other_shows_and_a_password_once() {
    let Some(two) = two().await else { return };
    let mut browser = browser(&two).await;
    let fields = [
        ("name", "desk"),
        ("token", "machine"),
        ("how", "generate"),
        ("sender.policy", "keep"),
        ("sender.reply_to", "true"),
    ];
    let page = location(&browser.post("/accounts/add", &fields).await);
    let shown = browser.get(&page).await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    assert!(shown.text.contains("The account is added."), "{shown:?}");
    for _ in 0..2 {
        assert_eq!(browser.get(&page).await.status, StatusCode::GONE, "once, and from one of them");
        assert_eq!(browser.get("/accounts/desk").await.status, StatusCode::OK);
    }
    for (deed, said) in [("disable", "is disabled"), ("enable", "is enabled")] {
        let page = location(&browser.post(&format!("/accounts/desk/{deed}"), &[]).await);
        let shown = browser.get(&page).await;
        assert!(shown.text.contains(said), "{deed}: {shown:?}");
    }
    location(&browser.post("/sign-out", &[]).await);
    for _ in 0..2 {
        assert!(browser.get("/accounts").await.is_for_strangers());
    }
}

#[tokio::test]
async fn an_authorization_begun_on_one_comes_back_on_the_other() {
    let Some(two) = two().await else { return };
    let mut browser = browser(&two).await;
    let place = location(&browser.post("/tokens/support/authorize", &[("way", "browser")]).await);
    let page = browser.get(&place).await.text;
    let link = page.split("class=\"button\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let back = two[0].provider.consent(&link.replace("&#38;", "&").replace("&amp;", "&"), MAILBOX);
    let back = format!("/{}", back.strip_prefix(PUBLIC).unwrap());
    assert_eq!(location(&browser.get(&back).await), "/tokens/support");
    let told = browser.get("/tokens/support").await.text;
    assert!(told.contains("support@example.com signed in"), "{told}");
    assert!(two[0].holds_a_grant().await && two[1].holds_a_grant().await);
    assert_eq!(location(&browser.get(&back).await), place, "it is good once, also at the other");
}

#[tokio::test]
async fn a_device_code_is_polled_for_by_one_and_by_another_when_that_has_gone() {
    let Some([one, other]) = two().await else { return };
    one.provider.device([Device::Pending, Device::Pending, Device::Pending, Device::Approved(MAILBOX.into())]);
    let party = (one.desk.find)("support").unwrap();
    let id = one.desk.devices.begin(&party, &crate::consent::By::default()).await.unwrap();
    other.desk.devices.take_up().await.unwrap();
    assert!(format!("{:?}", other.desk.devices).contains("polled: 0"), "it only looks after those left behind");
    one.stop.cancel();
    one.desk.devices.ended().await;
    other.desk.devices.take_up().await.unwrap();
    let decided = async {
        loop {
            let seen = look(other.desk.store.as_ref(), &id, None).await.unwrap().unwrap();
            match seen.outcome {
                Outcome::Waiting => sleep(Duration::from_millis(50)).await,
                outcome => return outcome,
            }
        }
    };
    let outcome = timeout(Duration::from_mins(1), decided).await.unwrap();
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert!(other.holds_a_grant().await);
    assert_eq!(one.provider.take_violations(), [""; 0], "nobody polled beside the other");
    other.stop.cancel();
    other.desk.devices.ended().await;
}

#[tokio::test]
async fn an_examination_at_one_is_seen_through_the_other() {
    let Some(two) = two().await else { return };
    let mut browser = browser(&two).await;
    let place = location(&browser.post("/accounts/evmail/test", &[]).await);
    let ending = async {
        loop {
            let pages = [browser.get(&place).await, browser.get(&place).await];
            if pages.iter().all(|page| page.text.contains("3 logins tried, and all of them work")) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), ending).await.unwrap();
}

#[tokio::test]
async fn a_key_that_one_has_made_opens_the_other_and_a_session_elsewhere_is_not_ended_in_silence() {
    let Some(two) = two().await else { return };
    let mut browser = browser(&two).await;
    let by = Actor { who: "command line".into(), from: String::new() };
    let make = async |desk: &super::Desk, name: &str| {
        desk.ring.add(&by, name, &[Scope::Read, Scope::Manage], None).await.unwrap().expose_secret().to_owned()
    };
    let early = make(&two[0].desk, "early").await;
    let asked = |browser: &Browser, key: &str, method: Method, path: &str| {
        let request = browser.request(method, path).header("authorization", format!("Bearer {key}"));
        request.body(Body::empty()).unwrap()
    };
    for _ in 0..2 {
        let request = asked(&browser, &early, Method::GET, "/api/v1/sessions");
        let answer = browser.send(request).await;
        assert!(answer.status == StatusCode::OK && answer.text.contains("\"replica\":\"east-1\""), "{answer:?}");
    }
    let late = make(&two[0].desk, "late").await;
    for _ in 0..2 {
        let request = asked(&browser, &late, Method::GET, "/api/v1/accounts/evmail");
        assert_eq!(browser.send(request).await.status, StatusCode::OK);
    }
    let foreign = format!("x{}", SessionId::next());
    let request = asked(&browser, &late, Method::DELETE, &format!("/api/v1/sessions/{foreign}"));
    let answer = browser.send(request).await;
    assert!(answer.status == StatusCode::NOT_FOUND && answer.text.contains("none of replica east-1"), "{answer:?}");
    let page = location(&browser.post(&format!("/sessions/{foreign}/end"), &[]).await);
    assert!(browser.get(&page).await.text.contains("none of replica east-1"));
}
