mod form;

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::super::tests::browser::Browser;
use super::super::tests::{desk, desk_with};
use super::*;
use crate::config::{Config, Settings};
use crate::registry::Actor;

const PUBLIC: &str = "https://mail.example.com/gatepost/";

fn settings(mailbox: &str) -> Settings {
    let settings = json!({
        "provider": "google", "grant": "authorization_code", "mailbox": mailbox, "client_id": "client.apps",
        "client_secret": "s3cret-of-the-client", "client_secret_ends": "2090-01-31"
    });
    settings.as_object().unwrap().clone()
}

fn me() -> Actor {
    Actor { who: "administrator".into(), from: String::new() }
}

#[tokio::test]
async fn a_token_is_listed_shown_with_all_that_is_known_and_forgotten() {
    let (desk, _directory) = desk(PUBLIC).await;
    desk.registry.add_token(&me(), "support", settings("support@example.com")).await.unwrap();
    let mut browser = Browser::signed_in(&desk).await;
    let list = browser.get("/tokens?q=SUPPORT").await.text;
    assert!(list.contains("href=\"/gatepost/tokens/support\"") && list.contains("needs authorization"), "{list}");
    assert!(browser.get("/tokens?q=nothing").await.text.contains("No token has nothing"));
    let page = browser.get("/tokens/support").await.text;
    for said in [
        "https://mail.example.com/gatepost/oauth/callback",
        "action=\"/gatepost/tokens/support/authorize\"",
        "support@example.com",
        "client.apps",
        "https://mail.google.com/",
        "Press &#34;Get token&#34;",
        "The client secret",
        "2090-01-31",
        "None yet.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("s3cret"), "{page}");
    let asked = browser.get("/tokens/support/forget").await.text;
    assert!(asked.contains("No account uses it") && asked.contains("action=\"/gatepost/tokens/support/forget\""));
    for _ in 0..2 {
        let done = browser.post("/tokens/support/forget", &[]).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/gatepost/tokens"));
    }
    assert!(browser.get("/tokens").await.text.contains("The token support and its settings are forgotten."));
    assert_eq!(browser.get("/tokens/support").await.status, StatusCode::NOT_FOUND);
    let deeds = desk.store.deeds(None, 10).await.unwrap();
    assert_eq!(deeds.iter().filter(|noted| noted.deed.what == "token.forgotten").count(), 1, "{deeds:?}");
}

#[tokio::test]
async fn what_has_to_be_registered_is_known_before_the_token_is_there() {
    let (mut desk, directory) = desk(PUBLIC).await;
    let file = directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("public_url", "# public_url");
    std::fs::write(&file, text).unwrap();
    desk.config = Arc::new(Config::load(&file, Vec::new()).unwrap());
    let mut browser = Browser::signed_in(&desk).await;
    let form = browser.get("/tokens/add").await.text;
    let (_, shown) = form.split_once("<code id=\"redirect\"").unwrap();
    let shown = shown.split_once('>').unwrap().1.split('<').next().unwrap();
    assert!(shown.starts_with("http://localhost:") && shown.ends_with("/oauth/callback"), "{shown}");
    desk.registry.add_token(&me(), "support", settings("support@example.com")).await.unwrap();
    assert!(browser.get("/tokens/support").await.text.contains(shown));
}

#[tokio::test]
async fn any_name_has_its_pages_and_does_no_harm() {
    let (desk, _directory) = desk(PUBLIC).await;
    let names = [
        "add",
        "~add",
        "..",
        "a/b%2F?#",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}",
    ];
    for name in names {
        desk.registry.add_token(&me(), name, settings("<b>@example.com")).await.unwrap();
    }
    let mut browser = Browser::signed_in(&desk).await;
    let list = browser.get("/tokens").await.text;
    for name in names {
        let link = format!("href=\"/gatepost{}\"", address::path(name));
        assert!(list.contains(&link), "{link}: {list}");
        for page in ["", "/forget"] {
            let answer = browser.get(&format!("{}{page}", address::path(name))).await;
            assert_eq!(answer.status, StatusCode::OK, "{name}");
            let own = format!("\"/gatepost{}/forget\"", address::path(name));
            assert!(answer.text.contains(&own), "{own}: {}", answer.text);
            let text = answer.text.to_lowercase();
            assert!(!text.contains("<script>a") && !text.contains("<img") && !text.contains("<b>"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_imported_and_never_shown() {
    let (desk, _directory) = desk(PUBLIC).await;
    let token = desk.registry.add_token(&me(), "support", settings("support@example.com")).await.unwrap();
    let mut browser = Browser::signed_in(&desk).await;
    browser.post("/tokens/support/import", &[("refresh_token", " ")]).await;
    assert!(browser.get("/tokens/support").await.text.contains("No refresh token was imported"));
    let done = browser.post("/tokens/support/import", &[("refresh_token", "1//imported\n")]).await;
    assert_eq!(done.header("location"), "/gatepost/tokens/support");
    let page = browser.get("/tokens/support").await.text;
    assert!(page.contains("The refresh token is imported") && !page.contains("1//imported"), "{page}");
    let state = desk.store.token(&token.name).await.unwrap().state;
    assert!(state.refresh.is_some_and(|secret| secrecy::ExposeSecret::expose_secret(&secret) == "1//imported"));
}

#[tokio::test]
async fn what_cannot_be_used_is_shown_with_its_reason() {
    let (desk, _directory) = desk(PUBLIC).await;
    let record = desk.store.record(crate::store::Kind::Token, "old").await.unwrap();
    let _ = desk.store.put(record.with(Some("{\"provider\":\"nowhere\"}".into())), None).await.unwrap();
    desk.registry.look().await.unwrap();
    let mut browser = Browser::signed_in(&desk).await;
    assert!(browser.get("/tokens").await.text.contains("unusable"));
    let page = browser.get("/tokens/old").await.text;
    assert!(page.contains("no provider") && page.contains("/tokens/old/edit"), "{page}");
    browser.post("/tokens/old/forget", &[]).await;
    assert_eq!(browser.get("/tokens/old").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_what_makes_sense_can_be_pressed() {
    let (desk, _directory) = desk(PUBLIC).await;
    let key = r#"{"type":"service_account","client_email":"a@p.example","private_key":"-----BEGIN","token_uri":"https://oauth2.googleapis.com/token"}"#;
    let many = json!({ "provider": "google", "grant": "service_account", "service_account": key });
    let password =
        json!({ "provider": "yahoo", "grant": "app_password", "mailbox": "a@example.com", "password": "s3cret" });
    for (name, settings) in [("many", many), ("password", password)] {
        desk.registry.add_token(&me(), name, settings.as_object().unwrap().clone()).await.unwrap();
    }
    desk.registry.add_token(&me(), "support", settings("support@example.com")).await.unwrap();
    let mut browser = Browser::signed_in(&desk).await;
    for (name, authorize, refresh, mailbox, import) in [
        ("many", false, true, true, false),
        ("password", false, false, false, false),
        ("support", true, false, false, true),
    ] {
        let page = browser.get(&address::path(name)).await.text;
        let has = |deed: &str| page.contains(&format!("action=\"/gatepost/tokens/{name}/{deed}\""));
        let found = (has("authorize"), has("refresh"), page.contains("name=\"mailbox\""), has("import"));
        assert_eq!(found, (authorize, refresh, mailbox, import), "{name}: {page}");
        assert!(has("disable") && page.contains("/edit\""), "{name}: {page}");
    }
}

#[tokio::test]
async fn a_token_of_a_file_is_shown_with_its_place_and_stays_as_it_is() {
    let token = "\n[tokens.filed]\nprovider = \"google\"\ngrant = \"authorization_code\"\nmailbox = \"a@example.com\"\nclient_id = \"c\"\n";
    let (desk, _directory) = desk_with(PUBLIC, token).await;
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/tokens/filed").await.text;
    assert!(page.contains("Declared in a file:") && page.contains("gatepost.toml:"), "{page}");
    assert!(
        page.contains("filed/authorize") && !page.contains("filed/edit") && !page.contains("filed/disable"),
        "{page}"
    );
    let answer = browser.get("/tokens/filed/edit").await;
    assert!(answer.status == StatusCode::CONFLICT && answer.text.contains("gatepost.toml:"), "{}", answer.text);
    browser.post("/tokens/filed/disable", &[("disabled", "true")]).await;
    assert!(browser.get("/tokens/filed").await.text.contains("Not done:"));
    assert!(!desk.registry.declared().find("filed").unwrap().disabled);
    browser.post("/tokens/filed/import", &[("refresh_token", "1//x")]).await;
    let forgotten = browser.post("/tokens/filed/forget", &[]).await;
    assert_eq!(forgotten.header("location"), "/gatepost/tokens/filed");
    assert!(desk.store.token("filed").await.unwrap().state.refresh.is_none());
}
