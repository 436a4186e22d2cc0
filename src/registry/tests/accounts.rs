use serde_json::{Value, json};

use super::*;
use crate::model::Account;
use crate::registry::change::readable;
use crate::store::{Kind, Saved};

fn of(token: &str) -> Settings {
    settings(json!({ "token": token }))
}

fn labelled(label: &str) -> Terms {
    Terms { label: Some(label.into()), ..Terms::default() }
}

async fn add(registry: &Registry, name: &str) {
    let first = Some((&"first one".into(), Terms::default()));
    registry.add_account(by(), name, of("support"), first).await.unwrap();
}

fn find(registry: &Registry, name: &str) -> Option<Account> {
    registry.declared().accounts.iter().find(|account| account.name == name).cloned()
}

fn labels(registry: &Registry, name: &str) -> Vec<String> {
    let account = find(registry, name).unwrap();
    account.passwords.iter().map(|password| password.label.clone().unwrap_or_default()).collect()
}

#[tokio::test]
async fn an_account_changes_and_each_change_is_in_force_when_it_returns() {
    let place = place();
    let registry = registry(&place).await;
    add(&registry, "Scanner").await;
    let limited = Terms { protocols: vec!["smtp".into()], networks: vec!["10.0.0.0/8".into()], ..labelled("office") };
    registry.give_password(by(), "SCANNER", &"p".into(), limited).await.unwrap();
    assert_eq!(labels(&registry, "Scanner"), ["", "office"]);
    registry.give_password(by(), "scanner", &"q".into(), Terms { keep_old: true, ..Terms::default() }).await.unwrap();
    assert_eq!(labels(&registry, "Scanner"), ["", "", "office"]);
    registry.give_password(by(), "scanner", &"r".into(), Terms::default()).await.unwrap();
    assert_eq!(labels(&registry, "Scanner"), ["", "office"]);
    for _ in 0..2 {
        registry.disable_account(by(), "scanner", true).await.unwrap();
        assert!(find(&registry, "Scanner").unwrap().disabled);
    }
    let (seen, mut settings) = registry.account_settings("Scanner").await.unwrap().unwrap();
    assert!(!settings.contains_key("password_hash") && !settings.contains_key("passwords"), "{settings:?}");
    settings.remove("disabled");
    settings.insert("aliases".into(), json!(["scan"]));
    registry.edit_account(by(), "Scanner", seen, settings.clone()).await.unwrap();
    let account = find(&registry, "Scanner").unwrap();
    assert!(account.disabled && account.answers_to("scan") && account.passwords.len() == 2);
    let slower = registry.edit_account(by(), "Scanner", seen, settings).await.unwrap_err();
    assert!(matches!(slower, ChangeError::Conflict { .. }), "{slower}");
    registry.disable_account(by(), "scanner", false).await.unwrap();
    registry.revoke_password(by(), "scanner", Which::Label("OFFICE".into())).await.unwrap();
    assert!(!find(&registry, "Scanner").unwrap().disabled);
    registry.remove_account(by(), "scanner").await.unwrap();
    assert!(find(&registry, "Scanner").is_none());
    assert_eq!(
        trail(&registry).await,
        [
            "account.added Scanner: with the token support",
            "password.given Scanner: office, for smtp, from 10.0.0.0/8",
            "password.given Scanner: one without a label",
            "password.given Scanner: one without a label",
            "account.disabled Scanner: ",
            "account.changed Scanner: aliases",
            "account.enabled Scanner: ",
            "password.revoked Scanner: OFFICE",
            "account.removed Scanner: ",
        ]
    );
}

#[tokio::test]
async fn a_password_is_revoked_once_and_the_last_one_stays() {
    let place = place();
    let registry = registry(&place).await;
    add(&registry, "scanner").await;
    registry.give_password(by(), "scanner", &"q".into(), Terms { keep_old: true, ..Terms::default() }).await.unwrap();
    let marks: Vec<_> = find(&registry, "scanner").unwrap().passwords.iter().map(|one| mark(&one.hash)).collect();
    assert_ne!(marks[0], marks[1]);
    let revoke = || registry.revoke_password(by(), "scanner", Which::Plain(marks[1].clone()));
    revoke().await.unwrap();
    // A double click.
    assert!(matches!(revoke().await, Err(ChangeError::NoSuchPassword { .. })));
    let last = registry.revoke_password(by(), "scanner", Which::Plain(marks[0].clone())).await.unwrap_err();
    assert!(matches!(last, ChangeError::LastPassword { .. }), "{last}");
    assert_eq!(labels(&registry, "scanner").len(), 1);
}

