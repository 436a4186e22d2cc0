//! As whom an account may send.

use serde_json::json;

use super::checks::problems;
use super::*;
use crate::model::SenderPolicy;

/// A good configuration whose account has more lines.
fn with(lines: &str) -> String {
    GOOD.replace("[accounts.\"evmail\"]", &format!("[accounts.\"evmail\"]\n{lines}"))
}

fn policy(lines: &str) -> SenderPolicy {
    load(&written(&with(lines)), &[]).unwrap_or_else(|errors| panic!("{errors}")).accounts.remove(0).sender
}

fn require(addresses: &[&str]) -> SenderPolicy {
    SenderPolicy::Require { addresses: addresses.iter().map(|&address| address.to_owned()).collect() }
}

fn rewrite(address: &str, reply_to: bool) -> SenderPolicy {
    SenderPolicy::Rewrite { address: address.into(), reply_to }
}

#[test]
fn policies_and_their_defaults() {
    for (lines, expected) in [
        ("", SenderPolicy::Keep),
        ("sender = { policy = \"keep\" }", SenderPolicy::Keep),
        ("sender = { policy = \"require\" }", require(&["support@example.com"])),
        (
            "smtp_user = \"d@example.com\"\nmailbox = \"shared@example.com\"\nsender = { policy = \"require\" }",
            require(&["d@example.com", "shared@example.com"]),
        ),
        (
            "sender = { policy = \"require\", addresses = [\"a@x\", \"*@example.com\"] }",
            require(&["a@x", "*@example.com"]),
        ),
        ("sender = { policy = \"rewrite\" }", rewrite("support@example.com", true)),
        ("smtp_user = \"d@example.com\"\nsender = { policy = \"rewrite\" }", rewrite("d@example.com", true)),
        ("sender = { policy = \"rewrite\", address = \"a@x\", reply_to = false }", rewrite("a@x", false)),
    ] {
        assert_eq!(policy(lines), expected, "{lines}");
    }
}

#[test]
fn every_mistake_is_told() {
    for (lines, problem) in [
        ("sender = \"keep\"", "sender: found a text"),
        ("sender = { }", "sender.policy: `policy` is missing"),
        ("sender = { policy = \"rewirte\" }", "sender.policy: found \"rewirte\""),
        ("sender = { policy = \"keep\", adress = \"a@x\" }", "sender.adress: unknown key `adress`"),
        (
            "sender = { policy = \"keep\", address = \"a@x\" }",
            "sender.address: `address` belongs to policy = \"rewrite\"",
        ),
        (
            "sender = { policy = \"rewrite\", addresses = [\"a@x\"] }",
            "sender.addresses: `addresses` belongs to policy = \"require\"",
        ),
        ("sender = { policy = \"require\", addresses = [] }", "sender.addresses: found an empty list"),
        ("sender = { policy = \"require\", addresses = [\"*\"] }", "sender.addresses: found \"*\""),
        ("sender = { policy = \"rewrite\", address = \"*@x\\n\" }", "sender.address: found \"*@x?\""),
        ("sender = { policy = \"rewrite\", address = \"{user}\" }", "sender: {user} is for accounts with a pattern"),
        (
            "smtp_user = \"DOMAIN\\\\support\"\nsender = { policy = \"rewrite\" }",
            "sender: the account logs in by SMTP as \"DOMAIN\\\\support\", which is no address",
        ),
    ] {
        assert_eq!(problems(&with(lines)), [format!("accounts.evmail.{problem}")], "{lines}");
    }
    let nobody = "smtp_user = \"a\"\nmailbox = \"b\"\nsender = { policy = \"require\" }";
    assert_eq!(problems(&with(nobody)).len(), 1);
    assert_eq!(policy("smtp_user = \"a\"\nsender = { policy = \"require\" }"), require(&["support@example.com"]));
}

#[test]
fn a_pattern_has_its_users_senders() {
    let members = |sender: &str| {
        let text = format!(
            "{GOOD}[accounts.\"*\"]\ntoken = \"support\"\nmailbox = \"{{user}}\"\nsmtp_user = \"{{user}}\"\nsender = {sender}\n\
             password_rule = \"shared\"\npassword_hash = \"HASH\"\nusers = [\"a@example.com\"]\n"
        );
        load(&written(&text), &[]).map(|mut config| config.accounts.remove(0).sender)
    };
    for (sender, expected) in [
        ("{ policy = \"require\" }", require(&["a@example.com"])),
        ("{ policy = \"require\", addresses = [\"{user}\", \"*@x\"] }", require(&["a@example.com", "*@x"])),
        ("{ policy = \"rewrite\" }", rewrite("a@example.com", true)),
        ("{ policy = \"rewrite\", address = \"{user}\" }", rewrite("a@example.com", true)),
    ] {
        assert_eq!(members(sender).unwrap(), expected, "{sender}");
    }
    let ConfigErrors(errors) = members("{ policy = \"require\", addresses = [\"{user}@x\"] }").unwrap_err();
    assert_eq!(errors[0].problem, "found \"a@example.com@x\"");
}

#[test]
fn an_account_of_the_store_has_a_policy_too() {
    let config = load(&written(GOOD), &[]).unwrap();
    let settings = json!({
        "password_hash": HASH, "token": "support",
        "sender": { "policy": "rewrite", "address": "a@x", "reply_to": false },
    });
    let settings = serde_json::from_value(settings).unwrap();
    let accounts = config.stored_account("scanner", &settings, &config.tokens).unwrap();
    assert_eq!(accounts[0].sender, rewrite("a@x", false));
    // Its token is gone: nobody may send, and nobody logs in.
    let settings = serde_json::from_value(json!({
        "password_hash": HASH, "token": "gone", "sender": { "policy": "rewrite" },
    }));
    let accounts = config
        .stored_account_anyway("scanner", &settings.unwrap(), |name| {
            config.tokens.iter().find(|token| token.name == name).cloned()
        })
        .unwrap();
    assert_eq!(accounts[0].sender, require(&[]));
}

#[test]
fn it_is_shown() {
    for (lines, shown) in [
        ("", "sender = { policy = \"keep\" }"),
        (
            "sender = { policy = \"require\" }",
            "sender = { policy = \"require\", addresses = [\"support@example.com\"] }",
        ),
        (
            "sender = { policy = \"rewrite\" }",
            "sender = { policy = \"rewrite\", address = \"support@example.com\", reply_to = true }",
        ),
    ] {
        let directory = written(&with(lines));
        let page = Config::show(&directory.path().join("gatepost.toml"), std::iter::empty()).unwrap();
        assert!(page.lines().any(|line| line.starts_with(shown)), "{page}");
    }
}
