//! A browser without a screen: it keeps the cookie, says where its requests come from, and fills the forms' token in.

use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use tower::ServiceExt as _;

use super::super::{Desk, router};
use crate::account::hash_password;
use crate::store::Kind;

/// The administrator's password in tests.
pub(in crate::admin) const PASSWORD: &str = "correct horse battery";

pub(in crate::admin) struct Browser {
    /// In turn.
    pages: Vec<Router>,
    turn: usize,
    pub(in crate::admin) cookie: Option<String>,
    pub(in crate::admin) csrf: String,
}

/// What came back.
#[derive(Debug)]
pub(in crate::admin) struct Answer {
    pub(in crate::admin) status: StatusCode,
    pub(in crate::admin) headers: HeaderMap,
    pub(in crate::admin) text: String,
}

/// Sets the password as the command line would.
pub(in crate::admin) async fn set_password(desk: &Desk) {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = HASH.get_or_init(|| hash_password(&PASSWORD.into()).unwrap().as_str().to_owned());
    let record = desk.store.record(Kind::AdminPassword, "administrator").await.unwrap();
    let _ = desk.store.put(record.with(Some(hash.clone())), None).await.unwrap();
}

impl Browser {
    /// Of somebody whom nobody knows.
    pub(in crate::admin) fn new(desk: &Desk) -> Self {
        Self::between([desk])
    }

    /// Of somebody whose every request comes to another desk than the one before.
    pub(in crate::admin) fn between<'a>(desks: impl IntoIterator<Item = &'a Desk>) -> Self {
        let pages = desks.into_iter().map(router).collect();
        Self { pages, turn: 0, cookie: None, csrf: String::new() }
    }

    /// Of an administrator who is signed in.
    pub(in crate::admin) async fn signed_in(desk: &Desk) -> Self {
        set_password(desk).await;
        let mut browser = Self::new(desk);
        let answer = browser.sign_in(PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        browser
    }

    pub(in crate::admin) async fn sign_in(&mut self, password: &str) -> Answer {
        let answer = self.post("/sign-in", &[("password", password)]).await;
        if answer.status == StatusCode::SEE_OTHER {
            self.csrf = self.token_of("/password").await;
        }
        answer
    }

    /// The token that the forms of a page carry.
    pub(in crate::admin) async fn token_of(&mut self, path: &str) -> String {
        let page = self.get(path).await.text;
        let (_, after) = page.split_once("name=\"csrf\" value=\"").unwrap_or(("", "\""));
        after.split('"').next().unwrap_or_default().to_owned()
    }

    pub(in crate::admin) async fn get(&mut self, path: &str) -> Answer {
        let asked = self.request(Method::GET, path).header("sec-fetch-mode", "navigate");
        self.send(asked.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of one of our pages.
    pub(in crate::admin) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("csrf", &csrf);
        let asked = self.request(Method::POST, path).header("sec-fetch-site", "same-origin");
        let asked = asked.header("sec-fetch-mode", "navigate");
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        self.send(asked.body(form.finish().into()).unwrap()).await
    }

    /// A request with the cookie and nothing else that matters.
    pub(in crate::admin) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        match &self.cookie {
            Some(cookie) => request.header("cookie", format!("__Host-gatepost={cookie}")),
            None => request,
        }
    }

    pub(in crate::admin) async fn send(&mut self, request: Request<Body>) -> Answer {
        let pages = self.pages[self.turn % self.pages.len()].clone();
        self.turn += 1;
        let response = pages.oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        for line in head.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
            let secret = pair.strip_prefix("__Host-gatepost=").unwrap();
            self.cookie = (!secret.is_empty()).then(|| secret.to_owned());
        }
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }
}

impl Answer {
    /// A header, or nothing.
    pub(in crate::admin) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Whether it sends a stranger away.
    pub(in crate::admin) fn is_for_strangers(&self) -> bool {
        self.status == StatusCode::SEE_OTHER && self.header("location").contains("/sign-in")
    }
}
