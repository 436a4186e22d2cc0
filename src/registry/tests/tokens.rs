use serde_json::json;

use super::*;
use crate::model::TokenState;
use crate::store::Version;

fn google(mailbox: &str) -> Settings {
    settings(json!({
        "provider": "google", "grant": "authorization_code", "mailbox": mailbox,
        "client_id": "c", "client_secret": "cl1ent s3cret",
    }))
}

#[tokio::test]
async fn a_token_lives_from_its_declaration_until_it_is_forgotten() {
    let place = place();
    let registry = registry(&place).await;
    let token = registry.add_token(by(), "sales", google("sales@example.com")).await.unwrap();
    assert!(Arc::ptr_eq(&token, registry.declared().find("sales").unwrap()), "it is in force");
    let (seen, mut settings) = registry.token_settings("sales").await.unwrap().unwrap();
    settings.insert("mailbox".into(), json!("other@example.com"));
    let token = registry.edit_token(by(), "sales", seen, settings.clone()).await.unwrap();
    assert_eq!(
        (token.mailbox.as_str(), registry.declared().find("sales").unwrap().mailbox.as_str()),
        ("other@example.com", "other@example.com")
    );
    // Saved again, nothing has changed, and nothing is said.
    let (seen, same) = registry.token_settings("sales").await.unwrap().unwrap();
    registry.edit_token(by(), "sales", seen, same).await.unwrap();
    assert_eq!(registry.token_settings("sales").await.unwrap().unwrap().0, seen);

    let state = registry.store().token("sales").await.unwrap();
    let _ = registry.store().save("sales", state.version, &TokenState::default()).await.unwrap();
    registry.forget_token(by(), "sales").await.unwrap();
    assert!(registry.declared().find("sales").is_err());
    assert_eq!(registry.store().token("sales").await.unwrap().version, Version::default());
    assert_eq!(registry.token_settings("sales").await.unwrap(), None);
    assert!(matches!(registry.forget_token(by(), "sales").await, Err(ChangeError::Unknown { .. })));
    assert_eq!(
        trail(&registry).await,
        [
            "token.added sales: google authorization_code sales@example.com",
            "token.changed sales: mailbox",
            "token.forgotten sales: ",
        ]
    );
}

#[tokio::test]
async fn a_name_lives_in_one_place_only() {
    let place = place();
    let registry = registry(&place).await;
    registry.add_token(by(), "sales", google("sales@example.com")).await.unwrap();
    let (seen, _) = registry.token_settings("sales").await.unwrap().unwrap();
    let again = registry.add_token(by(), "sales", google("a@example.com")).await.unwrap_err();
    assert!(matches!(again, ChangeError::Exists { .. }), "{again}");
    let refused = [
        registry.add_token(by(), "support", google("a@example.com")).await.unwrap_err(),
        registry.edit_token(by(), "support", seen, google("a@example.com")).await.unwrap_err(),
    ];
    for error in refused {
        let ChangeError::InFile { place, .. } = &error else { panic!("{error:?}") };
        assert!(place.ends_with("gatepost.toml:6"), "{place}");
        assert!(error.remedy().contains("gatepost.toml:6"));
    }
}

#[tokio::test]
async fn who_was_slower_is_told_and_nothing_is_lost() {
    let place = place();
    let (registry, other) = (registry(&place).await, registry(&place).await);
    registry.add_token(by(), "sales", google("sales@example.com")).await.unwrap();
    let (seen, _) = other.token_settings("sales").await.unwrap().unwrap();
    registry.edit_token(by(), "sales", seen, google("first@example.com")).await.unwrap();
    let slower = other.edit_token(by(), "sales", seen, google("second@example.com")).await.unwrap_err();
    assert!(matches!(slower, ChangeError::Conflict { .. }), "{slower}");
    assert_eq!(registry.declared().find("sales").unwrap().mailbox, "first@example.com");
    // Both add the same.
    let both = tokio::join!(
        registry.add_token(by(), "new", google("a@example.com")),
        other.add_token(by(), "new", google("b@example.com"))
    );
    assert_eq!([both.0.is_ok(), both.1.is_ok()].iter().filter(|added| **added).count(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_key_and_never_with_a_secret() {
    let place = place();
    let registry = registry(&place).await;
    let mut wrong = google("a\u{7}b");
    wrong.insert("scopes".into(), json!(["https://outlook.office.com/IMAP.AccessAsUser.All"]));
    wrong.insert("client_secret".into(), json!(["cl1ent", "s3cret"]));
    wrong.insert("nonsense".into(), json!(1));
    let faults = registry.check_token("to.\"ken", &wrong).unwrap_err();
    let told: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    for key in ["mailbox", "client_secret", "nonsense"] {
        assert!(told.contains(&key), "{key}: {faults:?}");
    }
    assert!(!format!("{faults:?}").contains("s3cret"), "{faults:?}");
    assert_eq!(keys(registry.add_token(by(), "a\u{7}", google("a@example.com")).await.unwrap_err()), ["name"]);
    assert_eq!(trail(&registry).await, [""; 0]);
}

#[tokio::test]
async fn a_token_is_switched_off_and_stays_so_while_it_is_edited() {
    let place = place();
    let registry = registry(&place).await;
    registry.add_token(by(), "sales", google("sales@example.com")).await.unwrap();
    for _ in 0..2 {
        registry.disable_token(by(), "sales", true).await.unwrap();
    }
    let (seen, _) = registry.token_settings("sales").await.unwrap().unwrap();
    let token = registry.edit_token(by(), "sales", seen, google("other@example.com")).await.unwrap();
    assert!(token.disabled);
    registry.disable_token(by(), "sales", false).await.unwrap();
    assert!(!registry.declared().find("sales").unwrap().disabled);
    let in_file = registry.disable_token(by(), "support", true).await.unwrap_err();
    assert!(matches!(in_file, ChangeError::InFile { .. }), "{in_file}");
    let deeds = trail(&registry).await;
    assert_eq!(deeds[1..], ["token.disabled sales: ", "token.changed sales: mailbox", "token.enabled sales: "]);
}
