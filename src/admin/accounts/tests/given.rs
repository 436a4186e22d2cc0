use std::sync::Arc;

use axum::http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::{plain, scene};
use crate::activity::{Login, SessionId};
use crate::clock;
use crate::model::Protocol;

#[tokio::test]
async fn each_program_has_a_password_of_its_own_that_is_revoked_alone() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    let terms = [
        ("label", "scanner"),
        ("protocols", "smtp"),
        ("networks", "10.1.2.3"),
        ("expires", "2099-01-31"),
        ("how", "generate"),
    ];
    let shown = scene.done("/accounts/evmail/passwords/add", &terms).await;
    assert!(plain(&shown).contains("It is the password with the label “scanner”."), "{shown:?}");
    let page = scene.get("/accounts/evmail").await;
    let text = plain(&page);
    assert!(text.contains("without a label as the account as the account never never"), "{text}");
    assert!(text.contains("scanner SMTP 10.1.2.3/32 2099-01-31, in "), "{text}");
    assert!(scene.opens("evmail", "geheim").await, "the first one is still there");
    assert!(page.text.contains("href=\"/gatepost/accounts/evmail/passwords/revoke?label=scanner\""), "{page:?}");
    let question = scene.get("/accounts/evmail/passwords/revoke?label=scanner").await;
    assert!(
        question.text.contains("action=\"/gatepost/accounts/evmail/passwords/revoke?label=scanner\""),
        "{question:?}"
    );
    let page = scene.done("/accounts/evmail/passwords/revoke?label=scanner", &[]).await;
    assert!(plain(&page).contains("Done: The password is revoked.") && !page.text.contains("scanner"), "{page:?}");
    let link = page.text.split("passwords/revoke?mark=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = scene.done(&format!("/accounts/evmail/passwords/revoke?mark={link}"), &[]).await;
    assert!(plain(&page).contains("Not done:") && plain(&page).contains("is the only password of evmail"), "{page:?}");
    assert!(scene.opens("evmail", "geheim").await);
    let deeds = scene.deeds().await;
    assert_eq!(
        deeds[deeds.len() - 2..],
        ["password.given evmail scanner, for smtp, from 10.1.2.3, until 2099-01-31", "password.revoked evmail scanner"]
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_told_beside_its_field() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    let answer = scene.post("/accounts/evmail/passwords/add", &[("how", "generate")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("href=\"#f-label\""), "{answer:?}");
    let typed = [("label", "<i>x"), ("networks", "home"), ("how", "type"), ("password", "eins"), ("again", "zwei")];
    let answer = scene.post("/accounts/evmail/passwords/add", &typed).await;
    assert!(answer.text.contains("href=\"#f-networks\"") && answer.text.contains("href=\"#f-again\""), "{answer:?}");
    assert!(!answer.text.contains("<i>x") && !answer.text.contains("eins"), "{answer:?}");
    for (expires, told) in [("2001-01-31", "That day has begun already"), ("soon", "2027-01-31")] {
        let typed = [("label", "x"), ("expires", expires), ("how", "generate")];
        let answer = scene.post("/accounts/evmail/passwords/add", &typed).await;
        assert!(answer.text.contains("href=\"#f-expires\"") && answer.text.contains(told), "{answer:?}");
    }
    assert_eq!(scene.account("evmail").unwrap().passwords.len(), 1);
}

#[tokio::test]
async fn open_sessions_are_shown_and_ended_one_by_one() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    scene.add("other").await;
    let enter = |name: &str| {
        let account = Arc::new(scene.account(name).unwrap());
        let peer = std::net::SocketAddr::from(([192, 0, 2, 7], 4711)).into();
        let login = Login { account, password: Some(0), protocol: Protocol::Imap, peer };
        scene.desk.activity.roll.enter(SessionId::next(), login, clock::now(), &CancellationToken::new())
    };
    let (own, others) = (enter("evmail"), enter("other"));
    let page = scene.get("/accounts/evmail").await;
    assert!(plain(&page).contains("1 open now") && plain(&page).contains("IMAP 192.0.2.7"), "{page:?}");
    assert!(page.text.contains("href=\"/gatepost/sessions?q=evmail\""), "{page:?}");
    let id = own.line().id.to_string();
    assert!(page.text.contains(&format!("action=\"/gatepost/sessions/{id}/end\"")), "{page:?}");
    let page = scene.done(&format!("/sessions/{id}/end"), &[("q", "evmail")]).await;
    assert!(plain(&page).contains("is ended") && own.line().stop.is_cancelled(), "{page:?}");
    assert!(!others.line().stop.is_cancelled());
}
