//! `gatepost admin key …`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::table::Table;
use super::super::workshop::{actor, block_on};
use super::super::{ConfigFile, prompt, say};
use super::opened;
use crate::admin::keys::{ApiKey, Ring, Scope};
use crate::clock;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a key and print it, once
    #[command(
        after_help = "Scopes: read (see tokens, accounts, sessions and events), authorize (begin consents), test (examine accounts, refresh\ntokens), manage (disable and enable, end sessions). None includes another. The running service takes it at once.\n\nExample:\n  gatepost admin key add monitoring --scope read --scope test --expires 2027-01-31"
    )]
    Add {
        /// What uses it; logs and the audit trail show it
        name: String,
        /// What it may be used for; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,
        /// The last day on which it is good, or a time; without, it is good without end
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// List all keys, without their secrets
    #[command(after_help = "Example:\n  gatepost admin key list")]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Remove a key: whatever uses it is refused from then on
    #[command(after_help = "Example:\n  gatepost admin key remove monitoring")]
    Remove {
        /// The key
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { name, scopes, expires, file } => {
            let ring = ring(&file)?;
            let secret = block_on(async { Ok(ring.add(&actor(), &name, &scopes, expires.as_deref()).await?) })?;
            say(format_args!("key (not shown again): {}", secret.expose_secret()))
        }
        Command::List { json, file } => {
            let ring = ring(&file)?;
            list(&block_on(async { Ok(ring.list().await?) })?, json)
        }
        Command::Remove { name, yes, file } => {
            let ring = ring(&file)?;
            prompt::confirm(&format!("Remove the key {name:?}?"), yes)?;
            block_on(async { Ok(ring.remove(&actor(), &name).await?) })?;
            say(format_args!("{name}: removed"))
        }
    }
}

fn ring(file: &ConfigFile) -> anyhow::Result<Ring> {
    let (_, store) = opened(file)?;
    Ok(Ring::new(Arc::clone(&store) as Arc<dyn Store>))
}

fn list(keys: &[ApiKey], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let all: Vec<_> = keys.iter().map(whole).collect();
        return say(serde_json::to_string_pretty(&all)?);
    }
    let mut table = Table::new(["NAME", "SCOPES", "STATE", "EXPIRES", "LAST USED"]);
    for key in keys {
        let time = |at: Option<DateTime<Utc>>, none: &str| {
            at.map_or_else(|| none.to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
        };
        let state = state(key).to_owned();
        table.row([
            key.name.clone(),
            scopes(key).join(", "),
            state,
            time(key.expires, "never"),
            time(key.used, "never"),
        ]);
    }
    table.print()
}

fn whole(key: &ApiKey) -> serde_json::Value {
    json!({
        "name": key.name,
        "scopes": scopes(key),
        "state": state(key),
        "made_at": key.made.to_rfc3339(),
        "expires_at": key.expires.map(|at| at.to_rfc3339()),
        "used_at": key.used.map(|at| at.to_rfc3339()),
    })
}

fn scopes(key: &ApiKey) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.name()).collect()
}

fn state(key: &ApiKey) -> &'static str {
    if key.is_good(clock::now()) { "good" } else { "expired" }
}
