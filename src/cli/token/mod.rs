//! `gatepost token …`

mod add;
mod authorize;
mod show;
mod state;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use self::state::State;
use super::password::ask;
use super::spinner::spin;
use super::table::Table;
use super::workshop::{Workshop, actor, block_on};
use super::{ConfigFile, prompt, say};
use crate::lifecycle::StopSignal;
use crate::model::Grant;
use crate::registry::ChangeError;
use crate::store::{Kind, Version};
use crate::token::import;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Declare a token in the store
    #[command(
        after_help = "On a terminal it asks for what is missing. Secrets are read from files, standard input or a hidden prompt, never from the arguments.\n\nExample:\n  gatepost token add support --provider microsoft --grant authorization_code --mailbox support@example.com --tenant 6f1b0000-0000-0000-0000-000000000000 --client-id 0c4e0000-0000-0000-0000-000000000000 --client-secret-file secret.txt"
    )]
    Add {
        /// The name that accounts refer to
        name: String,
        #[command(flatten)]
        fields: Box<add::Fields>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Have a person give the grant, by the way that works here
    #[command(
        after_help = "Nothing is written before the grant is there and for the right mailbox; Ctrl-C is safe at any time.\nA running service uses it at the next login.\n\nExample:\n  gatepost token authorize support --paste"
    )]
    Authorize {
        /// The token's name
        name: String,
        #[command(flatten)]
        way: authorize::Way,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Show everything of a token but its secrets
    #[command(after_help = "Example:\n  gatepost token show support")]
    Show {
        /// The token's name
        name: String,
        /// Of a service account: for which mailbox
        #[arg(long)]
        mailbox: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Get a new access token now
    #[command(
        after_help = "No back-off holds it up, and a refresh token in quarantine is tried again.\n\nExample:\n  gatepost token refresh support"
    )]
    Refresh {
        /// The token's name
        name: String,
        /// Of a service account: for which mailbox
        #[arg(long)]
        mailbox: Option<String>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Drop what a token holds, and its declaration if it stands in the store
    #[command(
        after_help = "It asks first. The grant itself lives on at the provider until it is revoked there.\n\nExample:\n  gatepost token forget support"
    )]
    Forget {
        /// The token's name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Switch a token of the store off: it is neither used nor refreshed, and keeps what it holds
    #[command(
        after_help = "The next login of its accounts is told to try later; sessions under way go on.\n\nExample:\n  gatepost token disable support"
    )]
    Disable {
        /// The token's name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Switch a disabled token of the store on again
    #[command(after_help = "Example:\n  gatepost token enable support")]
    Enable {
        /// The token's name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Put a refresh token from elsewhere into the store
    #[command(
        after_help = "Asks without echo on a terminal; otherwise reads one line from standard input.\nA running service uses it at the next login.\n\nExample:\n  gatepost token import support < refresh-token.txt"
    )]
    Import {
        /// The token's name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// List the tokens and how they are
    #[command(after_help = "Example:\n  gatepost token list --json")]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { name, fields, file } => block_on(add_token(&name, *fields, &file)),
        Command::Authorize { name, way, file } => {
            block_on(async { authorize::authorize(&Workshop::open(&file).await?, &name, way).await })
        }
        Command::Show { name, mailbox, json, file } => {
            block_on(async { show::show(&Workshop::open(&file).await?, &name, mailbox.as_deref(), json).await })
        }
        Command::Refresh { name, mailbox, file } => block_on(refresh(&name, mailbox.as_deref(), &file)),
        Command::Forget { name, yes, file } => block_on(forget(&name, yes, &file)),
        Command::Disable { name, file } => block_on(disable(&name, true, &file)),
        Command::Enable { name, file } => block_on(disable(&name, false, &file)),
        Command::Import { name, file } => block_on(import_token(&name, &file)),
        Command::List { json, file } => block_on(list(json, &file)),
    }
}

