mod copy;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use tokio::time::{Instant, sleep};

use crate::config::{Config, Database};
use crate::net::client_config;
use crate::store::{Keys, PostgresStore, Servers, SqliteStore, Store, StoreError};

/// How long a service waits for its database when it starts: less than systemd waits for the service.
const AWAITED: Duration = Duration::from_mins(1);
const BETWEEN: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Copy everything into another store
    #[command(
        after_help = "From SQLite to PostgreSQL, or back: tokens, accounts, passwords, keys of the API, the trail.\nWhat is sealed stays sealed, under the same key, and every row of the copy is compared.\nLeases and who runs are of the moment, and are not copied.\nThe service has to stop first: what it changes meanwhile would be missing, and a refresh token\nof the copy that it has replaced ends the grant when it is used again.\n\nExample:\n  gatepost store copy --to postgres://gatepost@db.example.com/gatepost --password-file db.password"
    )]
    Copy(copy::Copy),
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Copy(copy) => copy::run(copy),
    }
}

/// The store of a configuration.
pub(super) async fn open(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let keys = keys(config)?;
    Ok(match &config.store.database {
        None => Arc::new(SqliteStore::open(&config.store.path, keys)?),
        Some(database) => Arc::new(PostgresStore::open(servers(database)?, keys).await?),
    })
}

/// What a service needs of its database when it starts, perhaps together with it: it waits for that a while. The log says so.
pub(super) async fn awaited<T>(end: Instant, attempt: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    loop {
        match attempt().await {
            Err(fault) if is_away(&fault) && Instant::now() < end => sleep(BETWEEN).await,
            done => return done,
        }
    }
}

/// Until then a service that starts now waits for its database.
pub(super) fn patience() -> Instant {
    Instant::now() + AWAITED
}

fn is_away(fault: &anyhow::Error) -> bool {
    matches!(fault.downcast_ref(), Some(StoreError::Unreachable { .. } | StoreError::Late { .. }))
}

fn servers(database: &Database) -> anyhow::Result<Servers> {
    let tls = database.tls.as_ref().map(|tls| client_config(tls.ca.as_deref())).transpose().context("store.url")?;
    Ok(Servers { shown: database.shown.clone(), servers: database.servers.clone(), tls })
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
