//! `gatepost token …`

mod state;

use anyhow::bail;
use clap::Subcommand;

use self::state::State;
use super::password::ask;
use super::table::Table;
use super::workshop::{Workshop, block_on};
use super::{ConfigFile, say};
use crate::token::import;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Import { name, file } => block_on(import_token(name, file)),
        Command::List { json, file } => block_on(list(*json, file)),
    }
}

async fn import_token(name: &str, file: &ConfigFile) -> anyhow::Result<()> {
    let shop = Workshop::open(file).await?;
    let token = shop.house.find(name)?;
    if !token.grant.lives_by_refresh() {
        bail!("token {name:?} is obtained by {} and needs no refresh token", token.grant.name());
    }
    import(shop.store.as_ref(), token, ask("Refresh token: ")?).await?;
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
