use anyhow::Context as _;

use crate::config::Config;
use crate::store::{Keys, SqliteStore};

/// The store of a configuration.
pub(super) fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    let keys = keys(config)?;
    Ok(SqliteStore::open(&config.store.path, keys)?)
}

/// Its keys; a file is looked at again when the store speaks of a key that is not known.
fn keys(config: &Config) -> anyhow::Result<Keys> {
    use secrecy::ExposeSecret as _;
    let old = config.store.old_key.as_ref().map(|key| key.expose_secret().trim().to_owned()).unwrap_or_default();
    // The newest stands last, in a file that is being rotated and here.
    let ring = zeroize::Zeroizing::new([old.as_str(), "\n", config.store.key.expose_secret()].concat());
    let file = config.store.key_file.clone();
    let again = move || std::fs::read_to_string(file.as_ref()?).ok().map(Into::into);
    Keys::with_source(&ring.as_str().into(), again).context("store.key")
}
