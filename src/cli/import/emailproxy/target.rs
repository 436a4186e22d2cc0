//! Where an import goes: a configuration of its own, or one that is there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::cli::ConfigFile;
use crate::cli::workshop::Workshop;
use crate::config::Address;
use crate::store::{Kind, Version};

/// Where an import goes.
pub(super) enum Target {
    /// A configuration of its own, with a store beside it.
    New(PathBuf),
    /// A file of `FILE.d`, for the configuration that there is.
    Into(Box<Existing>),
}

pub(super) struct Existing {
    pub(super) shop: Workshop,
    pub(super) file: ConfigFile,
    pub(super) fragment: PathBuf,
}

impl Target {
    /// `out` is always new. Without it, the configuration is added to where there is one.
    pub(super) async fn of(file: &ConfigFile, out: Option<&Path>) -> anyhow::Result<Self> {
        let target = match out {
            Some(out) => Self::New(out.to_owned()),
            None if file.config.exists() => {
                let shop = Workshop::open(file).await?;
                let fragment = fragment(&file.config);
                let file = ConfigFile { config: file.config.clone() };
                return Ok(Self::Into(Box::new(Existing { shop, file, fragment })));
            }
            None => Self::New(file.config.clone()),
        };
        let shown = target.path().display();
        let there = target.path().symlink_metadata().is_ok();
        ensure!(
            !there,
            "{shown} is there already and is not overwritten; name another --out, or add to it with --config {shown}"
        );
        Ok(target)
    }

    /// The file that will be written.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::New(path) => path,
            Self::Into(existing) => &existing.fragment,
        }
    }

    /// What commands are told to use.
    pub(super) fn config(&self) -> &Path {
        match self {
            Self::New(path) => path,
            Self::Into(existing) => &existing.file.config,
        }
    }

    /// Why an account of that name cannot be added.
    pub(super) async fn refuses(&self, name: &str) -> Option<String> {
        let Self::Into(existing) = self else { return None };
        let shop = &existing.shop;
        if let Some(place) = shop.config.account_place(name) {
            return Some(format!("the account is there already, in {}", place.line));
        }
        if shop.declared.accounts.iter().any(|account| account.answers_to(name)) {
            return Some("the account is there already, in the store".to_owned());
        }
        let record = shop.store.record(Kind::Account, name).await;
        if record.is_ok_and(|record| record.version != Version::default()) {
            return Some("the store has an account of that name that cannot be used".to_owned());
        }
        shop.registry.may_add_token(name).await.err().map(|error| error.to_string())
    }

    /// Lists of a later file replace those of an earlier one: where there are listeners, these can only be told.
    pub(super) fn may_list(&self) -> bool {
        match self {
            Self::New(_) => true,
            Self::Into(existing) => existing.shop.config.listeners.is_empty(),
        }
    }

    /// Whether a listener is there already.
    pub(super) fn listens(&self, addresses: &[SocketAddr]) -> bool {
        let Self::Into(existing) = self else { return false };
        let there = |address: &Address| matches!(address, Address::Tcp(address) if addresses.contains(address));
        existing.shop.config.listeners.iter().flat_map(|listener| &listener.addresses).any(there)
    }

    /// Names of providers that are taken.
    pub(super) fn providers(&self) -> Vec<String> {
        match self {
            Self::New(_) => Vec::new(),
            Self::Into(existing) => existing.shop.config.provider_names(),
        }
    }

    pub(super) fn has_tls(&self) -> bool {
        matches!(self, Self::Into(existing) if existing.shop.config.tls.is_some())
    }
}

/// One that is free.
fn fragment(config: &Path) -> PathBuf {
    let mut directory = config.as_os_str().to_owned();
    directory.push(".d");
    let directory = PathBuf::from(directory);
    let mut names =
        std::iter::once("emailproxy.toml".to_owned()).chain((2..).map(|number| format!("emailproxy-{number}.toml")));
    let free = names.find(|name| directory.join(name).symlink_metadata().is_err());
    directory.join(free.unwrap_or_default())
}
