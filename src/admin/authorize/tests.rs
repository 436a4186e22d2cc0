use axum::http::StatusCode;
use gatepost_kit::Device;
use tokio::time::{Duration, sleep, timeout};

use super::super::tests::browser::{Answer, Browser};
use super::super::tests::scene::{ELSEWHERE, MAILBOX, PUBLIC, Scene};
use crate::clock;
use crate::model::{TokenState, Trouble, TroubleClass};
use crate::store::{Saved, Version};

const PLACE: &str = "/tokens/support/authorize";

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    let location = answer.headers["location"].to_str().unwrap();
    location.strip_prefix("/gatepost").unwrap_or_else(|| panic!("without the prefix: {location}")).to_owned()
}

/// Begins a consent and returns the address of its page, and where that leads.
async fn begun(browser: &mut Browser, way: &str) -> (String, String) {
    let place = location(&browser.post(PLACE, &[("way", way)]).await);
    let page = browser.get(&place).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let link = page.text.split("class=\"button\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    (place, unescaped(link.unwrap_or_else(|| panic!("no link: {}", page.text))))
}

fn unescaped(text: &str) -> String {
    text.replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}

/// The address that the provider sends the browser back to, as the service sees it.
fn callback(address: &str) -> String {
    format!("/{}", address.strip_prefix(PUBLIC).unwrap())
}

/// What the next page tells.
async fn told(browser: &mut Browser) -> String {
    unescaped(&browser.get(PLACE).await.text)
}

#[tokio::test]
async fn a_browser_goes_to_the_provider_and_comes_back_to_the_tokens_page() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let offer = browser.get(PLACE).await.text;
    for said in [MAILBOX, "https://mail.example.com/gatepost/oauth/callback", "Continue to simulated"] {
        assert!(offer.contains(said), "{said}: {offer}");
    }
    let (place, url) = begun(&mut browser, "browser").await;
    let page = browser.get(&place).await.text;
    assert!(page.contains("http-equiv=\"refresh\" content=\"0; url=https://127.0.0.1:"), "{page}");
    let answer = browser.get(&callback(&scene.provider.consent(&url, MAILBOX))).await;
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(location(&answer), "/tokens/support");
    assert!(told(&mut browser).await.contains("support@example.com signed in"), "the notice");
    assert!(scene.holds_a_grant().await);
    let page = browser.get(&place).await.text;
    assert!(page.contains("is authorized") && !page.contains("http-equiv"), "a step back sends nobody forth: {page}");
    let deeds = scene.desk.store.deeds(None, 5).await.unwrap();
    assert!(deeds.iter().any(|noted| noted.deed.what == "token.authorized" && noted.deed.who == "administrator"));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_cause_and_next_step() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let (_, url) = begun(&mut browser, "browser").await;
    let answer = browser.get(&callback(&scene.provider.consent(&url, "other@example.com"))).await;
    assert_eq!(location(&answer), "/tokens/support");
    let said = told(&mut browser).await;
    assert!(
        said.contains("other@example.com signed in")
            && said.contains("ign out of other@example.com at the provider, press \"Get token\" again"),
        "{said}"
    );
    let (_, url) = begun(&mut browser, "browser").await;
    location(&browser.get(&callback(&scene.provider.decline(&url))).await);
    let said = told(&mut browser).await;
    assert!(said.contains("consent was declined"), "{said}");
    assert!(!scene.holds_a_grant().await);
}

#[tokio::test]
async fn an_answer_in_another_browser_is_not_taken_but_may_be_pasted() {
    let scene = Scene::new().await;
    let mut mine = Browser::signed_in(&scene.desk).await;
    let (place, url) = begun(&mut mine, "paste").await;
    assert!(!mine.get(&place).await.text.contains("content=\"0; url="), "nobody is sent anywhere");
    let address = scene.provider.consent(&url, MAILBOX);
    for mut other in [Browser::new(&scene.desk), Browser::signed_in(&scene.desk).await] {
        let answer = other.get(&callback(&address)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        assert!(answer.text.contains("in another browser") && answer.text.contains("into the box"), "{}", answer.text);
    }
    assert!(!scene.holds_a_grant().await);
    let box_of = format!("{}/paste", place.trim_end_matches("?paste"));
    location(&mine.post(&box_of, &[("answer", "hello <b>world</b>")]).await);
    let said = mine.get(&place).await.text;
    assert!(said.contains("no code in that"), "{said}");
    assert_eq!(location(&mine.post(&box_of, &[("answer", &address)]).await), "/tokens/support");
    assert!(scene.holds_a_grant().await);
}

#[tokio::test]
async fn coming_back_twice_shows_what_became_of_it() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let (place, url) = begun(&mut browser, "browser").await;
    let answer = callback(&scene.provider.consent(&url, MAILBOX));
    location(&browser.get(&answer).await);
    assert_eq!(location(&browser.get(&answer).await), place);
    assert!(browser.get(&place).await.text.contains("is authorized"));
}

