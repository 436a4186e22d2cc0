//! Changes of what is declared, by one process and by several, on a real store.

mod accounts;
mod order;
mod tokens;

use std::sync::{Arc, LazyLock};

use tempfile::TempDir;

use super::*;
use crate::config::Settings;
use crate::store::{Keys, Noted, SqliteStore};

const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";

/// A configuration with the token `support` and the account `EvMail`.
fn place() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nkey = \"{KEY}\"\n[[listeners]]\nprotocol = \"smtp\"\naddress = \"127.0.0.1:1587\"\n\
         [tokens.support]\nprovider = \"google\"\ngrant = \"authorization_code\"\nmailbox = \"support@example.com\"\n\
         client_id = \"client\"\n\
         [accounts.EvMail]\ntoken = \"support\"\naliases = [\"other\"]\npassword_hash = \"{HASH}\"\n"
    );
    std::fs::write(directory.path().join("gatepost.toml"), text).unwrap();
    directory
}

/// Another process with the same configuration and store.
async fn registry(place: &TempDir) -> Registry {
    let config = Config::load_for_command(&place.path().join("gatepost.toml"), []).unwrap();
    let store = SqliteStore::open(&config.store.path, Keys::new(&KEY.into()).unwrap()).unwrap();
    Registry::open(Arc::new(config), Arc::new(store)).await.unwrap()
}

fn by() -> &'static Actor {
    static BY: LazyLock<Actor> = LazyLock::new(|| Actor { who: "administrator".into(), from: "192.0.2.1".into() });
    &BY
}

fn settings(value: serde_json::Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

/// What was done to whom, the first first.
async fn trail(registry: &Registry) -> Vec<String> {
    let mut deeds = registry.store().deeds(None, 100).await.unwrap();
    deeds.reverse();
    assert!(deeds.iter().all(|noted| noted.deed.who == "administrator" && noted.deed.from == "192.0.2.1"));
    deeds.into_iter().map(|Noted { deed, .. }| format!("{} {}: {}", deed.what, deed.subject, deed.detail)).collect()
}

fn keys(error: ChangeError) -> Vec<String> {
    match error {
        ChangeError::Wrong(faults) => faults.into_iter().map(|fault| fault.key).collect(),
        other => panic!("{other:?}"),
    }
}
