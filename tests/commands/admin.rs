//! `gatepost admin`: the password, the first link and the API's keys, beside a running service.

use serde_json::Value;

use crate::fed;
use crate::place::Place;

const LONG: &str = "correct horse battery";

/// A place whose configuration has the pages.
async fn place() -> Place {
    let place = Place::new().await;
    let text = place.read("gatepost.toml");
    std::fs::write(place.path("gatepost.toml"), text + "\n[admin]\naddress = \"127.0.0.1:8590\"\n").unwrap();
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_set_from_one_line_or_made_up() {
    let place = place().await;
    let link = place.run(&["admin", "link"]);
    assert!(link.starts_with("http://localhost:8590/setup?code="), "{link}");
    assert_ne!(place.run(&["admin", "link"]), link, "each is a new one");
    let config = place.path("gatepost.toml");
    let (code, _, short) = fed(&["admin", "password", "--config", config.to_str().unwrap()], b"short\n");
    assert!(code == Some(1) && short.contains("at least 12 characters"), "{short}");
    let told = place.fed(&["admin", "password"], LONG);
    assert!(told.contains("is set") && !told.contains("horse"), "{told}");
    let refused = place.fails(1, &["admin", "link"], &[]);
    assert!(refused.contains("gatepost admin password"), "{refused}");
    let told = place.run(&["admin", "password", "--generate"]);
    assert!(told.contains("password (not shown again): "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_the_file_and_pages_that_are_not_there_are_told() {
    let place = Place::new().await;
    let none = place.fails(1, &["admin", "password", "--generate"], &[]);
    assert!(none.contains("[admin]"), "{none}");
    let (_, hash, _) = fed(&["hash-password"], LONG.as_bytes());
    let text = place.read("gatepost.toml");
    let more = format!("\n[admin]\npassword_hash = \"{}\"\n", hash.trim());
    std::fs::write(place.path("gatepost.toml"), text + &more).unwrap();
    let refused = place.fails(1, &["admin", "password", "--generate"], &[]);
    assert!(refused.contains("gatepost.toml:") && refused.contains("hash-password"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_added_listed_and_removed() {
    let place = place().await;
    let add = ["admin", "key", "add", "monitoring", "--scope", "test", "--scope", "read", "--expires", "2999-01-31"];
    let told = place.run(&add);
    let secret = told.trim().strip_prefix("key (not shown again): ").unwrap();
    assert!(secret.starts_with("gpk_"), "{told}");
    assert!(place.fails(1, &add, &[]).contains("already"));
    let list = place.run(&["admin", "key", "list"]);
    assert!(list.contains("monitoring  read, test") && !list.contains(secret), "{list}");
    let list: Value = serde_json::from_str(&place.run(&["admin", "key", "list", "--json"])).unwrap();
    assert_eq!(list[0]["expires_at"], "2999-02-01T00:00:00+00:00");
    assert!(place.fails(64, &["admin", "key", "add", "other", "--scope", "all"], &[]).contains("read, authorize"));
    assert!(place.fails(1, &["admin", "key", "remove", "monitoring"], &[]).contains("--yes"));
    place.run(&["admin", "key", "remove", "monitoring", "--yes"]);
    assert!(place.fails(1, &["admin", "key", "remove", "monitoring", "--yes"], &[]).contains("no key"));
}