async fn import_token(name: &str, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let token = shop.declared.find(name)?;
    if !token.grant.lives_by_refresh() {
        bail!("token {name:?} is obtained by {} and needs no refresh token", token.grant.name());
    }
    import(shop.store.as_ref(), token, ask("Refresh token: ")?).await?;
    shop.registry.note(&actor(), Kind::Token, "token.imported", name, "").await;
    say(format_args!("{name}: imported; it is used at the next login"))
}

async fn list(as_json: bool, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let states = State::all(&shop).await?;
    if as_json {
        let all: Vec<_> = states.iter().map(State::json).collect();
        return say(serde_json::to_string_pretty(&all)?);
    }
    let mut table = Table::new(["NAME", "PROVIDER", "GRANT", "MAILBOX", "STATE", "EXPIRES"]);
    for state in &states {
        table.row(state.columns());
        if let Some(trouble) = &state.trouble {
            table.remark(&format!("{}; next: {}", trouble.summary, trouble.remedy));
        }
    }
    table.print()
}

async fn add_token(name: &str, fields: add::Fields, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let token = add::add(&shop, name, fields).await?;
    match &token.grant {
        grant if grant.asks_a_person() => say(format_args!("next: gatepost token authorize {name}"))?,
        Grant::RefreshToken => say(format_args!("next: gatepost token import {name}"))?,
        _ => {}
    }
    if !token.grant.asks_a_person() || !prompt::is_terminal() || prompt::confirm("Authorize it now?", false).is_err() {
        return Ok(());
    }
    authorize::authorize(&Workshop::open(file).await?, name, authorize::Way::default()).await
}

async fn refresh(name: &str, mailbox: Option<&str>, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let token = shop.declared.find(name)?;
    if matches!(token.grant, Grant::AppPassword(_)) {
        bail!("token {name:?} is an app password and never expires; `gatepost doctor` tries it");
    }
    let user = mailbox.unwrap_or(&token.mailbox);
    if token.is_per_mailbox() && user.is_empty() {
        bail!("token {name:?} acts for many mailboxes; say which: --mailbox ADDRESS");
    }
    let tokens = shop.tokens()?;
    let mut signals = StopSignal::listen().context("cannot listen for signals")?;
    let refreshed = tokio::select! {
        refreshed = spin("asking for a new access token", tokens.refresh(name, user)) => Ok(refreshed),
        signal = signals.received() => Err(signal),
    };
    // An answer that is late, or was interrupted, may bring a rotated refresh token.
    tokens.settle(Duration::from_secs(shop.config.limits.token_seconds)).await;
    let access = match refreshed {
        Ok(refreshed) => refreshed?,
        Err(signal) => bail!("ended by {signal}; what the provider answered meanwhile was kept"),
    };
    say(format_args!("{name}: refreshed; it expires at {}", state::time(access.expires_at())))
}

async fn disable(name: &str, disabled: bool, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let edit = if disabled { "write `disabled = true`" } else { "take `disabled = true` out" };
    match shop.registry.disable_token(&actor(), name, disabled).await {
        Err(error @ ChangeError::InFile { .. }) => bail!("{error}; {edit} there"),
        Err(error @ ChangeError::Unusable { .. }) => bail!("{error}; `gatepost token forget {name}` removes it"),
        changed => changed?,
    }
    say(format_args!("{name}: {}", if disabled { "disabled" } else { "enabled" }))
}

async fn forget(name: &str, yes: bool, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    if shop.store.record(Kind::Token, name).await?.version == Version::default() {
        shop.declared.find(name)?;
    }
    let accounts: Vec<_> = shop.declared.accounts.iter().filter(|account| account.token.name == name).collect();
    let users = accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    let used = if accounts.is_empty() { String::new() } else { format!(" The accounts {users} use it.") };
    prompt::confirm(&format!("Drop the grant of token {name:?} for good?{used}"), yes)?;
    shop.registry.forget_token(&actor(), name).await?;
    say(format_args!("{name}: forgotten"))
}
