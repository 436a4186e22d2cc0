//! Writes a plan, all of it or nothing: first the store, then the file that makes it known.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use super::plan::Plan;
use super::target::{Existing, Target};
use super::text::text;
use crate::cli::import::keep;
use crate::cli::key;
use crate::cli::workshop::{Workshop, actor};
use crate::config::Config;
use crate::store::{Kind, generate_key};

/// What was made on the way: taken back unless all is done.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
    directory: Option<PathBuf>,
}

impl Made {
    fn keep(mut self) {
        self.files.clear();
        self.directory = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.files {
            // The reason why all is taken back is told, not this.
            drop(std::fs::remove_file(path));
        }
        if let Some(directory) = &self.directory {
            drop(std::fs::remove_dir(directory));
        }
    }
}

/// Writes it. Returns what was written.
pub(super) async fn write(plan: &Plan, target: &Target, source: &Path) -> anyhow::Result<Vec<PathBuf>> {
    match target {
        Target::New(path) => new(plan, target, path, source).await,
        Target::Into(existing) => into(plan, target, existing, source).await,
    }
}

async fn new(plan: &Plan, target: &Target, path: &Path, source: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut made = Made::default();
    let [key_file, store] = ["gatepost.key", "gatepost.db"].map(|name| path.with_file_name(name));
    if !key_file.exists() && !store.exists() {
        let key = generate_key()?;
        key::create(&key_file, key.expose_secret()).with_context(|| format!("cannot make {}", key_file.display()))?;
        made.files.push(key_file.clone());
    }
    if !store.exists() {
        made.files.extend(["gatepost.db", "gatepost.db-wal", "gatepost.db-shm"].map(|name| path.with_file_name(name)));
    }
    let text = text(plan, target, source);
    let shop = Workshop::of(Config::of_text(path, &text)?).await?;
    let saved = Saved::of(plan, &shop, &Config::of_text(path, &text)?).await?;
    if let Err(fault) = create(path, &text, None) {
        saved.take_back(&shop).await;
        return Err(fault);
    }
    made.keep();
    saved.note(&shop).await;
    Ok(vec![path.to_owned(), key_file, store])
}

async fn into(plan: &Plan, target: &Target, existing: &Existing, source: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut made = Made::default();
    let Existing { shop, file, fragment } = existing;
    let text = text(plan, target, source);
    let alone = format!("[store]\nkey = \"-\"\n{}", text.as_str());
    let alone = Config::of_text(fragment, &zeroize::Zeroizing::new(alone))?;
    let saved = Saved::of(plan, shop, &alone).await?;
    let put = place(fragment, &text, &file.config, &mut made)
        .and_then(|()| file.load_for_command().context("the configuration does not take what was imported"));
    if let Err(fault) = put {
        saved.take_back(shop).await;
        return Err(fault);
    }
    made.keep();
    saved.note(shop).await;
    Ok(vec![fragment.clone(), shop.config.store.path.clone()])
}

fn place(path: &Path, text: &str, like: &Path, made: &mut Made) -> anyhow::Result<()> {
    let directory = path.parent().context("the file has no directory")?;
    if !directory.exists() {
        std::fs::create_dir(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        made.directory = Some(directory.to_owned());
    }
    create(path, text, Some(like))?;
    made.files.push(path.to_owned());
    Ok(())
}

/// For its owner alone; or for those who have the main file, but never for everyone: it holds secrets.
fn create(path: &Path, text: &str, like: Option<&Path>) -> anyhow::Result<()> {
    key::create(path, text.trim_end()).with_context(|| format!("cannot make {}", path.display()))?;
    let Some(like) = like.and_then(|like| std::fs::metadata(like).ok()) else { return Ok(()) };
    // Who is not root leaves it as it is.
    if chown(path, Some(like.uid()), Some(like.gid())).is_ok() {
        let mode = std::fs::Permissions::from_mode(0o600 | (like.mode() & 0o040));
        std::fs::set_permissions(path, mode).with_context(|| format!("cannot give {} away", path.display()))?;
    }
    Ok(())
}

/// The states that were saved, and which of them are new in the store.
struct Saved(Vec<(String, bool)>);

impl Saved {
    /// What is in the store already goes to quarantine, as with every import.
    async fn of(plan: &Plan, shop: &Workshop, declared: &Config) -> anyhow::Result<Self> {
        let mut saved = Self(Vec::new());
        for planned in &plan.tokens {
            let Some(refresh) = &planned.opened.refresh else { continue };
            let token = declared.tokens.iter().find(|token| token.name == planned.name);
            let Some(token) = token.filter(|token| token.grant.lives_by_refresh()) else { continue };
            match keep(shop, token, refresh, planned.opened.access.as_ref()).await {
                Ok(is_new) => saved.0.push((token.name.clone(), is_new)),
                Err(fault) => {
                    saved.take_back(shop).await;
                    return Err(fault).with_context(|| format!("cannot save the token of {}", planned.name));
                }
            }
        }
        Ok(saved)
    }

    /// Nothing was declared yet: nobody has used them.
    async fn take_back(self, shop: &Workshop) {
        for (name, _) in self.0.iter().filter(|(_, is_new)| *is_new) {
            // The reason why all is taken back is told, not this.
            drop(shop.store.forget(name).await);
        }
    }

    async fn note(self, shop: &Workshop) {
        for (name, _) in &self.0 {
            shop.registry.note(&actor(), Kind::Token, "token.imported", name, "from email-oauth2-proxy").await;
        }
    }
}
