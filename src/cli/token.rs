use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::password::ask;
use super::{ConfigFile, say};
use crate::clock;
use crate::config::Config;
use crate::model::{Grant, Token, TokenState, TroubleClass};
use crate::store::{Seal, SqliteStore, Store as _};
use crate::token::import;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Put a refresh token from elsewhere into the store
    #[command(
        after_help = "Asks without echo on a terminal; otherwise reads one line from standard input.\nA running service uses it at the next login.\n\nExample:\n  gatepost token import support < refresh-token.txt"
    )]
    Import {
        /// The token's name in the configuration
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// List the declared tokens and how they are
    #[command(after_help = "Example:\n  gatepost token list --json")]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Import { name, file } => runtime.block_on(import_token(name, &file.load()?)),
        Command::List { json, file } => runtime.block_on(list(*json, &file.load()?)),
    }
}

/// The store of a configuration.
pub(super) fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    let seal = Seal::new(&config.store.key).context("store.key")?;
    Ok(SqliteStore::open(&config.store.path, seal)?)
}

async fn import_token(name: &str, config: &Config) -> anyhow::Result<()> {
    let Some(token) = config.tokens.iter().find(|token| token.name == name) else {
        let names: Vec<_> = config.tokens.iter().map(|token| token.name.as_str()).collect();
        bail!("there is no token {name:?}; declared are: {}", names.join(", "));
    };
    if token.grant != Grant::RefreshToken {
        bail!("token {name:?} is obtained by client_credentials and needs no refresh token");
    }
    let store = open(config)?;
    import(&store, name, ask("Refresh token: ")?).await?;
    say(format_args!("{name}: imported; it is used at the next login"))
}

async fn list(as_json: bool, config: &Config) -> anyhow::Result<()> {
    let store = open(config)?;
    let mut rows = Vec::new();
    for token in &config.tokens {
        rows.push(Row::of(token, &store.token(&token.name).await?.state, clock::now()));
    }
    if as_json {
        let all: Vec<_> = rows.iter().map(Row::json).collect();
        say(serde_json::to_string_pretty(&all)?)
    } else {
        table(&rows)
    }
}

/// What is told of a token; nothing of it is secret.
struct Row {
    name: String,
    provider: String,
    mailbox: String,
    state: &'static str,
    expires_at: Option<DateTime<Utc>>,
    refreshed_at: Option<DateTime<Utc>>,
    trouble: Option<String>,
}

impl Row {
    fn of(token: &Token, state: &TokenState, now: DateTime<Utc>) -> Self {
        let word = match (&state.trouble, state.usable(now), &state.refresh, token.grant) {
            (Some(trouble), ..) if trouble.class == TroubleClass::Ended => "needs authorization",
            (Some(_), ..) => "failing",
            (None, Some(_), ..) => "good",
            (None, None, None, Grant::RefreshToken) => "needs import",
            (None, None, ..) => "not used yet",
        };
        Self {
            name: token.name.clone(),
            provider: token.provider.name.clone(),
            mailbox: token.mailbox.clone(),
            state: word,
            expires_at: state.access.as_ref().map(crate::model::AccessToken::expires_at),
            refreshed_at: state.refreshed_at,
            trouble: state.trouble.as_ref().map(|trouble| trouble.summary.clone()),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "provider": self.provider,
            "mailbox": self.mailbox,
            "state": self.state,
            "expires_at": self.expires_at.map(|at| at.to_rfc3339()),
            "refreshed_at": self.refreshed_at.map(|at| at.to_rfc3339()),
            "error": self.trouble,
        })
    }
}

fn table(rows: &[Row]) -> anyhow::Result<()> {
    let width = |column: fn(&Row) -> &str, head: &str| {
        rows.iter().map(|row| column(row).chars().count()).chain([head.len()]).max().unwrap_or(0)
    };
    let (name, provider) = (width(|row| &row.name, "NAME"), width(|row| &row.provider, "PROVIDER"));
    let (mailbox, state) = (width(|row| &row.mailbox, "MAILBOX"), width(|row| row.state, "STATE"));
    say(format_args!(
        "{:name$}  {:provider$}  {:mailbox$}  {:state$}  EXPIRES",
        "NAME", "PROVIDER", "MAILBOX", "STATE"
    ))?;
    for row in rows {
        let expires =
            row.expires_at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string());
        say(format_args!(
            "{:name$}  {:provider$}  {:mailbox$}  {:state$}  {expires}",
            row.name, row.provider, row.mailbox, row.state
        ))?;
        if let Some(trouble) = &row.trouble {
            say(format_args!("{:name$}  {trouble}", ""))?;
        }
    }
    Ok(())
}
