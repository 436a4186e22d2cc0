use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::{KEEP, plain, scene};
use crate::admin::tests::browser::{Answer, Browser};
use crate::store::{Kind, Saved};

/// The version that a form was made of.
fn version(answer: &Answer) -> String {
    let (_, after) = answer.text.split_once("name=\"version\" value=\"").unwrap();
    after.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn settings_change_and_passwords_and_the_switch_stay() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    scene.done("/accounts/evmail/disable", &[]).await;
    let form = scene.get("/accounts/EVMAIL/edit").await;
    let typed = [("version", version(&form)), ("token", "other".into()), ("aliases", "alias".into())];
    let typed: Vec<_> = typed.iter().map(|(name, value)| (*name, value.as_str())).chain(KEEP).collect();
    let page = scene.done("/accounts/evmail/edit", &typed).await;
    assert!(plain(&page).contains("Done: The account is changed."), "{page:?}");
    let account = scene.account("evmail").unwrap();
    assert_eq!((account.token.name.as_str(), account.aliases, account.disabled), ("other", vec!["alias".into()], true));
    assert!(scene.opens("evmail", "geheim").await);
    let deeds = scene.deeds().await;
    assert_eq!(deeds.last().unwrap(), "account.changed evmail aliases, token");
    assert!(deeds.contains(&"account.disabled evmail".to_owned()), "{deeds:?}");
}

/// What the form was loaded with.
fn loaded(answer: &Answer) -> String {
    let (_, after) = answer.text.split_once("name=\"loaded\" value=\"").unwrap();
    after.split_once('"').unwrap().0.replace("&#34;", "\"")
}

#[tokio::test]
async fn of_two_administrators_the_second_sees_what_the_first_did_and_loses_nothing() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    let mut second = Browser::signed_in(&scene.desk).await;
    let form = scene.get("/accounts/evmail/edit").await;
    let seen = version(&form);
    let first = [("version", seen.as_str()), ("token", "other"), ("mailbox", "first@example.com")];
    scene.done("/accounts/evmail/edit", &[&first[..], &KEEP].concat()).await;
    let typed = |seen: &Answer, token: &'static str| {
        let own = [("version", version(seen)), ("loaded", loaded(seen)), ("token", token.to_owned())];
        let own = own.into_iter().chain([("mailbox", "second@example.com".to_owned())]);
        own.chain(KEEP.map(|(name, value)| (name, value.to_owned()))).collect::<Vec<_>>()
    };
    let sent = typed(&form, "support");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let conflict = second.post("/accounts/evmail/edit", &sent).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    let text = plain(&conflict);
    assert!(text.contains("Nothing was saved. Somebody else has changed this account"), "{text}");
    assert!(text.contains("Stored now: first@example.com") && !text.contains("Stored now: other"), "{text}");
    assert!(conflict.text.contains("value=\"second@example.com\""), "what was typed is still there: {text}");
    assert!(
        conflict.text.contains("<option value=\"other\" selected>"),
        "what only they changed is taken over: {text}"
    );
    assert_eq!(scene.account("evmail").unwrap().mailbox.as_deref(), Some("first@example.com"));
    let sent = typed(&conflict, "other");
    let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let settled = second.post("/accounts/evmail/edit", &sent).await;
    assert_eq!(settled.status, StatusCode::SEE_OTHER, "{settled:?}");
    let account = scene.account("evmail").unwrap();
    assert_eq!((account.token.name.as_str(), account.mailbox.as_deref()), ("other", Some("second@example.com")));
}

#[tokio::test]
async fn changes_that_do_not_touch_each_other_are_both_saved() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    let form = scene.get("/accounts/evmail/edit").await;
    let (version, loaded) = (version(&form), loaded(&form));
    let of = |more| [&[("version", version.as_str()), ("loaded", loaded.as_str()), more], &KEEP[..]].concat();
    scene.done("/accounts/evmail/edit", &[&of(("aliases", "theirs"))[..], &[("token", "support")]].concat()).await;
    let page = scene.done("/accounts/evmail/edit", &of(("token", "other"))).await;
    assert!(plain(&page).contains("What somebody else has changed meanwhile stays as well."), "{page:?}");
    let account = scene.account("evmail").unwrap();
    assert_eq!((account.token.name.as_str(), account.aliases), ("other", vec!["theirs".to_owned()]));
}

#[tokio::test]
async fn what_is_wrong_in_a_change_is_told_and_nothing_is_saved() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    scene.add("other").await;
    let seen = version(&scene.get("/accounts/evmail/edit").await);
    let typed = [("version", seen.as_str()), ("token", "support"), ("aliases", "Other"), ("protocols", "fax")];
    let answer = scene.post("/accounts/evmail/edit", &[&typed[..], &KEEP].concat()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(plain(&answer).contains("already belongs to the account \"other\""), "{answer:?}");
    let checked = scene.post("/accounts/evmail/edit/check", &[("token", "support"), ("aliases", "OTHER")]).await;
    assert!(checked.text.contains("aliases"), "{checked:?}");
    assert!(scene.account("evmail").unwrap().aliases.is_empty());
}

