use clap::Subcommand;

use super::{ConfigFile, environment, say};
use crate::config::{Config, REFERENCE};

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
            let (listeners, accounts, tokens) = (config.listeners.len(), config.accounts.len(), config.tokens.len());
            say(format_args!(
                "{}: good; {listeners} listeners, {accounts} accounts, {tokens} tokens",
                file.config.display()
            ))
        }
        Command::Show(file) => say(Config::show(&file.config, environment())?.trim_end()),
        Command::Reference => say(REFERENCE.trim_end()),
    }
}
