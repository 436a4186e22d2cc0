//! Over the router: who gets in, who stays in, and who does not.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;

use super::super::Desk;
use super::super::tests::browser::{Answer, Browser, PASSWORD, set_password};
use super::super::tests::desk;
use super::*;
use crate::clock;
use crate::store::Kind;

const PUBLIC: &str = "https://mail.example.com/gatepost/";

async fn deeds(desk: &Desk) -> Vec<String> {
    desk.store.deeds(None, 100).await.unwrap().into_iter().map(|noted| noted.deed.what).collect()
}

fn assert_is(answer: &Answer, status: StatusCode, part: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text.contains(part), "{part}: {answer:?}");
}

#[tokio::test]
async fn who_knows_the_password_gets_in_and_comes_to_where_they_wanted() {
    let (desk, _directory) = desk(PUBLIC).await;
    set_password(&desk).await;
    let mut browser = Browser::new(&desk);
    let sent_away = browser.get("/gatepost/password?a=b%26c").await;
    assert_eq!(sent_away.header("location"), "/gatepost/sign-in?next=%2Fpassword%3Fa%3Db%2526c");
    let form = browser.get("/sign-in?next=%2Fpassword").await;
    assert_is(&form, StatusCode::OK, "name=\"next\" value=\"/password\"");
    let answer = browser.post("/sign-in", &[("next", "/password"), ("password", PASSWORD)]).await;
    assert_eq!(answer.header("location"), "/gatepost/sign-in/kept?next=%2Fpassword");
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let onwards = browser.get("/sign-in/kept?next=%2Fpassword").await;
    assert_eq!(onwards.header("location"), "/gatepost/password");
    assert_is(&browser.get("/password").await, StatusCode::OK, "Sign out");
    assert_eq!(deeds(&desk).await, ["admin.signed_in"]);
    browser.cookie = None;
    assert_is(&browser.get("/sign-in/kept").await, StatusCode::OK, "has not kept the cookie");
}

#[tokio::test]
async fn who_does_not_stays_out_and_has_to_wait() {
    let (desk, _directory) = desk(PUBLIC).await;
    set_password(&desk).await;
    let mut browser = Browser::new(&desk);
    let mut tried = 0;
    loop {
        let answer = browser.sign_in("wrong horse battery").await;
        assert!(!answer.text.contains("wrong horse"));
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        assert_is(&answer, StatusCode::FORBIDDEN, "not the administrator&#39;s password");
        tried += 1;
    }
    assert!(tried >= 5, "some slips are nobody's fault: {tried}");
    let answer = browser.sign_in(PASSWORD).await;
    let seconds = answer.header("retry-after");
    assert_is(&answer, StatusCode::TOO_MANY_REQUESTS, &format!("Try again in {seconds} seconds"));
    assert!((1..=30).contains(&seconds.parse::<u8>().unwrap()), "{seconds}");
    assert!(browser.cookie.is_none() && browser.get("/").await.is_for_strangers());
    assert_eq!(deeds(&desk).await, ["admin.sign_in_failed"], "a series is one note");
}

#[tokio::test]
async fn nowhere_but_to_our_own_pages() {
    for next in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "/sign-in", "evil", "/ü"] {
        assert_eq!(within(next), "/", "{next:?}");
    }
    for next in ["/", "/tokens/a%2Fb/edit?x=1", "/accounts"] {
        assert_eq!(within(next), next);
    }
}

