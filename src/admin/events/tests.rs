use axum::body::Body;
use axum::http::Method;
use tokio::task::yield_now;

use super::super::tests::browser::{Answer, Browser};
use super::super::tests::desk;
use super::*;
use crate::activity::WATCHERS;
use crate::clock;

fn tell(desk: &Desk, level: Level, name: &str, account: &str, detail: &str) {
    let fields = vec![("account", account.to_owned()), ("detail", detail.to_owned())];
    let (name, account, token) = (name.to_owned(), Some(account.to_owned()), Some("support".to_owned()));
    desk.activity.events.tell(Event { id: 0, at: clock::now(), level, name, account, token, fields });
}

/// What a page that follows hears until the service stops.
async fn heard(
    desk: &Desk,
    browser: &mut Browser,
    path: &str,
    last: Option<&str>,
    meanwhile: impl AsyncFnOnce(),
) -> Answer {
    let mut request = browser.request(Method::GET, path).header("sec-fetch-mode", "cors");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let meanwhile = async {
        followed(desk).await;
        meanwhile().await;
        // The page is read within this task.
        for _ in 0..1000 {
            yield_now().await;
        }
        desk.stop.cancel();
    };
    tokio::join!(browser.send(request.body(Body::empty()).unwrap()), meanwhile).0
}

/// Until a page follows.
async fn followed(desk: &Desk) {
    while desk.activity.events.listeners() == 0 {
        yield_now().await;
    }
}

async fn scene() -> (Desk, Browser, tempfile::TempDir) {
    let (desk, directory) = desk("https://mail.example.com/gate/").await;
    let browser = Browser::signed_in(&desk).await;
    (desk, browser, directory)
}

#[tokio::test]
async fn the_last_events_are_shown_by_account_token_and_level_and_nothing_is_markup() {
    let (desk, mut browser, _directory) = scene().await;
    tell(&desk, Level::INFO, "session.login", "tim", "detail-1");
    tell(&desk, Level::WARN, "message.refused", "zoe", "<script>alert(1)</script>");
    tell(&desk, Level::ERROR, "store.failed", "TIMOTHY", "detail-3");
    let all = browser.get("/events").await.text;
    assert!(all.find("detail-3").unwrap() < all.find("detail-1").unwrap(), "the latest first: {all}");
    assert!(!all.contains("<script>alert") && all.contains("&#60;script&#62;alert"), "{all}");
    assert!(all.contains("data-live=\"/gate/events/stream?after=3\""), "{all}");
    let tim = browser.get("/events?account=tim&token=SUPP&level=").await.text;
    assert!(tim.contains("detail-1") && tim.contains("detail-3") && !tim.contains("message.refused"), "{tim}");
    assert!(tim.contains("value=\"tim\"") && tim.contains("stream?account=tim&#38;token=SUPP&#38;after=3"), "{tim}");
    let grave = browser.get("/events?account=tim&level=warn").await.text;
    assert!(grave.contains("detail-3") && !grave.contains("session.login"), "{grave}");
    let none = browser.get("/events?account=%22%3E%3Cscript%3E&level=no&most=x").await.text;
    assert!(none.contains("No event fits yet.") && !none.contains("\"><script>"), "{none}");
}

#[tokio::test]
async fn whoever_was_not_let_in_stands_as_the_account_that_is_meant() {
    let event = |user: &str| {
        let fields = vec![("user", user.to_owned()), ("detail", String::new())];
        let (at, level, name) = (clock::now(), Level::WARN, "session.login_failed".to_owned());
        Event { id: 1, at, level, name, account: Some(user.to_owned()), token: None, fields }
    };
    let names = |typed: &str| (typed == "EVMAIL").then(|| "evmail".to_owned());
    let known = Row::of(&event("EVMAIL"), names, None);
    assert_eq!((&*known.account, known.details), ("evmail", vec![("user", "EVMAIL".to_owned())]));
    assert_eq!(Row::of(&event("nobody"), names, Some("east-1")).account, "");
}

#[tokio::test]
async fn there_are_few_rows_at_first_and_all_of_them_on_demand() {
    let (desk, mut browser, _directory) = scene().await;
    for number in 0..150 {
        tell(&desk, Level::INFO, "session.login", "tim", &format!("number-{number:03}"));
    }
    let few = browser.get("/events?account=tim").await.text;
    assert!(few.contains("number-149") && few.contains("number-050") && !few.contains("number-049"));
    assert!(few.contains("href=\"/gate/events?account=tim&#38;most=1000\""), "{few}");
    let all = browser.get("/events?account=tim&most=1000").await.text;
    assert!(all.contains("number-000") && !all.contains("most=1000\""));
}

