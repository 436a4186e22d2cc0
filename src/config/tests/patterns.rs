//! Accounts with a pattern: one table for many mailboxes.

use super::checks::problems;
use super::*;

/// A good configuration with one more table for `*@example.com`.
fn pattern(lines: &str) -> String {
    format!("{GOOD}[accounts.\"*@example.com\"]\n{lines}\n")
}

const SHARED: &str = r#"
token = "support"
mailbox = "{user}"
smtp_user = "send+{user}"
password_rule = "shared"
password_hash = "HASH"
users = ["a@example.com", "B@Example.com"]
"#;

const OWN: &str = r#"
token = "support"
password_rule = "own"
disabled = true
users = { "a@example.com" = "HASH", "b@example.com" = "HASH" }
"#;

#[test]
fn who_is_listed_has_an_account_and_nobody_else() {
    let config = load(&written(&pattern(SHARED)), &[]).unwrap();
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["a@example.com", "B@Example.com", "evmail"]);
    let second = &config.accounts[1];
    assert_eq!(second.upstream_user(Protocol::Imap), "B@Example.com");
    assert_eq!(second.upstream_user(Protocol::Smtp), "send+B@Example.com");
    assert_eq!((second.passwords.len(), second.disabled), (1, false));

    let config = load(&written(&pattern(OWN)), &[]).unwrap();
    let member = &config.accounts[0];
    assert_eq!(member.upstream_user(Protocol::Imap), "support@example.com");
    assert!(member.disabled && member.passwords[0].hash.as_str() == HASH);
}

#[test]
fn every_mistake_is_told_once() {
    let table = "accounts.\"*@example.com\"";
    let without =
        |lines: &str, key: &str| lines.split_inclusive('\n').filter(|line| !line.starts_with(key)).collect::<String>();
    for (lines, key, problem) in [
        (without(SHARED, "password_rule"), "password_rule", "an account with a pattern needs a `password_rule`"),
        (without(OWN, "password_rule"), "password_rule", "an account with a pattern needs a `password_rule`"),
        (SHARED.replace("\"shared\"", "\"sharde\""), "password_rule", "found \"sharde\""),
        (without(SHARED, "users"), "users", "an account with a pattern needs `users`, the list of who may"),
        (without(OWN, "users"), "users", "an account with a pattern needs `users`, the list of who may"),
        (without(SHARED, "password_hash"), "password_hash", "`password_hash` is missing"),
        (
            SHARED.replace("HASH", "hunter2"),
            "password_hash",
            "not an Argon2id hash; make one with `gatepost hash-password`",
        ),
        (
            OWN.replacen("HASH", "hunter2", 1),
            "users",
            "\"a@example.com\": not an Argon2id hash; make one with `gatepost hash-password`",
        ),
        (
            format!("{OWN}password_hash = \"HASH\""),
            "password_hash",
            "with password_rule = \"own\", the hashes stand in `users`",
        ),
        (
            SHARED.replace("\"shared\"", "\"own\"").replace("password_hash = \"HASH\"", ""),
            "users",
            "with password_rule = \"own\", users is a table of names and hashes",
        ),
        (OWN.replace("\"own\"", "\"shared\"\npassword_hash = \"HASH\""), "users", "found a table"),
        (without(SHARED, "users") + "users = []", "users", "nobody is listed"),
        (without(OWN, "users") + "users = {}", "users", "nobody is listed"),
        (SHARED.replace("a@example.com", "a@example.org"), "users", "\"a@example.org\" does not fit the pattern"),
        (SHARED.replace("a@example.com", "@example.com"), "users", "\"@example.com\" does not fit the pattern"),
        (SHARED.replace("a@example.com", "a\\n@example.com"), "users", "\"a\\n@example.com\" is no user name"),
        (format!("{SHARED}aliases = [\"x\"]"), "aliases", "unknown key `aliases`"),
        (SHARED.replace("\"support\"", "\"suport\""), "token", "there is no token \"suport\""),
    ] {
        assert_eq!(problems(&pattern(&lines)), [format!("{table}.{key}: {problem}")], "{lines}");
    }
    let both = OWN.replace("HASH", "hunter2");
    assert_eq!(problems(&pattern(&both)).len(), 2, "all at once");
    let stars = pattern(SHARED).replace("*@example.com", "*@*");
    assert_eq!(problems(&stars), ["accounts.\"*@*\": \"*@*\" is no pattern"]);
}

/// The sixty-fifth could never be right: which one it was would have no place to be noted.
#[test]
fn all_passwords_can_be_told_apart() {
    let many = |count| format!("password_hash = [{}]", vec!["\"HASH\""; count].join(", "));
    let shared = |count| pattern(&SHARED.replace("password_hash = \"HASH\"", &many(count)));
    load(&written(&shared(64)), &[]).unwrap();
    let problem = "accounts.\"*@example.com\".password_hash: 65 passwords: each costs every login";
    assert_eq!(problems(&shared(65)), [problem]);
}

#[test]
fn a_member_has_its_name_alone() {
    let plain = |name: &str, alias: &str| {
        format!("[accounts.{name:?}]\npassword_hash = \"HASH\"\ntoken = \"support\"\naliases = [{alias:?}]\n")
    };
    let twice = |second: &str| pattern(&SHARED.replace("B@Example.com", second));
    for (text, owner) in [
        (twice("A@example.com"), "a@example.com"),
        (twice("a@example.com"), "a@example.com"),
        (pattern(SHARED) + &plain("a@example.com", "x"), "a@example.com"),
        // Read before the star.
        (pattern(SHARED) + &plain("%", "A@example.com"), "%"),
        (pattern(SHARED) + &plain("zoe", "A@example.com"), "a@example.com"),
    ] {
        let problem = problems(&text).concat();
        assert_eq!(problem.matches("already belongs").count(), 1, "{problem}");
        assert!(problem.contains(&format!("already belongs to the account {owner:?} (")), "{problem}");
    }
}

#[test]
fn the_users_name_is_for_patterns() {
    for key in ["mailbox", "smtp_user"] {
        let text = GOOD.replace("[accounts.\"evmail\"]", &format!("[accounts.\"evmail\"]\n{key} = \"{{user}}\""));
        assert_eq!(problems(&text), [format!("accounts.evmail.{key}: {{user}} is for accounts with a pattern")]);
    }
}

#[test]
fn no_hash_is_shown() {
    let lost = "users = [\"$argon2id$pl4nted\", \"pl4nted\\u0001\"]";
    for lines in [
        OWN.replace("HASH", "$argon2id$pl4nted"),
        SHARED.replace("HASH", "$argon2id$pl4nted"),
        SHARED.lines().map(|line| if line.starts_with("users") { lost } else { line }).collect::<Vec<_>>().join("\n"),
        format!("{OWN}password_hash = \"$argon2id$pl4nted\"\nnonsense = 1"),
    ] {
        let errors = errors(&pattern(&lines));
        assert!(!errors.contains("$argon2id$pl4nted"), "{errors}");
    }
}