#[tokio::test]
async fn the_first_password_is_set_by_a_link_once() {
    let (desk, _directory) = desk("http://localhost:8590/").await;
    let mut browser = Browser::new(&desk);
    assert_is(&browser.get("/sign-in").await, StatusCode::OK, "gatepost admin link");
    let public = "http://localhost:8590/".parse().unwrap();
    let link =
        |link: SecretString| link.expose_secret().strip_prefix("http://localhost:8590/setup?code=").unwrap().to_owned();
    let old = link(new_link(desk.store.as_ref(), &public).await.unwrap());
    let code = link(new_link(desk.store.as_ref(), &public).await.unwrap());
    for bad in ["", &old, "forged"] {
        let answer = browser.get(&format!("/setup?code={bad}")).await;
        assert_is(&answer, StatusCode::GONE, "gatepost admin link");
    }
    assert_is(&browser.get(&format!("/setup?code={code}")).await, StatusCode::OK, "New password again");
    for (password, again, part) in [
        ("short", "short", "at least 12 characters"),
        (PASSWORD, "other", "not the same"),
        (&"x".repeat(2000), &"x".repeat(2000), "at most 1024"),
    ] {
        let answer = browser.post("/setup", &[("code", &code), ("password", password), ("again", again)]).await;
        assert_is(&answer, StatusCode::UNPROCESSABLE_ENTITY, part);
    }
    let form = [("code", code.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.post("/setup", &form).await.header("location"), "/sign-in/kept?next=/");
    assert_is(&browser.get("/password").await, StatusCode::OK, "Sign out");
    // A double click, and the back button.
    let mut other = Browser::new(&desk);
    assert_is(&other.post("/setup", &form).await, StatusCode::GONE, "set already");
    assert_is(&other.get(&format!("/setup?code={code}")).await, StatusCode::GONE, "set already");
    assert_eq!(other.sign_in(PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_next_replica_makes_no_link_while_there_is_one() {
    let (desk, _directory) = desk("http://localhost:8590/").await;
    let (store, base) = (desk.store.as_ref(), "http://localhost:8590/".parse().unwrap());
    let (one, other) = tokio::join!(link_unless_given(store, &base), link_unless_given(store, &base));
    let ((Some(link), None) | (None, Some(link))) = (one.unwrap(), other.unwrap()) else { panic!("not one link") };
    assert!(link_unless_given(store, &base).await.unwrap().is_none());
    let code = link.expose_secret().rsplit_once('=').unwrap().1;
    assert!(desk.porter.link_is_good(code).await.unwrap());
    link::end(store).await.unwrap();
    assert!(link_unless_given(store, &base).await.unwrap().is_some());
}

#[tokio::test]
async fn two_with_the_link_at_once_do_not_overwrite_each_other() {
    let (desk, _directory) = desk("http://localhost:8590/").await;
    let link = new_link(desk.store.as_ref(), &"http://localhost:8590/".parse().unwrap()).await.unwrap();
    let code = link.expose_secret().rsplit_once('=').unwrap().1.to_owned();
    let (mut one, mut two) = (Browser::new(&desk), Browser::new(&desk));
    let (first, second) = (PASSWORD, "another horse battery");
    let form = |password| [("code", code.as_str()), ("password", password), ("again", password)];
    let (one_form, two_form) = (form(first), form(second));
    let (one_got, two_got) = tokio::join!(one.post("/setup", &one_form), two.post("/setup", &two_form));
    let winners = [&one_got, &two_got].iter().filter(|answer| answer.status == StatusCode::SEE_OTHER).count();
    assert_eq!(winners, 1, "{one_got:?} {two_got:?}");
    let right = if one_got.status == StatusCode::SEE_OTHER { first } else { second };
    assert_eq!(Browser::new(&desk).sign_in(right).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_out_is_for_good_and_an_old_cookie_is_nobody() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let old = browser.cookie.clone();
    let answer = browser.post("/sign-out", &[]).await;
    assert!(answer.is_for_strangers() && browser.cookie.is_none(), "{answer:?}");
    browser.cookie = old;
    assert!(browser.get("/").await.is_for_strangers());
    let mut forged = Browser::new(&desk);
    for cookie in ["", "forged", &"x".repeat(500)] {
        forged.cookie = Some(cookie.to_owned());
        assert!(forged.get("/").await.is_for_strangers(), "{cookie}");
    }
    assert_eq!(deeds(&desk).await, ["admin.signed_out", "admin.signed_in"]);
}

#[tokio::test]
async fn a_session_cannot_be_foisted_on_anybody() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut attacker = Browser::signed_in(&desk).await;
    let foisted = attacker.cookie.clone().unwrap();
    let mut victim = Browser::new(&desk);
    victim.cookie = Some(foisted.clone());
    victim.sign_in(PASSWORD).await;
    assert_ne!(victim.cookie, Some(foisted), "a new secret");
    assert!(attacker.get("/").await.is_for_strangers(), "and the one from before has ended");
    // A secret that a browser chose itself names no session either.
    let mut chosen = Browser::new(&desk);
    chosen.cookie = Some("chosen".into());
    chosen.sign_in(PASSWORD).await;
    assert_ne!(chosen.cookie.as_deref(), Some("chosen"));
}

#[tokio::test]
async fn another_password_ends_all_other_sessions() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut other = Browser::signed_in(&desk).await;
    let mut browser = Browser::signed_in(&desk).await;
    let new = "a staple and a horse";
    let form = |old, password, again| [("old", old), ("password", password), ("again", again)];
    let wrong = browser.post("/password", &form("wrong horse battery", new, new)).await;
    assert_is(&wrong, StatusCode::UNPROCESSABLE_ENTITY, "not the administrator&#39;s password");
    let slip = browser.post("/password", &form(PASSWORD, new, "a staple and a hoarse")).await;
    assert_is(&slip, StatusCode::UNPROCESSABLE_ENTITY, "not the same");
    let before = browser.cookie.clone();
    assert_eq!(browser.post("/password", &form(PASSWORD, new, new)).await.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookie, before);
    assert_is(&browser.get("/password").await, StatusCode::OK, "The password is changed");
    assert!(!browser.get("/password").await.text.contains("The password is changed"), "it is told once");
    assert!(other.get("/").await.is_for_strangers());
    assert_eq!(Browser::new(&desk).sign_in(PASSWORD).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_ends_of_idleness_and_of_age() {
    let (desk, _directory) = desk(PUBLIC).await;
    let caller = [127, 0, 0, 1].into();
    let fresh = || async {
        let cookie = Browser::signed_in(&desk).await.cookie.unwrap();
        (cookie, clock::now())
    };
    let (idle, began) = fresh().await;
    let visitor = |cookie: String, after: TimeDelta, began: chrono::DateTime<chrono::Utc>| {
        let desk = desk.clone();
        async move { desk.porter.visitor_at(&cookie, caller, began + after).await.unwrap().is_some() }
    };
    assert!(visitor(idle.clone(), TimeDelta::minutes(29), began).await);
    assert!(visitor(idle.clone(), TimeDelta::minutes(58), began).await, "what was used lasts on");
    assert!(!visitor(idle.clone(), TimeDelta::minutes(89), began).await);
    assert!(!visitor(idle, TimeDelta::minutes(58), began).await, "and what has ended does not come back");
    let (busy, began) = fresh().await;
    for step in 1..=35 {
        assert!(visitor(busy.clone(), TimeDelta::minutes(20 * step), began).await, "{step}");
    }
    assert!(!visitor(busy, TimeDelta::minutes(20 * 36), began).await, "twelve hours");
}

#[tokio::test]
async fn a_session_is_good_after_a_restart_and_the_store_has_no_secret() {
    let (desk, _directory) = desk(PUBLIC).await;
    let browser = Browser::signed_in(&desk).await;
    let admin = desk.config.admin.as_ref().unwrap();
    let again = Desk { porter: Porter::new(admin, std::sync::Arc::clone(&desk.store)).into(), ..desk.clone() };
    let mut later = Browser::new(&again);
    later.cookie.clone_from(&browser.cookie);
    assert_is(&later.get("/password").await, StatusCode::OK, "Sign out");
    let secret = browser.cookie.unwrap();
    for record in desk.store.records(Kind::AdminSession).await.unwrap() {
        assert!(record.name != secret && !record.content.unwrap().unwrap().contains(&secret));
    }
}

#[tokio::test]
async fn what_a_foreign_page_sends_is_refused_and_so_is_a_form_without_its_token() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let token = format!("csrf={}", browser.csrf);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let own = ("sec-fetch-site", "same-origin");
    for (headers, body, status) in [
        (&[kind, own][..], "", StatusCode::FORBIDDEN),
        (&[kind, own], "csrf=", StatusCode::FORBIDDEN),
        (&[kind, own], "csrf=forged", StatusCode::FORBIDDEN),
        (&[kind], &token, StatusCode::FORBIDDEN),
        (&[kind, ("sec-fetch-site", "cross-site")], &token, StatusCode::FORBIDDEN),
        (&[kind, ("sec-fetch-site", "same-site")], &token, StatusCode::FORBIDDEN),
        (&[kind, ("origin", "https://evil.example")], &token, StatusCode::FORBIDDEN),
        (&[kind, ("origin", "null")], &token, StatusCode::FORBIDDEN),
        (&[kind, ("origin", "https://mail.example.com")], &token, StatusCode::SEE_OTHER),
    ] {
        let mut request = browser.request(Method::POST, "/sign-out");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = browser.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status, status, "{headers:?} {body}: {answer:?}");
    }
    // Nobody is signed in by a foreign page either.
    let request = browser.request(Method::POST, "/sign-in").header("sec-fetch-site", "cross-site");
    let form = format!("password={}", PASSWORD.replace(' ', "+"));
    let answer = browser.send(request.header(kind.0, kind.1).body(form.into()).unwrap()).await;
    assert_is(&answer, StatusCode::FORBIDDEN, "nothing was done");
    assert!(browser.cookie.is_none());
}

#[tokio::test]
async fn a_form_of_a_session_that_has_ended_is_told_so() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    browser.cookie = Some("ended".into());
    let answer = browser.post("/password", &[("old", PASSWORD)]).await;
    assert_eq!(answer.header("location"), "/gatepost/sign-in?expired=1");
    assert_is(&browser.get("/sign-in?expired=1").await, StatusCode::OK, "what you sent was not done");
    let script = browser.request(Method::GET, "/").header("sec-fetch-mode", "cors").body(Body::empty()).unwrap();
    assert_eq!(browser.send(script).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_is_for_our_own_pages_alone() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    for path in ["/", "/nowhere", "/sign-in", "/setup?code=x", "/sign-out", "/gatepost/password"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{answer:?}");
        assert!(!policy.contains("unsafe") && policy.contains("form-action 'self'"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
    }
    let request = axum::http::Request::get("/sign-in").header("host", "mail.example.com");
    let answer = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    for (host, status) in [
        ("localhost:8590", StatusCode::OK),
        ("127.0.0.1:8590", StatusCode::OK),
        ("[::1]:8590", StatusCode::OK),
        ("mail.example.com", StatusCode::OK),
        ("MAIL.example.com:443", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("mail.example.com.evil.example:8590", StatusCode::MISDIRECTED_REQUEST),
        ("localhost.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("", StatusCode::BAD_REQUEST),
    ] {
        let cookie = format!("__Host-gatepost={}", browser.cookie.clone().unwrap());
        let request = axum::http::Request::get("/password").header("host", host).header("cookie", cookie);
        let answer = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let long = "x".repeat(1024 * 1024);
    let answer = browser.post("/password", &[("old", &long)]).await;
    assert_is(&answer, StatusCode::PAYLOAD_TOO_LARGE, "1048576 octets");
}

#[tokio::test]
async fn a_password_of_the_file_is_changed_there() {
    let (desk, _directory) = desk(PUBLIC).await;
    let hash = crate::account::hash_password(&PASSWORD.into()).unwrap();
    let of_file = crate::config::Admin {
        password_hash: Some(hash.clone()),
        password_place: Some("gatepost.toml:7".into()),
        session_idle: Duration::from_mins(30),
        ..desk.config.admin.clone().unwrap()
    };
    let record = AdminPassword::of(&of_file, std::sync::Arc::clone(&desk.store));
    assert_eq!(record.hash().await.unwrap(), Some(hash.clone()));
    let told = record.replace(&hash).await.unwrap_err().to_string();
    assert!(told.contains("gatepost.toml:7") && told.contains("gatepost hash-password"), "{told}");
    let porter = Porter::new(&of_file, std::sync::Arc::clone(&desk.store)).into();
    let mut browser = Browser::new(&Desk { porter, ..desk.clone() });
    browser.sign_in(PASSWORD).await;
    assert_is(&browser.get("/password").await, StatusCode::CONFLICT, "gatepost.toml:7");
}