#[tokio::test]
async fn an_account_is_disabled_enabled_and_after_a_question_removed() {
    let mut scene = scene("").await;
    scene.add("a <b>/c").await;
    let path = "/accounts/a%20%3Cb%3E%2Fc";
    let page = scene.done(&format!("{path}/disable"), &[]).await;
    assert!(scene.account("a <b>/c").unwrap().disabled && page.text.contains("/enable\""), "{page:?}");
    scene.done(&format!("{path}/enable"), &[]).await;
    assert!(!scene.account("a <b>/c").unwrap().disabled);
    let question = scene.get(&format!("{path}/remove")).await;
    assert!(plain(&question).contains("Remove it") && scene.account("a <b>/c").is_some(), "{question:?}");
    assert!(question.text.contains(&format!("action=\"/gatepost{path}/remove\"")), "{question:?}");
    let list = scene.done(&format!("{path}/remove"), &[]).await;
    assert!(plain(&list).contains("There is no account yet.") && scene.account("a <b>/c").is_none(), "{list:?}");
    let twice = scene.done(&format!("{path}/remove"), &[]).await;
    assert!(plain(&twice).contains("Not done: There is no account"), "{twice:?}");
    let kinds: Vec<_> = scene
        .deeds()
        .await
        .iter()
        .filter_map(|deed| deed.strip_prefix("account."))
        .map(|deed| deed.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["added", "disabled", "enabled", "removed"]);
}

/// Wherever a browser goes away: what was done is noted.
#[tokio::test]
async fn what_a_browser_does_not_wait_for_is_done_and_noted() {
    let mut scene = scene("").await;
    scene.add("evmail").await;
    for disabled in [true, false] {
        let path = if disabled { "/accounts/evmail/disable" } else { "/accounts/evmail/enable" };
        let busy = scene.desk.busy.clone();
        let begun = async {
            while busy.count() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = scene.browser.post(path, &[]) => panic!("{answer:?}"),
            () = begun => {}
        }
        assert_eq!(scene.desk.busy.finished(Duration::from_mins(1)).await, 0);
        let last = format!("account.{} evmail", if disabled { "disabled" } else { "enabled" });
        assert_eq!((scene.deeds().await.pop(), scene.account("evmail").unwrap().disabled), (Some(last), disabled));
    }
}

#[tokio::test]
async fn an_account_of_the_file_is_shown_and_not_changed() {
    let mut scene = scene("[accounts.evmail]\npassword_hash = \"HASH\"\ntoken = \"support\"\n").await;
    let page = scene.get("/accounts/evmail").await;
    assert!(!page.text.contains("/edit\"") && !page.text.contains("/disable\""), "{page:?}");
    for (path, by_form) in [
        ("edit", false),
        ("edit", true),
        ("disable", true),
        ("enable", true),
        ("passwords/add", true),
        ("passwords/revoke", true),
    ] {
        let path = format!("/accounts/evmail/{path}");
        let answer = if by_form { scene.post(&path, &[]).await } else { scene.get(&path).await };
        assert_eq!(answer.status, StatusCode::CONFLICT, "{path}");
        assert!(plain(&answer).contains("Edit that place, and run `gatepost reload`."), "{path} {answer:?}");
    }
    let removed = scene.done("/accounts/evmail/remove", &[]).await;
    assert!(plain(&removed).contains("Not done:") && scene.account("evmail").is_some(), "{removed:?}");
}

#[tokio::test]
async fn what_is_broken_in_the_store_is_told_and_can_be_removed() {
    let mut scene = scene("").await;
    let record = scene.desk.store.record(Kind::Account, "broken").await.unwrap();
    let content = json!({ "token": "support", "password_hash": "none" }).to_string();
    assert!(matches!(scene.desk.store.put(record.with(Some(content)), None).await.unwrap(), Saved::Done(_)));
    scene.desk.registry.look().await.unwrap();
    let list = scene.get("/accounts").await;
    assert!(
        list.text.contains("href=\"/gatepost/accounts/broken\"") && plain(&list).contains("Not in use."),
        "{list:?}"
    );
    let page = scene.get("/accounts/broken").await;
    assert!(
        plain(&page).contains("This account cannot be used") && plain(&page).contains("not an Argon2id hash"),
        "{page:?}"
    );
    let list = scene.done("/accounts/broken/remove", &[]).await;
    assert!(
        plain(&list).contains("The account broken is removed.") && !plain(&list).contains("Not in use."),
        "{list:?}"
    );
}