#[tokio::test]
async fn two_who_change_at_once_lose_nothing() {
    let place = place();
    let (one, other) = (Arc::new(registry(&place).await), Arc::new(registry(&place).await));
    add(&one, "scanner").await;
    let changes: Vec<_> = (0..8)
        .map(|number| {
            let registry = Arc::clone(if number % 2 == 0 { &one } else { &other });
            tokio::spawn(async move {
                let label = labelled(&number.to_string());
                registry.give_password(by(), "scanner", &"p".into(), label).await.unwrap();
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    one.look().await.unwrap();
    let mut found = labels(&one, "scanner");
    found.sort();
    assert_eq!(found, ["", "0", "1", "2", "3", "4", "5", "6", "7"]);
    one.give_password(by(), "scanner", &"p".into(), labelled("8")).await.unwrap();
    let most = one.give_password(by(), "scanner", &"p".into(), labelled("9")).await.unwrap_err();
    assert!(matches!(most, ChangeError::TooMany { count: 11, most: 10, .. }), "{most}");
}

/// Neither could see the other when it was checked.
#[tokio::test]
async fn a_user_name_that_two_take_at_once_is_never_two_accounts() {
    let place = place();
    let (one, other) = (registry(&place).await, registry(&place).await);
    for round in 0..5 {
        let alias = format!("shared{round}");
        let new = |name: &str| (format!("{name}{round}"), settings(json!({ "token": "support", "aliases": [alias] })));
        let ((first, its), (second, others)) = (new("b"), new("a"));
        let (password, another) = ("p".into(), "q".into());
        let added = tokio::join!(
            one.add_account(by(), &first, its, Some((&password, Terms::default()))),
            other.add_account(by(), &second, others, Some((&another, Terms::default())))
        );
        for look in [&one, &other] {
            look.look().await.unwrap();
            assert_eq!(look.declared().broken, [""; 0], "{added:?}");
            assert_eq!(find(look, &first).is_some(), added.0.is_ok());
            assert_eq!(find(look, &second).is_some(), added.1.is_ok());
        }
        assert!(!(added.0.is_ok() && added.1.is_ok()));
    }
}

#[tokio::test]
async fn what_stands_in_the_file_is_refused_with_its_place() {
    let place = place();
    let registry = registry(&place).await;
    let results = [
        registry.give_password(by(), "evmail", &"p".into(), Terms::default()).await,
        registry.revoke_password(by(), "EvMail", Which::Label("x".into())).await,
        registry.disable_account(by(), "evmail", true).await,
        registry.remove_account(by(), "evmail").await,
    ];
    for error in results.map(Result::unwrap_err) {
        let ChangeError::InFile { place, .. } = error else { panic!("{error:?}") };
        assert!(place.ends_with("gatepost.toml:11"), "{place}");
    }
    let first = Some((&"p".into(), Terms::default()));
    assert_eq!(keys(registry.add_account(by(), "OTHER", of("support"), first).await.unwrap_err()), ["name"]);
    assert_eq!(trail(&registry).await, [""; 0]);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_key() {
    let place = place();
    let registry = registry(&place).await;
    let wrong = settings(json!({
        "token": "suport", "protocols": ["imp"], "networks": ["10.0.0.0/33"], "aliases": ["evmail"],
        "sender": { "policy": "rewrite", "address": "nobody" },
    }));
    let faults = registry.check_new_account("scanner", &wrong).unwrap_err();
    let mut told: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["aliases", "networks", "protocols", "sender.address", "token"]);
    assert_eq!(registry.check_new_account("*@example.com", &of("support")).unwrap_err()[0].key, "name");
    // Without a password an account is checked, and not added.
    registry.check_new_account("scanner", &of("support")).unwrap();
    assert_eq!(keys(registry.add_account(by(), "scanner", of("support"), None).await.unwrap_err()), ["password_hash"]);

    let smtp = settings(json!({ "token": "support", "protocols": ["smtp", "imap"] }));
    registry.add_account(by(), "scanner", smtp, Some((&"p".into(), labelled("a")))).await.unwrap();
    registry.check_account("scanner", &of("support")).unwrap();
    let give = async |terms| keys(registry.give_password(by(), "scanner", &"p".into(), terms).await.unwrap_err());
    let pop3 = Terms { protocols: vec!["pop3".into()], networks: vec!["here".into()], ..labelled("b") };
    assert_eq!(give(pop3.clone()).await, ["protocols", "networks"]);
    assert_eq!(give(labelled("")).await, ["label"]);
    assert_eq!(give(Terms { label: None, ..pop3 }).await, ["label"]);
    assert_eq!(
        keys(registry.give_password(by(), "scanner", &"".into(), labelled("b")).await.unwrap_err()),
        ["password"]
    );
    // What a password was given for cannot be taken from the account alone.
    registry
        .give_password(by(), "scanner", &"p".into(), Terms { protocols: vec!["imap".into()], ..labelled("b") })
        .await
        .unwrap();
    let (seen, mut narrower) = registry.account_settings("scanner").await.unwrap().unwrap();
    narrower.insert("protocols".into(), json!(["smtp"]));
    let ChangeError::Wrong(faults) = registry.edit_account(by(), "scanner", seen, narrower).await.unwrap_err() else {
        panic!()
    };
    assert_eq!((faults[0].key.as_str(), faults[0].text.contains("\"b\"")), ("protocols", true), "{faults:?}");
}

/// What was read once is not read again, unless what it was made of has changed.
#[tokio::test]
async fn an_account_follows_its_token() {
    let place = place();
    let registry = registry(&place).await;
    let google = |mailbox: &str| {
        settings(json!({
            "provider": "google", "grant": "authorization_code", "mailbox": mailbox, "client_id": "c",
        }))
    };
    registry.add_token(by(), "sales", google("a@example.com")).await.unwrap();
    let first = Some((&"p".into(), Terms::default()));
    registry.add_account(by(), "scanner", of("sales"), first).await.unwrap();
    let mailbox = || find(&registry, "scanner").unwrap().token.mailbox.clone();
    let (seen, _) = registry.token_settings("sales").await.unwrap().unwrap();
    registry.edit_token(by(), "sales", seen, google("b@example.com")).await.unwrap();
    assert_eq!(mailbox(), "b@example.com");
    registry.forget_token(by(), "sales").await.unwrap();
    assert!(find(&registry, "scanner").unwrap().token.is_stand_in());
    registry.add_token(by(), "sales", google("c@example.com")).await.unwrap();
    assert_eq!(mailbox(), "c@example.com");
}

/// As the store has it.
async fn is_disabled(registry: &Registry, name: &str) -> bool {
    let record = registry.store().record(Kind::Account, name).await.unwrap();
    record.content.unwrap().unwrap_or_default().contains("\"disabled\":true")
}

#[tokio::test]
async fn what_was_done_already_is_in_force_when_it_is_done_again() {
    let place = place();
    let registry = registry(&place).await;
    add(&registry, "scanner").await;
    let record = registry.store().record(Kind::Account, "scanner").await.unwrap();
    let mut content = readable(&record).unwrap();
    content.insert("disabled".into(), true.into());
    let content = Value::Object(content).to_string();
    assert!(matches!(registry.store().put(record.with(Some(content)), None).await.unwrap(), Saved::Done(_)));
    assert!(!find(&registry, "scanner").unwrap().disabled);
    registry.disable_account(by(), "scanner", true).await.unwrap();
    assert!(find(&registry, "scanner").unwrap().disabled);
}

/// A browser that is closed, a script that gave up waiting: the store has the change all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_asker_goes_comes_into_force() {
    let place = place();
    let registry = Arc::new(registry(&place).await);
    add(&registry, "scanner").await;
    let stop = CancellationToken::new();
    let follows = (Arc::clone(&registry), stop.clone());
    let follows = tokio::spawn(async move { follows.0.follow(follows.1).await });
    for step in 0..20 {
        let change = registry.disable_account(by(), "scanner", step % 2 == 0);
        drop(tokio::time::timeout(Duration::from_micros(step * 400), change).await);
        let is_in_force = async {
            while find(&registry, "scanner").unwrap().disabled != is_disabled(&registry, "scanner").await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), is_in_force).await.unwrap();
    }
    stop.cancel();
    follows.await.unwrap();
}