#[tokio::test]
async fn a_page_that_follows_hears_what_it_wants_from_where_it_was() {
    let (desk, mut browser, _directory) = scene().await;
    for detail in ["one", "two", "three"] {
        tell(&desk, Level::INFO, "session.login", "tim", detail);
    }
    let told = || {
        tell(&desk, Level::INFO, "session.login", "tim", "line\nbreak <b>");
        tell(&desk, Level::INFO, "session.login", "zoe", "not wanted");
    };
    let answer = heard(&desk, &mut browser, "/events/stream?account=tim&after=1", Some("2"), async || told()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    assert!(answer.header("cache-control").contains("no-"), "{answer:?}");
    let ids: Vec<_> = answer.text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["3", "4"], "the browser knows best what it has: {}", answer.text);
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let row: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&row["name"], &row["tone"]), (&"session.login".into(), &"idle".into()));
    assert_eq!(row["details"], serde_json::json!([["detail", "line\nbreak <b>"]]));
}

#[tokio::test]
async fn who_is_too_slow_is_told_what_was_left_out() {
    let (desk, mut browser, _directory) = scene().await;
    for _ in 0..1100 {
        tell(&desk, Level::INFO, "session.login", "tim", "");
    }
    let many = async || (0..3000).for_each(|_| tell(&desk, Level::INFO, "session.login", "tim", ""));
    let answer = heard(&desk, &mut browser, "/events/stream?after=50", None, many).await;
    let left_out: Vec<u64> = answer
        .text
        .split("\n\n")
        .filter(|message| message.contains("event: left-out"))
        .map(|message| message.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().parse().unwrap())
        .collect();
    assert_eq!(left_out[0], 50, "those between that are not kept");
    let told = answer.text.lines().filter(|line| line.starts_with("data: {")).count() as u64;
    assert_eq!(told + left_out.iter().sum::<u64>(), 4100 - 50, "every event is told or counted: {left_out:?}");
    assert!(left_out.len() > 1, "{left_out:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in_and_does_not_keep_it_alive() {
    let (desk, mut browser, _directory) = scene().await;
    let request = |browser: &Browser| {
        browser.request(Method::GET, "/events/stream").header("sec-fetch-mode", "cors").body(Body::empty()).unwrap()
    };
    let mut other = Browser::new(&desk);
    (other.cookie, other.csrf) = (browser.cookie.clone(), browser.csrf.clone());
    let leave = async {
        followed(&desk).await;
        assert_eq!(other.post("/sign-out", &[]).await.status, StatusCode::SEE_OTHER);
        tokio::time::pause();
    };
    let following = request(&browser);
    let (answer, ()) = tokio::join!(browser.send(following), leave);
    assert_eq!(answer.text, "event: over\ndata: signed out\n\n");
    tokio::time::resume();
    let again = request(&browser);
    assert_eq!(browser.send(again).await.status, StatusCode::UNAUTHORIZED, "a browser does not come again");
}

#[tokio::test]
async fn no_stream_lasts_for_ever_and_no_more_than_a_few_are_open() {
    let (desk, mut browser, _directory) = scene().await;
    let following = browser.request(Method::GET, "/events/stream").body(Body::empty()).unwrap();
    let time_goes_by = async {
        followed(&desk).await;
        tell(&desk, Level::INFO, "session.login", "tim", "");
        tokio::time::pause();
    };
    let (answer, ()) = tokio::join!(browser.send(following), time_goes_by);
    tokio::time::resume();
    assert!(answer.text.starts_with("id: 1\ndata: {"), "{}", answer.text);
    let heartbeats = answer.text.split("\n\n").skip(1).filter(|message| message.contains("id: 1")).count();
    assert_eq!(heartbeats, 15, "and then it has ended by itself: {}", answer.text);
    let others: Vec<_> = (0..WATCHERS).map(|_| desk.activity.events.watch(None).unwrap()).collect();
    let one_more = browser.request(Method::GET, "/events/stream").body(Body::empty()).unwrap();
    let refused = browser.send(one_more).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "30"));
    assert!(refused.text.contains("Too many pages"), "{refused:?}");
    drop(others);
    let stranger = Browser::new(&desk).get("/events/stream").await;
    assert!(stranger.is_for_strangers(), "{stranger:?}");
}
