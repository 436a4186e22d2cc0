//! Passwords with a label and limits each.

use super::*;

/// A good configuration with these lines instead of the hash.
fn account(lines: &str) -> String {
    GOOD.replace("password_hash = \"HASH\"\n", lines)
}

#[test]
fn each_has_a_label_and_what_bounds_it() {
    let both = r#"password_hash = ["HASH", "HASH"]
passwords = [
  { hash = "HASH", label = "Scanner", networks = ["10.0.0.0/8"], protocols = ["smtp"] },
  { hash = "HASH", label = "desk" },
  { hash = "HASH", label = "day", expires = "2027-01-31" },
  { hash = "HASH", label = "time", expires = 2027-01-31T18:00:00+01:00 },
]
"#;
    let config = load(&written(&account(both)), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let passwords = &config.accounts[0].passwords;
    let labels: Vec<_> = passwords.iter().map(|password| password.label.as_deref()).collect();
    assert_eq!(labels, [None, None, Some("Scanner"), Some("desk"), Some("day"), Some("time")]);
    assert_eq!((&passwords[2].protocols[..], passwords[2].networks.len()), (&[Protocol::Smtp][..], 1));
    let expire: Vec<_> = passwords.iter().filter_map(|password| Some(password.expires?.to_rfc3339())).collect();
    assert_eq!(expire, ["2027-01-31T00:00:00+00:00", "2027-01-31T17:00:00+00:00"]);
    assert!(passwords[3].protocols.is_empty() && passwords[3].networks.is_empty());
    let page = Config::show(&written(&account(both)).path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let expected = "passwords = [{ hash = \"(secret)\", label = \"Scanner\", networks = [\"10.0.0.0/8\"], protocols = [\"smtp\"] }, { hash = \"(secret)\", label = \"desk\" }, { hash = \"(secret)\", label = \"day\", expires = \"2027-01-31T00:00:00Z\" }, { hash = \"(secret)\", label = \"time\", expires = \"2027-01-31T17:00:00Z\" }]";
    assert!(page.contains(expected) && page.contains("password_hash = [\"(secret)\", \"(secret)\"]"), "{page}");

    let alone = "passwords = [{ hash = \"HASH\", label = \"desk\" }]\n";
    let config = load(&written(&account(alone)), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.accounts[0].passwords.len(), 1);
    let tables = account("") + "[[accounts.\"evmail\".passwords]]\nhash = \"HASH\"\nlabel = \"desk\"\n";
    assert_eq!(load(&written(&tables), &[]).unwrap().accounts[0].passwords.len(), 1);
}

#[test]
fn every_mistake_is_told_and_no_hash_is_shown() {
    let lines = r#"protocols = ["imap", "smtp"]
passwords = [
  { hash = "hunter2", label = "a" },
  { hash = "HASH", label = "A", protocols = ["pop3", "jmap"] },
  { hash = "HASH", networks = [] },
  { hash = "HASH", label = "a\u0007b", networks = ["10.0.0.0/33"], lable = "x" },
  { label = "c", password = "hunter3" },
  { hash = "HASH", label = "d", expires = "tomorrow" },
]
"#;
    let errors = errors(&account(lines));
    assert!(!errors.contains("hunter") && !errors.contains("argon2id$v"), "{errors}");
    insta::assert_snapshot!(errors);
    let one = |lines: &str| super::checks::problems(&account(lines));
    assert_eq!(one(""), ["accounts.evmail.password_hash: `password_hash` is missing"]);
    assert_eq!(one("passwords = []\n"), ["accounts.evmail.passwords: an empty list"]);
    let many = (0..65).map(|n| format!("{{ hash = \"HASH\", label = \"{n}\" }}")).collect::<Vec<_>>().join(", ");
    let problem = one(&format!("passwords = [{many}]\n"));
    assert_eq!(problem, ["accounts.evmail.passwords: 65 passwords: each costs every login"]);
}
