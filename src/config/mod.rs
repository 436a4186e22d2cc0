//! The configuration: layers of TOML and environment become one value that cannot be wrong, or all errors at once.
//!
//! figment lays defaults, file, `FILE.d/*.toml` and `GATEPOST__…` over each other and remembers where each value came
//! from; [`reader`] reads the result key by key and collects what does not fit, so that an administrator mends a file in one
//! go. A secret never appears in an error (law 8).

mod accounts;
mod address;
mod admin;
mod anonymous;
mod control;
mod database;
mod differences;
mod digests;
mod document;
mod egress;
mod environment;
mod error;
mod layers;
mod limits;
mod listeners;
mod log;
mod metrics;
mod notify;
mod providers;
mod reader;
mod secret;
mod service;
mod show;
mod store;
mod stored;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod words;

pub use accounts::AccountPlace;
pub use address::Address;
pub use admin::Admin;
pub use anonymous::Anonymous;
pub use control::Control;
pub use database::{Database, DatabaseTls, is_database, may_hold_password};
pub use error::{ConfigError, ConfigErrors, Place, Snippet};
pub use limits::Limits;
pub use listeners::{Listener, ListenerTls, Newline};
pub use log::{Least, LevelError, Levels, Log, LogFormat, Rotation};
pub use metrics::Metrics;
pub use notify::Notify;
pub use providers::preset_servers;
pub use service::Service;
pub use store::Store;
pub use stored::{Settings, as_toml};
pub use tls::{MinimumTls, Tls};

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::model::{Account, Egress, Token};
use accounts::Unknown;
use layers::Layers;
use reader::{Reader, Table};

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Addresses that are served.
    pub listeners: Vec<Listener>,
    /// Certificate of listeners with TLS.
    pub tls: Option<Tls>,
    /// Where state lives.
    pub store: Store,
    /// Where commands speak with the running service.
    pub control: Control,
    /// How it logs.
    pub log: Log,
    /// What a monitor may read.
    pub metrics: Metrics,
    /// The administration address.
    pub admin: Option<Admin>,
    /// Every bound.
    pub limits: Limits,
    /// The name in greetings; the host's own by default.
    pub hostname: Option<String>,
    /// The domain of user names that have none.
    pub default_domain: Option<String>,
    /// Declared tokens.
    pub tokens: Vec<Arc<Token>>,
    /// Declared accounts.
    pub accounts: Vec<Account>,
    /// The way out of this network, where a provider has none of its own.
    pub egress: Egress,
    /// Who is told of what concerns people.
    pub notify: Option<Notify>,
    /// How the process keeps itself to what it needs.
    pub service: Service,
    /// What works and should not stay so.
    pub warnings: Vec<String>,
    reading: stored::Reading,
}

/// `config/reference.toml`: every key with its default and meaning.
pub const REFERENCE: &str = include_str!("../../config/reference.toml");

impl Config {
    /// Reads a file, `FILE.d/*.toml` beside it, and variables that begin with `GATEPOST__`.
    pub fn load(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigErrors> {
        Self::of(Layers::read(file, environment)?, Unknown::IsWrong)
    }

    /// The same for a command that may be about to make a token which an account of the file names.
    pub fn load_for_command(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        Self::of(Layers::read(file, environment)?, Unknown::MayBeStored)
    }

    /// The control socket of a configuration. What is wrong with the rest of it is not for whoever asks to say: some of it may be
    /// for the service alone to read.
    pub fn control_socket(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<PathBuf, ConfigErrors> {
        let layers = Layers::read(file, environment)?;
        let reader = Reader::new(&layers);
        let store = reader.root().table("store").and_then(|table| store::path(&table));
        let control = control::read(&reader.root(), store.as_deref().unwrap_or(Path::new("")));
        reader.finish((control.named || store.is_some()).then_some(control.socket))
    }

    /// The files that it names: secrets, certificates and the like.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.reading.layers.as_ref().map(Layers::files).unwrap_or_default()
    }

    /// A text that is, or may become, a file of this name. Nothing is laid over it.
    pub fn of_text(file: &Path, text: &str) -> Result<Self, ConfigErrors> {
        Self::of(Layers::of_text(file, text, HashMap::new())?, Unknown::MayBeStored)
    }

    fn of(layers: Layers, unknown: Unknown) -> Result<Self, ConfigErrors> {
        let reader = Reader::new(&layers);
        let read = Self::read(&reader.root(), unknown);
        let warnings = reader.warnings();
        let mut config = reader.finish(read)?;
        config.warnings = warnings;
        layers.rest();
        config.reading.layers = Some(layers);
        Ok(config)
    }

    fn read(root: &Table<'_>, unknown: Unknown) -> Option<Self> {
        let tls = root.table("tls").map(|table| tls::read(&table));
        let minimum = tls.as_ref().map(|tls| tls.as_ref().map_or_else(MinimumTls::default, |tls| tls.minimum));
        let listeners = listeners::read(root, minimum.or_else(|| root.has("tls").then(MinimumTls::default)));
        let store = store::read(root);
        let control = control::read(root, store.as_ref().map_or_else(|| Path::new(""), |store| &store.path));
        let log = log::read(root);
        let admin = root.table("admin").and_then(|table| admin::read(&table, root.has("tls")));
        let metrics = metrics::read(root);
        let limits = limits::read(root);
        let hostname = hostname(root);
        let default_domain = accounts::default_domain(root);
        let egress = egress::read(root);
        let providers = providers::read(root, egress.as_ref());
        let tokens = tokens::read(root, &providers);
        // Where there is no store yet, a token that is not in the file is nowhere.
        // Where the store cannot be told for another mistake, that is said first.
        let stored = store.as_ref().map_or_else(|| root.has("store"), Store::may_exist);
        let unknown = if stored { Unknown::MayBeStored } else { unknown };
        let accounts = accounts::read(root, &tokens, unknown);
        anonymous::check(root, &accounts, &accounts::places(root), unknown == Unknown::MayBeStored);
        let notify = root.table("notify").and_then(|table| notify::read(&table));
        let service = service::read(root);
        root.finish();
        Some(Self {
            listeners,
            // A table with errors has reported them; it is not the same as no table.
            tls: tls.map_or(Some(None), |read| read.map(Some))?,
            store: store?,
            control,
            log,
            metrics: metrics?,
            admin,
            limits,
            hostname,
            default_domain,
            tokens: tokens.into_values().flatten().collect(),
            accounts,
            egress: egress?,
            notify,
            service,
            warnings: Vec::new(),
            reading: stored::Reading { providers, layers: None, places: OnceLock::new() },
        })
    }
}

/// It is written into protocol lines: only what a host name or an address literal is made of.
fn hostname(root: &Table<'_>) -> Option<String> {
    let name = root.string("hostname")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if plain && (1..=255).contains(&name.len()) {
        return Some(name);
    }
    root.wrong("hostname", &name, "a host name, such as \"mail.example.com\"")
}
