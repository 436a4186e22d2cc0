use axum::http::StatusCode;
use tokio::time::{Duration, sleep, timeout};

use super::super::tests::browser::{Answer, Browser};
use super::super::tests::scene::Scene;

const PLACE: &str = "/accounts/evmail/test";

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.headers["location"].to_str().unwrap().strip_prefix("/gatepost").unwrap().to_owned()
}

/// The page once all is over.
async fn ended(browser: &mut Browser, place: &str) -> String {
    let ending = async {
        loop {
            let page = browser.get(place).await.text;
            if !page.contains("data-poll") {
                return page;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), ending).await.unwrap()
}

#[tokio::test]
async fn each_step_is_shown_and_the_trail_knows() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    assert!(browser.get(PLACE).await.text.contains("For SMTP, IMAP, POP3"));
    let place = location(&browser.post(PLACE, &[]).await);
    let page = ended(&mut browser, &place).await;
    for said in ["3 logins tried, and all of them work", "EXAMINE INBOX", "First command", "MAIL FROM"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let deeds = scene.desk.store.deeds(None, 5).await.unwrap();
    assert!(deeds.iter().any(|noted| noted.deed.what == "account.tested" && noted.deed.subject == "evmail"));
}

#[tokio::test]
async fn a_failure_has_its_cause_and_next_step() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| faults.refuse_logins = 100);
    let mut browser = Browser::signed_in(&scene.desk).await;
    let place = location(&browser.post(PLACE, &[]).await);
    let page = ended(&mut browser, &place).await;
    for said in ["3 of 3 logins failed", "Cause:", "Next step:", "Exchange does not accept this user"] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn a_message_is_sent_and_the_providers_own_answer_is_shown() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let place = location(&browser.post(PLACE, &[("to", " me@example.net ")]).await);
    let page = ended(&mut browser, &place).await;
    assert!(
        page.contains("The provider took the message") && page.contains("<pre id=\"answer\">250 2.0.0 OK"),
        "{page}"
    );
    assert_eq!(scene.provider.mail("me@example.net").len(), 1);
    scene.provider.faults(|faults| {
        let secret = "s3cret".repeat(40);
        let said = format!("550 5.1.1 <script>alert(1)</script> \u{202e}no such user {secret}\r\n");
        faults.replies.insert("RCPT", said.leak());
    });
    let place = location(&browser.post(PLACE, &[("to", "me@example.net")]).await);
    let page = ended(&mut browser, &place).await;
    assert!(page.contains("was not sent") && page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("?no such user …") && !page.contains("s3crets3cret") && !page.contains('\u{202e}'), "{page}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let scene = Scene::new().await;
    let mut browser = Browser::signed_in(&scene.desk).await;
    let page = browser.post(PLACE, &[("to", "\"><b>me")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.text.contains("no mail address") && page.text.contains("aria-invalid") && !page.text.contains("<b>"),
        "{page:?}"
    );
    assert!(browser.get("/accounts/reader/test").await.text.contains("may not send"));
    for missing in ["/accounts/nobody/test", "/accounts/evmail/test/nothing"] {
        assert_eq!(browser.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
    assert!(scene.provider.commands().is_empty());
}
