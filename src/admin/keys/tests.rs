use chrono::TimeDelta;
use secrecy::ExposeSecret as _;

use super::super::tests::browser::Browser;
use super::super::tests::desk;
use super::*;
use crate::registry::Actor;
use crate::store::Kind;

fn somebody() -> Actor {
    Actor { who: "command line".into(), from: "root".into() }
}

#[tokio::test]
async fn a_key_is_good_for_what_it_was_made_for_until_it_ends() {
    let (desk, _directory) = desk("http://localhost/").await;
    let now = clock::now();
    let ends = (now + TimeDelta::hours(1)).to_rfc3339();
    let scopes = [Scope::Test, Scope::Read, Scope::Test];
    let secret = desk.ring.add(&somebody(), " monitoring ", &scopes, Some(&ends)).await.unwrap();
    let secret = secret.expose_secret();
    assert!(secret.starts_with("gpk_") && secret.len() == 47);
    let key = desk.ring.find(secret, now).await.unwrap().unwrap();
    assert_eq!((key.name.as_str(), &key.scopes[..]), ("monitoring", &[Scope::Read, Scope::Test][..]));
    assert!(key.may(Scope::Read) && !key.may(Scope::Manage));
    assert_eq!(desk.ring.find(secret, now + TimeDelta::hours(1)).await.unwrap(), None);
    for other in ["", "gpk_", "gpk_forged", &secret[..46], &format!("{secret}x"), &"gpk_x".repeat(100)] {
        assert_eq!(desk.ring.find(other, now).await.unwrap(), None, "{other}");
    }
    assert!(desk.ring.list().await.unwrap()[0].used.is_some());
    let record = desk.store.record(Kind::ApiKey, "monitoring").await.unwrap();
    assert!(!record.content.unwrap().unwrap().contains(&secret[4..]), "the store has its hash alone");
    desk.ring.remove(&somebody(), "monitoring").await.unwrap();
    assert_eq!(desk.ring.find(secret, now).await.unwrap(), None);
    let deeds = desk.store.deeds(None, 9).await.unwrap();
    let deeds: Vec<_> = deeds.iter().map(|noted| (noted.deed.what.as_str(), noted.deed.detail.as_str())).collect();
    assert_eq!(deeds, [("key.removed", ""), ("key.added", "read, test")]);
}

#[tokio::test]
async fn a_key_that_is_removed_while_another_call_looks_for_it_stays_removed() {
    let (desk, _directory) = desk("http://localhost/").await;
    let now = clock::now();
    let secret = desk.ring.add(&somebody(), "monitoring", &[Scope::Read], None).await.unwrap();
    let mut looking = std::pin::pin!(desk.ring.find(secret.expose_secret(), now));
    tokio::select! {
        biased;
        _ = &mut looking => {}
        () = std::future::ready(()) => {}
    }
    desk.ring.remove(&somebody(), "monitoring").await.unwrap();
    assert!(looking.await.is_ok());
    assert_eq!(desk.ring.find(secret.expose_secret(), now).await.unwrap(), None);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_told() {
    let (desk, _directory) = desk("http://localhost/").await;
    let add = |name: &'static str, scopes: &'static [Scope], expires: Option<&'static str>| {
        let desk = desk.clone();
        async move { desk.ring.add(&somebody(), name, scopes, expires).await.map(drop).map_err(|fault| fault.to_string()) }
    };
    let read = &[Scope::Read];
    add("a", read, Some("2999-01-31")).await.unwrap();
    for (name, scopes, expires, part) in [
        ("a", &read[..], None, "already"),
        ("", read, None, "1 to 64"),
        ("a\nb", read, None, "control"),
        ("b", &[], None, "at least one scope"),
        ("b", read, Some("2001-01-31"), "past"),
        ("b", read, Some("tomorrow"), "no date"),
    ] {
        let told = add(name, scopes, expires).await.unwrap_err();
        assert!(told.contains(part), "{told}");
    }
    assert!(desk.ring.remove(&somebody(), "b").await.unwrap_err().to_string().contains("no key"));
}

#[tokio::test]
async fn on_the_page_a_key_is_shown_once_and_removed_after_a_question() {
    let (desk, _directory) = desk("https://mail.example.com/gatepost/").await;
    let mut browser = Browser::signed_in(&desk).await;
    let name = "<b>\"&/%";
    let made = browser.post("/keys", &[("name", name), ("scopes", "read"), ("scopes", "test"), ("expires", "")]).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    let (_, secret) = made.text.split_once("gpk_").unwrap();
    let secret = format!("gpk_{}", &secret[..43]);
    assert!(desk.ring.find(&secret, clock::now()).await.unwrap().unwrap().may(Scope::Test));
    assert!(!made.text.contains("<b>"), "{made:?}");
    let list = browser.get("/keys").await;
    assert!(list.text.contains("read, test") && !list.text.contains("gpk_"), "{list:?}");
    let link = "/gatepost/keys/remove?name=%3Cb%3E%22%26%2F%25";
    assert!(list.text.contains(link), "{list:?}");
    let asked = browser.get(link).await;
    assert!(asked.text.contains("action=\"/gatepost/keys/remove\""), "{asked:?}");
    for wrong in [&[("name", "c"), ("scopes", "all")][..], &[("name", "c")], &[("name", ""), ("scopes", "read")]] {
        let answer = browser.post("/keys", wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!answer.text.contains("scope:") && !answer.text.contains("one scope"), "words of the form: {answer:?}");
    }
    for _ in 0..2 {
        assert_eq!(browser.post("/keys/remove", &[("name", name)]).await.header("location"), "/gatepost/keys");
    }
    assert!(browser.get("/keys").await.text.contains("There is none yet"));
}
