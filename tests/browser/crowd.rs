//! Many tokens and accounts, put into the store of a running service as its commands would put them.

use std::path::Path;

use gatepost::store::{Keys, Kind, Saved, SqliteStore, Store as _};
use serde_json::{Value, json};

use crate::gatepost::password_hash;

const TOKENS: usize = 500;
const ACCOUNTS: usize = 2000;

/// Fills the store in that directory.
pub(crate) fn fill(directory: &Path) {
    let key = std::fs::read_to_string(directory.join("gatepost.key")).unwrap();
    let keys = Keys::new(&key.trim().to_owned().into()).unwrap();
    let store = SqliteStore::open(&directory.join("gatepost.db"), keys).unwrap();
    let hash = password_hash();
    let tokens = (0..TOKENS).map(|n| (Kind::Token, format!("token-{n:04}"), token(n)));
    let accounts = (0..ACCOUNTS).map(|n| (Kind::Account, format!("account-{n:04}"), account(n, &hash)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (kind, name, settings) in tokens.chain(accounts) {
            let record = store.record(kind, &name).await.unwrap();
            let saved = store.put(record.with(Some(settings.to_string())), None).await.unwrap();
            assert!(matches!(saved, Saved::Done(_)), "{name}");
        }
    });
}

/// They wait for their consents, so that nothing is asked of the provider.
fn token(n: usize) -> Value {
    let mailbox = format!("user{n}@example.test");
    json!({ "provider": "real", "grant": "authorization_code", "mailbox": mailbox, "client_id": "web", "client_secret": "web-s3cret" })
}

/// Three passwords each, as accounts of devices have them.
fn account(n: usize, hash: &str) -> Value {
    let passwords: Vec<Value> =
        (0..3).map(|number| json!({ "label": format!("device {number}"), "hash": hash })).collect();
    json!({ "token": format!("token-{:04}", n % TOKENS), "passwords": passwords })
}
