//! Declarations of the store, which are read as those of the file.

use serde_json::json;

use super::*;

fn settings(value: serde_json::Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_account_of_the_store_is_read_as_one_of_the_file() {
    let config = load(&written(GOOD), &[]).unwrap();
    let read = |name: &str, value| config.stored_account(name, &settings(value), &config.tokens);
    let whole = json!({
        "password_hash": [HASH, HASH], "token": "support", "protocols": ["imap"], "networks": ["10.0.0.0/8"],
        "aliases": ["other"], "mailbox": "shared@example.com", "smtp_user": "d@example.com", "disabled": true,
    });
    // Names that TOML and Rust would escape in their own ways.
    for name in ["evmail2", "two words", "caf\u{e9}", "cafe\u{301}", "quo\"te\\", "a.b"] {
        let accounts = read(name, whole.clone()).unwrap();
        assert_eq!((accounts.len(), accounts[0].name.as_str(), accounts[0].passwords.len()), (1, name, 2));
        assert!(accounts[0].disabled && accounts[0].aliases == ["other"]);
    }
    // As `gatepost account password --label` writes them; what was stored before there were labels is above.
    let labelled = json!({ "token": "support", "passwords": [
        { "hash": HASH, "label": "quo\"te", "networks": ["10.0.0.0/8"], "protocols": ["smtp"] }, { "hash": HASH, "label": "b" },
    ] });
    let passwords = &read("labelled", labelled).unwrap()[0].passwords;
    assert_eq!((passwords.len(), passwords[0].label.as_deref()), (2, Some("quo\"te")));
    assert_eq!(passwords[0].protocols, [Protocol::Smtp]);
    let members = read(
        "*@example.com",
        json!({ "token": "support", "password_rule": "own", "users": { "a@example.com": HASH, "b@example.com": HASH } }),
    );
    assert_eq!(members.unwrap().len(), 2);
    let ConfigErrors(errors) = read("x", json!({ "token": "suport", "protocols": ["imp"] })).unwrap_err();
    let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(keys, ["accounts.x.password_hash", "accounts.x.protocols", "accounts.x.token"]);
}

#[test]
fn the_files_accounts_are_found_by_any_name() {
    let directory = written(&GOOD.replace("[accounts.\"evmail\"]", "[accounts.\"evmail\"]\naliases = [\"Other\"]"));
    let member = format!(
        "[accounts.\"*@x\"]\ntoken = \"support\"\npassword_rule = \"own\"\nusers = {{ \"a@x\" = \"{HASH}\" }}\n"
    );
    write(directory.path(), "gatepost.toml.d/10.toml", &member);
    // Its token may be the store's, where there is one.
    write(directory.path(), "gatepost.db", "");
    write(
        directory.path(),
        "gatepost.toml.d/20.toml",
        &format!("[accounts.later]\ntoken = \"stored\"\npassword_hash = {HASH:?}\n"),
    );
    let config = load(
        &directory,
        &[("GATEPOST__ACCOUNTS__LATE__TOKEN", "support"), ("GATEPOST__ACCOUNTS__LATE__PASSWORD_HASH", HASH)],
    )
    .unwrap();
    let place = |user| {
        config.account_place(user).map(|place| place.line.replace(&format!("{}/", directory.path().display()), ""))
    };
    assert_eq!(place("EvMail").as_deref(), Some("gatepost.toml:17"));
    assert_eq!(place("other").as_deref(), Some("gatepost.toml:18"));
    assert_eq!(place("A@x ").as_deref(), Some("gatepost.toml.d/10.toml:4"));
    assert!(config.account_place("a@x").unwrap().listed && !config.account_place("evmail").unwrap().listed);
    assert_eq!(place("late").as_deref(), Some("GATEPOST__ACCOUNTS__LATE__PASSWORD_HASH"));
    assert_eq!(place("later").as_deref(), Some("gatepost.toml.d/20.toml:1"));
    assert_eq!(place("nobody"), None);
}
