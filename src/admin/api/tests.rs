//! The document and the routes are the same, and every call needs its key. What calls answer when all is well is tested against
//! the running service (`tests/relay/api.rs`).

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::super::tests::browser::{Answer, Browser};
use super::super::tests::desk;
use super::super::tests::scene::Scene;
use super::*;
use crate::registry::Actor;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Each call of the document: method, path, and what it says.
fn calls() -> Vec<(String, String, Value)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        let path = path.clone();
        item.into_iter().filter(|(key, _)| key != "parameters").map(move |(method, call)| (method, path.clone(), call))
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let mut routed = BTreeSet::new();
    let source = include_str!("mod.rs");
    for route in source.split(".route(\"").skip(1) {
        let (path, handlers) = route.split_once("\", ").unwrap();
        let handlers = &handlers[..handlers.find(['\n', ';']).unwrap()];
        let path = if path.starts_with("/api/") { path.to_owned() } else { format!("/api/v1{path}") };
        for method in ["get", "post", "delete", "put", "patch"] {
            if handlers.starts_with(&format!("{method}(")) || handlers.contains(&format!(").{method}(")) {
                routed.insert((method.to_owned(), path.clone()));
            }
        }
    }
    let described: BTreeSet<_> = calls().into_iter().map(|(method, path, _)| (method, path)).collect();
    assert!(described.len() > 15);
    assert_eq!(routed, described);
}

#[test]
fn the_document_is_whole() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (_, path, call) in calls() {
        assert!(names.insert(call["operationId"].as_str().unwrap().to_owned()), "{path}");
        assert!(call["summary"].is_string() && call["responses"].is_object(), "{path}");
    }
    for reference in DOCUMENT.split("\"$ref\": \"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

async fn call(browser: &mut Browser, method: &str, path: &str, key: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(path).header("host", "localhost");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    browser.send(request.body(Body::empty()).unwrap()).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{answer:?}");
    let said: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{answer:?}"));
    assert!(said["error"].is_string() && said["remedy"].is_string(), "{said}");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn every_call_wants_a_key_of_its_scope_and_no_cookie_will_do() {
    let (desk, _directory) = desk("http://localhost/").await;
    let mut nobody = Browser::new(&desk);
    let mut administrator = Browser::signed_in(&desk).await;
    let by = Actor { who: "command line".into(), from: String::new() };
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        let secret = desk.ring.add(&by, scope.name(), &[scope], None).await.unwrap();
        keys.push((scope.name(), secret.expose_secret().to_owned()));
    }
    for (method, path, said) in calls() {
        let Some(scope) = said["x-scope"].as_str() else {
            assert_eq!(call(&mut nobody, &method, &path, None).await.status, StatusCode::OK);
            continue;
        };
        let path = path.replace("{name}", "a%2F%22b").replace("{id}", "none");
        let refused = call(&mut nobody, &method, &path, None).await;
        assert_refused(&refused, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_refused(&call(&mut nobody, &method, &path, Some("gpk_forged")).await, StatusCode::UNAUTHORIZED);
        let request = administrator.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &path);
        let request = request.header("sec-fetch-site", "same-origin").header("x-gatepost-csrf", &administrator.csrf);
        let with_cookie = administrator.send(request.body(Body::empty()).unwrap()).await;
        assert_refused(&with_cookie, StatusCode::UNAUTHORIZED);
        for (name, key) in &keys {
            let answer = call(&mut nobody, &method, &path, Some(key)).await;
            if *name == scope {
                let status = answer.status.as_u16().to_string();
                assert!(said["responses"][&status].is_object(), "{method} {path}: {answer:?}");
                assert!(answer.status != StatusCode::FORBIDDEN, "{answer:?}");
            } else {
                assert_refused(&answer, StatusCode::FORBIDDEN);
            }
        }
    }
}

async fn key(desk: &Desk, scope: Scope) -> String {
    let by = Actor { who: "command line".into(), from: String::new() };
    desk.ring.add(&by, scope.name(), &[scope], None).await.unwrap().expose_secret().to_owned()
}

/// Who did this to what.
async fn doers(desk: &Desk, what: &str) -> Vec<(String, String)> {
    let deeds = desk.store.deeds(None, 50).await.unwrap().into_iter().map(|noted| noted.deed);
    deeds.filter(|deed| deed.what == what).map(|deed| (deed.who, deed.subject)).collect()
}

#[tokio::test]
async fn an_examination_is_the_same_to_pages_and_programs() {
    let Scene { desk, .. } = &Scene::new().await;
    let mut browser = Browser::signed_in(desk).await;
    let key = key(desk, Scope::Test).await;
    let place = browser.post("/accounts/evmail/test", &[]).await.header("location").to_owned();
    let id = place.rsplit('/').next().unwrap();
    desk.rounds.ended_in(id, std::time::Duration::from_secs(20)).await.unwrap();
    let seen = call(&mut browser, "get", &format!("/api/v1/tests/{id}"), Some(&key)).await;
    assert!(seen.text.contains("\"state\":\"done\"") && seen.text.contains("EXAMINE INBOX"), "{seen:?}");
    let begun = call(&mut browser, "post", "/api/v1/accounts/evmail/test", Some(&key)).await;
    let begun: Value = serde_json::from_str(&begun.text).unwrap();
    assert_eq!(begun["works"], true, "{begun}");
    let page = browser.get(&format!("/accounts/evmail/test/{}", begun["id"].as_str().unwrap())).await;
    assert!(page.text.contains("3 logins tried, and all of them work"), "{page:?}");
    let told =
        [("key test", "evmail"), ("administrator", "evmail")].map(|(who, what)| (who.to_owned(), what.to_owned()));
    assert_eq!(doers(desk, "account.tested").await, told);
}

#[tokio::test]
async fn whoever_breaks_a_consent_off_stands_in_the_trail_with_the_token_that_it_was_for() {
    let Scene { desk, .. } = &Scene::new().await;
    let mut browser = Browser::signed_in(desk).await;
    let key = key(desk, Scope::Authorize).await;
    for by_page in [true, false] {
        let begun = call(&mut browser, "post", "/api/v1/tokens/support/authorizations", Some(&key)).await;
        let begun: Value = serde_json::from_str(&begun.text).unwrap();
        let id = begun["id"].as_str().unwrap();
        if by_page {
            browser.post(&format!("/tokens/elsewhere/authorize/{id}/cancel"), &[]).await;
        } else {
            call(&mut browser, "delete", &format!("/api/v1/authorizations/{id}"), Some(&key)).await;
        }
    }
    let told = ["key authorize", "administrator"].map(|who| (who.to_owned(), "support".to_owned()));
    assert_eq!(doers(desk, "token.authorization_cancelled").await, told);
}

#[tokio::test]
async fn what_is_not_there_is_told_in_json() {
    let (desk, _directory) = desk("https://mail.example.com/gatepost/").await;
    let mut browser = Browser::new(&desk);
    for path in ["/api/v1/nowhere", "/gatepost/api/v1/nowhere", "/api/v1"] {
        assert_refused(&call(&mut browser, "get", path, None).await, StatusCode::NOT_FOUND);
    }
    assert_refused(&call(&mut browser, "put", "/api/v1/tokens", None).await, StatusCode::METHOD_NOT_ALLOWED);
    let request = Request::get("/api/v1/tokens").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_refused(&browser.send(request).await, StatusCode::MISDIRECTED_REQUEST);
    let large = Request::post("/api/v1/tokens").header("host", "localhost").body("x".repeat(2_000_000).into()).unwrap();
    assert_refused(&browser.send(large).await, StatusCode::PAYLOAD_TOO_LARGE);
}
