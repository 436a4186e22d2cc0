use axum::body::Body;
use axum::http::{Method, StatusCode};
use secrecy::ExposeSecret as _;

use super::{KEEP, Scene, plain, scene};
use crate::admin::tests::browser::Answer;
use crate::store::Kind;

const ONCE: &str = "/accounts/evmail/password";

/// What a page shows to be copied as the password.
fn password(answer: &Answer) -> String {
    let (_, after) = answer.text.split_once("<code id=\"password\"").unwrap();
    let (_, after) = after.split_once('>').unwrap();
    after.split_once('<').unwrap().0.to_owned()
}

async fn add(scene: &mut Scene, more: &[(&str, &str)]) -> Answer {
    let fields = [("name", "evmail"), ("token", "support")];
    scene.post("/accounts/add", &[&fields[..], &KEEP, more].concat()).await
}

#[tokio::test]
async fn a_password_that_is_made_up_is_shown_once_and_is_nowhere_else() {
    let mut scene = scene("").await;
    let answer = add(&mut scene, &[("how", "generate")]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/gatepost/accounts/evmail/password")
    );
    let mut stranger = crate::admin::tests::browser::Browser::signed_in(&scene.desk).await;
    assert_eq!(stranger.get(ONCE).await.status, StatusCode::GONE, "for who had it made up alone");
    let head = scene.browser.request(Method::HEAD, ONCE).body(Body::empty()).unwrap();
    scene.browser.send(head).await;
    let shown = scene.get(ONCE).await;
    let password = password(&shown);
    assert_eq!((password.len(), shown.header("cache-control")), (24, "no-store"), "{shown:?}");
    assert!(plain(&shown).contains("Done: The account is added."), "{shown:?}");
    assert!(scene.opens("evmail", &password).await);
    let again = scene.get(ONCE).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(!again.text.contains(&password) && again.text.contains("href=\"/gatepost/accounts/evmail/passwords/add\""));
    assert!(!scene.get("/accounts/evmail").await.text.contains(&password));
    let stored = scene.desk.store.record(Kind::Account, "evmail").await.unwrap().content.unwrap().unwrap();
    assert!(!stored.contains(&password) && !scene.deeds().await.join("\n").contains(&password));
}

#[tokio::test]
async fn the_second_of_two_clicks_leads_to_the_password_of_the_first() {
    let mut scene = scene("").await;
    for _ in 0..2 {
        let answer = add(&mut scene, &[("how", "generate")]).await;
        assert_eq!(answer.header("location"), "/gatepost/accounts/evmail/password");
    }
    let password = password(&scene.get(ONCE).await);
    assert!(scene.opens("evmail", &password).await);
    let later = add(&mut scene, &[("how", "generate")]).await;
    assert!(plain(&later).contains("The user name \"evmail\" already belongs to the account"), "{later:?}");
    scene.done("/accounts/evmail/remove", &[]).await;
    for again in [true, false] {
        add(&mut scene, &[("how", "generate")]).await;
        assert!(scene.account("evmail").is_some(), "what nobody looked at is in nobody's way");
        if again {
            scene.done("/accounts/evmail/remove", &[]).await;
        }
    }
}

