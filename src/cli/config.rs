use clap::Subcommand;

use super::serve::Certificate;
use super::workshop::block_on;
use super::{ConfigFile, environment, say, store};
use crate::config::{Config, REFERENCE};
use crate::registry::Declared;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with it, all at once, without starting
    #[command(
        after_help = "Exits with 78 when something is wrong.\n\nExample:\n  gatepost config check --config gatepost.toml"
    )]
    Check(ConfigFile),
    /// Show every value in force and where it comes from, secrets left out
    #[command(after_help = "Example:\n  gatepost config show --config gatepost.toml")]
    Show(ConfigFile),
    /// Print every key with its default and meaning
    #[command(after_help = "Example:\n  gatepost config reference | less")]
    Reference,
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(file) => {
            let config = file.load()?;
            let accounts = accounts(&config)?;
            Certificate::of(&config)?;
            for warning in &config.warnings {
                super::warn(warning);
            }
            let (listeners, tokens) = (config.listeners.len(), config.tokens.len());
            let counts = [counted(listeners, "listener"), counted(accounts, "account"), counted(tokens, "token")];
            say(format_args!("{}: good; {}", file.config.display(), counts.join(", ")))
        }
        Command::Show(file) => say(Config::show(&file.config, environment())?.trim_end()),
        Command::Reference => say(REFERENCE.trim_end()),
    }
}

fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// How many accounts the file has. Their tokens may be the store's, where there is a store already.
fn accounts(config: &Config) -> anyhow::Result<usize> {
    match config.accounts_of(&config.tokens) {
        Ok(accounts) => return Ok(accounts.len()),
        Err(errors) if !config.store.may_exist() => return Err(errors.into()),
        Err(_) => {}
    }
    block_on(async {
        let store = store::open(config).await?;
        let declared = Declared::read(config, store.as_ref(), &Declared::default()).await?;
        config.accounts_of(&declared.tokens)?;
        declared.broken.iter().for_each(super::warn);
        Ok(declared.accounts.len())
    })
}
