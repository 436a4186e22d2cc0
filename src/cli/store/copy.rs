//! `gatepost store copy`: everything that the store keeps, into another one.
//!
//! What is copied from a store that a service goes on with is out of date with the next refresh: a provider that rotates refresh
//! tokens ends the whole grant when the one of the copy is used after it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::super::workshop::block_on;
use super::super::{ConfigFile, environment, say, warn};
use super::{keys, servers};
use crate::config::{Config, is_database, may_hold_password};
use crate::store::{self, PostgresStore, SqliteStore, Store, StoreError};

/// From where to where.
#[derive(Debug, Args)]
pub(in crate::cli) struct Copy {
    #[arg(
        long,
        value_name = "URL",
        help = "Where to: sqlite:FILE or postgres://USER@HOST/DATABASE; it has to be empty"
    )]
    to: String,
    /// The password of the database that is copied to stands in this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Also beside a service that runs: what that changes from then on is missing in the copy
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(copy: &Copy) -> anyhow::Result<()> {
    is_fit(&copy.to)?;
    let config = copy.file.load_for_command()?;
    block_on(async {
        let source = super::open(&config).await?;
        if let Some(running) = running(&config, source.as_ref()).await? {
            let why = "what it changes meanwhile would be missing in the copy, and a refresh token that it has replaced ends the grant when it is used again";
            if !copy.force {
                bail!("{running}: {why}. Stop it first; --force copies all the same");
            }
            warn(format_args!("{running}: {why}"));
        }
        let target = target(copy, &config).await?;
        let copied = store::copy(source.as_ref(), target.as_ref()).await.map_err(not_copied)?;
        say(format_args!("copied and compared: {copied}"))?;
        say(format_args!(
            "Now write the new store into the configuration, as `url` of [store], and start the service; the key stays. Keep the old store out of use: its refresh tokens are out of date with the first refresh."
        ))
    })
}

/// Before anything else: the list of processes has it for as long as this runs. What is refused is not repeated.
fn is_fit(to: &str) -> anyhow::Result<()> {
    if to.starts_with("sqlite:") {
        return Ok(());
    }
    if !is_database(to) {
        bail!("--to is neither sqlite:FILE nor postgres://USER@HOST/DATABASE");
    }
    if may_hold_password(to) {
        bail!(
            "there is a password in --to, where others can read it (ps); write it to a file and name that with --password-file"
        );
    }
    Ok(())
}

/// Where the connection broke at the very end, the answer was lost and not the copy.
fn not_copied(fault: StoreError) -> anyhow::Error {
    let what = if fault.is_absence() {
        "the copy did not come to its end; where the other store is not empty, it has all of it"
    } else {
        "nothing was copied"
    };
    anyhow::Error::new(fault).context(what)
}

/// What runs on the store that is copied.
async fn running(config: &Config, source: &dyn Store) -> anyhow::Result<Option<String>> {
    let replicas = source.replicas().await?;
    let live: Vec<_> =
        replicas.iter().filter(|replica| replica.is_live()).map(|replica| replica.beat.name.clone()).collect();
    if config.store.is_shared() && !live.is_empty() {
        return Ok(Some(format!("a service runs on this store ({})", live.join(", "))));
    }
    let answers = UnixStream::connect(&config.control.socket).is_ok();
    Ok(answers.then(|| "a service runs with this configuration".to_owned()))
}

async fn target(copy: &Copy, config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    if let Some(file) = copy.to.strip_prefix("sqlite:") {
        return Ok(Arc::new(SqliteStore::open(Path::new(file), keys(config)?)?));
    }
    let mut overrides = vec![("GATEPOST__STORE__URL".to_owned(), copy.to.clone())];
    if let Some(file) = &copy.password_file {
        overrides
            .push(("GATEPOST__STORE__PASSWORD__FILE".to_owned(), std::path::absolute(file)?.display().to_string()));
    }
    let other = Config::load_for_command(&copy.file.config, environment().chain(overrides))?;
    match &other.store.database {
        Some(database) => Ok(Arc::new(PostgresStore::open(servers(database)?, keys(config)?).await?)),
        None => bail!("--to names no database"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_among_the_arguments_is_refused_however_it_is_written() {
        for to in [
            "postgres://u:s3cret@localhost/x",
            "postgres://u:s3cret@db1:5432,db2:5433/db",
            "postgres://u@h/db?password=s3cret",
            "postgres://u:s3cret@h/db?sslmode=verify-full&sslrootcert=ca.pem",
            "postgres://u:s3/cr%et@h:nonsense/db",
            "postgresql://u@h/db?password=s3cret&unknown=1",
            "postgres:u:s3cret@h/db",
            "postgres://u:s3?sslmode=cret@h/db",
        ] {
            let refused = is_fit(to).unwrap_err().to_string();
            assert!(refused.contains("--password-file") && !refused.contains("s3"), "{to}: {refused}");
        }
        let neither = is_fit("postgre://u:s3cret@h/x").unwrap_err().to_string();
        assert!(neither.contains("sqlite:FILE") && !neither.contains("s3"), "{neither}");
        for to in [
            "sqlite:/var/lib/a:b@c.db",
            "postgres://gatepost@db1:5432,db2:5433/mail?sslmode=verify-full&sslrootcert=ca.pem",
            "postgres:///mail?host=/run/postgresql&user=gatepost",
        ] {
            is_fit(to).unwrap();
        }
    }
}
