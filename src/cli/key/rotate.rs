//! `gatepost key rotate`: another key for everything, in steps each of which can be the last before a crash.
//!
//! Invariant: whatever key the store is sealed with is in the configuration. So the file holds the old key and the new one
//! while the store is being sealed anew, and the old one leaves it when nothing needs it any more. A file with several keys
//! is a change that was begun; it is finished first.

use std::path::Path;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::workshop::block_on;
use super::super::{ConfigFile, prompt, say, store};
use super::file::{self, KeyFile};
use crate::config::Config;
use crate::store::{Replica, Store, generate_key};

pub(super) fn rotate(file: &ConfigFile, keep_old: Option<&Path>) -> anyhow::Result<()> {
    let config = file.load()?;
    match &config.store.key_file {
        Some(path) if config.store.old_key.is_none() => {
            let lock = KeyFile::lock(path)?;
            // Read again: the file is ours from now on.
            in_file(file, &file.load()?, &lock, keep_old)
        }
        _ => configured(&config, keep_old),
    }
}

/// The keys that are configured, the newest last.
fn keys(key: &SecretString) -> Vec<&str> {
    key.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The key stands in a file, which is rewritten.
fn in_file(file: &ConfigFile, config: &Config, lock: &KeyFile, keep_old: Option<&Path>) -> anyhow::Result<()> {
    // A wrong key shows itself here, before anything is changed.
    let replicas = block_on(async { live(store::open(config).await?.as_ref()).await })?;
    let begun = keys(&config.store.key);
    if let [old] = begun.as_slice() {
        if config.store.is_shared() && replicas.len() > 1 {
            bail!(
                "several replicas run on this store ({}), and each has to know the new key before the store is sealed with it: make one with `gatepost key generate`, add it as the last line to the key file of every replica, and run this again on each",
                replicas.join(", ")
            );
        }
        if keep_old.is_none() && prompt::is_terminal() {
            prompt::confirm("Backups made before need the old key; go on without --keep-old FILE?", false)?;
        }
        keep(old, keep_old)?;
        lock.replace(&[old, generate_key()?.expose_secret()])?;
        return finish(&file.load()?, lock, keep_old);
    }
    say("a change of the key was begun before; it is finished now")?;
    if let [old @ .., _] = begun.as_slice() {
        keep(&old.join("\n"), keep_old)?;
    }
    finish(config, lock, keep_old)
}

/// The replicas that run, by name.
async fn live(store: &dyn Store) -> anyhow::Result<Vec<String>> {
    let replicas = store.replicas().await?;
    Ok(replicas.into_iter().filter(Replica::is_live).map(|replica| replica.beat.name).collect())
}

fn finish(config: &Config, lock: &KeyFile, keep_old: Option<&Path>) -> anyhow::Result<()> {
    let again = "the old key and the new one are both in the key file, and nothing is lost; run it again";
    let count = seal(config).context(again)?;
    let keys = keys(&config.store.key);
    lock.replace(&keys[keys.len().saturating_sub(1)..]).context(again)?;
    told(count, keep_old)
}

/// The key stands elsewhere, and so does the new one: only the store is sealed anew.
fn configured(config: &Config, keep_old: Option<&Path>) -> anyhow::Result<()> {
    let Some(old) = &config.store.old_key else {
        bail!(
            "store.key stands in no file of its own, so that gatepost cannot change it: make a new key with `gatepost key generate`, configure it as store.key and the old one as store.old_key, restart the service, and run this again"
        );
    };
    keep(old.expose_secret().trim(), keep_old)?;
    let count = seal(config)?;
    told(count, keep_old)?;
    say("store.old_key is not needed any more")
}

fn seal(config: &Config) -> anyhow::Result<usize> {
    block_on(async { Ok(store::open(config).await?.rekey().await?) })
}

/// Keeps the old key. After a crash it may be there already.
fn keep(old: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    if std::fs::read_to_string(path).is_ok_and(|kept| kept.trim() == old) {
        return Ok(());
    }
    file::create(path, old)
        .with_context(|| format!("cannot keep the old key in {}; nothing was changed", path.display()))
}

fn told(count: usize, kept: Option<&Path>) -> anyhow::Result<()> {
    let all = format_args!(
        "everything is sealed with the new key ({count} in all). Keep a copy of it apart from the store's backups."
    );
    say(all)?;
    match kept {
        Some(path) => say(format_args!("Backups made before need the old key, which is in {}.", path.display())),
        None => say("Backups made before need the old key: keep your copy of it as long as you keep them."),
    }
}