#[tokio::test]
async fn a_typed_password_is_typed_twice_and_never_shown() {
    let mut scene = scene("").await;
    for (typed, again, told) in [("geheim1", "geheim2", "The two are not the same"), ("", "", "It is empty")] {
        let answer = add(&mut scene, &[("how", "type"), ("password", typed), ("again", again)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains(told) && !answer.text.contains("geheim"), "{answer:?}");
    }
    let answer = add(&mut scene, &[("how", "generate"), ("password", "geheim"), ("again", "")]).await;
    let told = "You typed a password, and chose that one is made up";
    assert!(answer.text.contains(told) && !answer.text.contains("geheim"), "{answer:?}");
    assert!(answer.text.contains("href=\"#f-how\"") && answer.status == StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    assert!(scene.account("evmail").is_none());
    let answer = add(&mut scene, &[("how", "type"), ("password", " geheim "), ("again", " geheim ")]).await;
    assert_eq!(answer.header("location"), "/gatepost/accounts/evmail");
    assert!(scene.opens("evmail", " geheim ").await && !scene.opens("evmail", "geheim").await, "to the letter");
}

#[tokio::test]
async fn all_that_is_typed_is_saved_and_what_is_wrong_is_told_beside_its_field() {
    let mut scene = scene("[accounts.taken]\npassword_hash = \"HASH\"\ntoken = \"support\"\n").await;
    let typed = [
        ("name", "<b>evmail"),
        ("token", "nowhere"),
        ("aliases", "fine\r\nTAKEN"),
        ("networks", "10.0.0.0/8 everywhere"),
        ("sender.policy", "rewrite"),
        ("sender.address", "no address"),
        ("how", "generate"),
    ];
    let answer = scene.post("/accounts/add", &typed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in ["token", "aliases", "networks", "sender.address"] {
        let beside = answer.text.split(&format!("id=\"f-{field}-error\">")).nth(1).unwrap();
        assert!(
            !beside.starts_with('<') && answer.text.contains(&format!("href=\"#f-{field}\"")),
            "{field}: {answer:?}"
        );
    }
    assert!(answer.text.contains("value=\"&#60;b&#62;evmail\"") && !answer.text.contains("<b>evmail"), "{answer:?}");
    assert!(plain(&answer).contains("already belongs to the account \"taken\""), "{answer:?}");
    let mended = [
        ("name", "evmail"),
        ("token", "support"),
        ("aliases", "fine\r\nother name"),
        ("networks", "10.0.0.0/8 ::1"),
        ("protocols", "imap"),
        ("protocols", "smtp"),
        ("mailbox", "shared@example.com"),
        ("sender.policy", "rewrite"),
        ("sender.address", "printer@example.com"),
        ("how", "generate"),
    ];
    scene.done("/accounts/add", &mended).await;
    let account = scene.account("evmail").unwrap();
    assert_eq!(account.aliases, ["fine", "other name"]);
    let page = plain(&scene.get("/accounts/evmail").await);
    for told in [
        "Other user names fine, other name For IMAP, SMTP From 10.0.0.0/8, ::1/128",
        "Opens the mailbox shared@example.com",
        "Always as printer@example.com, replies go there, too",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
    assert_eq!(scene.deeds().await.last().unwrap(), "account.added evmail with the token support");
}

#[tokio::test]
async fn what_is_typed_is_checked_meanwhile() {
    let mut scene = scene("").await;
    let answer = scene.post("/accounts/add/check", &[("name", "a*"), ("token", "support"), ("networks", "x")]).await;
    assert!(
        answer.text.contains("accounts with a pattern are declared in the file") || answer.text.contains("pattern")
    );
    let answer = scene.post("/accounts/add/check", &[("name", "a"), ("token", "support"), ("networks", "x")]).await;
    assert!(answer.text.starts_with("{\"networks\":\""), "{answer:?}");
    let answer = scene.post("/accounts/add/check", &[("name", "a"), ("token", "support")]).await;
    assert_eq!(answer.text, "{}");
    assert!(scene.account("a").is_none());
}

#[tokio::test]
async fn strangers_and_forms_from_elsewhere_change_nothing() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    let mut stranger = crate::admin::tests::browser::Browser::new(&scene.desk);
    for path in ["/accounts", "/accounts/evmail", ONCE] {
        assert!(stranger.get(path).await.is_for_strangers(), "{path}");
    }
    assert!(stranger.post("/accounts/evmail/remove", &[]).await.is_for_strangers());
    scene.browser.csrf = "forged".into();
    assert_eq!(scene.post("/accounts/evmail/remove", &[]).await.status, StatusCode::FORBIDDEN);
    assert!(scene.account("evmail").is_some());
    let typed: secrecy::SecretString = "geheim".into();
    assert!(scene.opens("evmail", typed.expose_secret()).await);
}

#[tokio::test]
async fn beside_a_new_password_stands_what_else_the_program_asks_for() {
    let listeners = "[[listeners]]\nprotocol = \"smtp\"\naddress = \"127.0.0.1:1587\"\n\
                     [[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:1143\"\n";
    let mut scene = scene(listeners).await;
    add(&mut scene, &[("how", "generate")]).await;
    let shown = scene.get(ONCE).await;
    let text = plain(&shown);
    for row in ["Incoming mail (IMAP) 127.0.0.1 Copy 1143 Copy None evmail", "Outgoing mail (SMTP) 127.0.0.1 Copy 1587"]
    {
        assert!(text.contains(row), "{row}\n{text}");
    }
    assert!(!shown.text.contains("#program\""), "nothing leads away from it: {shown:?}");
    let limited = [("label", "scanner"), ("protocols", "smtp"), ("how", "generate")];
    let text = plain(&scene.done("/accounts/evmail/passwords/add", &limited).await);
    assert!(text.contains("Outgoing mail (SMTP)") && !text.contains("Incoming mail"), "what it is for alone: {text}");
}

#[tokio::test]
async fn a_field_says_with_which_choice_it_is_of_use() {
    let mut scene = scene("").await;
    let form = scene.get("/accounts/add").await;
    for (field, when) in [
        ("password", "how=type"),
        ("again", "how=type"),
        ("sender.addresses", "sender.policy=require"),
        ("sender.address", "sender.policy=rewrite"),
        ("sender.reply_to", "sender.policy=rewrite"),
    ] {
        let part = format!("data-when=\"{when}\">\n<div class=\"field\" data-field=\"{field}\"");
        assert!(form.text.contains(&part), "{field}: {}", form.text);
    }
}