#[tokio::test]
async fn a_code_for_another_device_is_waited_for() {
    let scene = Scene::new().await;
    scene.provider.device([Device::Pending, Device::Approved(MAILBOX.into())]);
    let mut browser = Browser::signed_in(&scene.desk).await;
    let place = location(&browser.post(PLACE, &[("way", "device")]).await);
    let page = browser.get(&place).await.text;
    for said in ["SIM000001", "https://login.example/device", "data-poll"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let waiting = async {
        while browser.get(&place).await.text.contains("data-poll") {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.unwrap();
    assert!(browser.get(&place).await.text.contains("support@example.com signed in"));
    assert!(scene.holds_a_grant().await);
}

#[tokio::test]
async fn what_was_begun_can_be_broken_off() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let (place, url) = begun(&mut browser, "browser").await;
    location(&browser.post(&format!("{place}/cancel"), &[]).await);
    let answer = browser.get(&callback(&scene.provider.consent(&url, MAILBOX))).await;
    assert_eq!(location(&answer), place, "its page says what became of it");
    assert!(browser.get(&place).await.text.contains("cancelled"));
    assert!(!scene.holds_a_grant().await);
}

#[tokio::test]
async fn a_consent_that_was_declined_is_in_the_trail() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let (_, url) = begun(&mut browser, "browser").await;
    let url: url::Url = url.parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    location(&browser.get(&format!("/oauth/callback?error=access_denied&state={state}")).await);
    let deeds = scene.desk.store.deeds(None, 5).await.unwrap();
    let failed = deeds.iter().find(|noted| noted.deed.what == "token.authorization_failed").unwrap();
    assert_eq!((&*failed.deed.subject, &*failed.deed.who), ("support", "administrator"));
    assert!(failed.deed.detail.contains("access_denied"), "{}", failed.deed.detail);
}

#[tokio::test]
async fn a_token_that_was_moved_is_not_told_of_by_what_another_endpoint_said() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let trouble = Trouble {
        class: TroubleClass::Configuration,
        summary: "old.example.com said no".into(),
        remedy: "mend the old".into(),
        since: clock::now(),
        failures: 1,
        retry_at: clock::now(),
    };
    let state = TokenState::default().imported("rt".into(), "old.example.com client".into(), clock::now());
    let saved = scene.desk.store.save("support", Version::default(), &state.failed(trouble)).await.unwrap();
    assert!(matches!(saved, Saved::Done(_)));
    location(&browser.post("/tokens/support/refresh", &[]).await);
    let page = unescaped(&browser.get("/tokens/support").await.text);
    assert!(!page.contains("said no") && !page.contains("mend the old"), "{page}");
    assert!(page.contains("or change the settings back"), "{page}");
}

#[tokio::test]
async fn a_token_that_needs_nobody_is_fetched_at_once() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    assert!(browser.get("/tokens/machine/authorize").await.text.contains("needs nobody’s consent"));
    for place in ["/tokens/machine/authorize", "/tokens/machine/refresh"] {
        assert_eq!(location(&browser.post(place, &[]).await), "/tokens/machine");
        let said = told(&mut browser).await;
        assert!(said.contains("gave a new access token"), "{said}");
    }
    scene.provider.stop_token_endpoint();
    location(&browser.post("/tokens/machine/refresh", &[]).await);
    let said = told(&mut browser).await;
    assert!(said.contains("No new token") && said.contains("did not answer"), "{said}");
}

#[tokio::test]
async fn names_and_strangers_do_no_harm() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let place = "/tokens/a%2Fb%20%3Ci%3E/authorize";
    let page = browser.get(place).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        !page.text.contains("<i>") && page.text.contains("/gatepost/tokens/a%2Fb%20%3Ci%3E/authorize"),
        "{}",
        page.text
    );
    assert!(location(&browser.post(place, &[]).await).starts_with(place));
    assert_eq!(browser.get("/tokens/nobody/authorize").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/tokens/support/authorize/nothing").await.status, StatusCode::NOT_FOUND);
    let mut stranger = Browser::new(&scene.desk);
    let answer = stranger.get(PLACE).await;
    assert!(location(&answer).starts_with("/sign-in"), "{answer:?}");
    assert_ne!(stranger.post(PLACE, &[]).await.status, StatusCode::OK);
    assert!(scene.desk.store.records(crate::store::Kind::Authorization).await.unwrap().len() == 1);
}

#[tokio::test]
async fn a_tenants_administrator_is_told_of_the_approval() {
    let scene = Scene::new().await;
    let mut anybody = Browser::new(&scene.desk);
    let yes = anybody.get("/oauth/callback?admin_consent=True&tenant=t&state=x").await;
    assert!(yes.status == StatusCode::OK && yes.text.contains("is approved"), "{yes:?}");
    let no = "/oauth/callback?error=access_denied&error_description=AADSTS65004%3A+declined+%3Cb%3E&admin_consent=True";
    let no = anybody.get(no).await;
    assert!(
        no.status == StatusCode::BAD_REQUEST && no.text.contains("Not approved") && !no.text.contains("<b>"),
        "{no:?}"
    );
}

#[tokio::test]
async fn a_browser_that_cannot_come_back_is_not_sent_away_from_the_box() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let offer = browser.get("/tokens/elsewhere/authorize").await.text;
    assert!(offer.contains(ELSEWHERE) && offer.contains("its address is pasted here"), "{offer}");
    let place = location(&browser.post("/tokens/elsewhere/authorize", &[("way", "browser")]).await);
    let page = browser.get(&place).await.text;
    assert!(page.contains("name=\"answer\"") && !page.contains("content=\"0; url="), "{page}");
}

#[tokio::test]
async fn an_app_password_is_not_fetched() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    assert!(browser.get("/tokens/secret/authorize").await.text.contains("There is nothing to get"));
    location(&browser.post("/tokens/secret/refresh", &[]).await);
    let said = told(&mut browser).await;
    assert!(said.contains("is an app password") && !said.contains("abcd"), "{said}");
}
