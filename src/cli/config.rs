use clap::Subcommand;

use super::{ConfigFile, say};
use crate::config::{REFERENCE, show};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with it, all at once, without starting
    #[command(
        after_help = "Exits with 78 when something is wrong.\n\nExample:\n  gatepost config check --config gatepost.toml"
    )]
    Check(ConfigFile),
    /// Show every value in force, defaults included, secrets left out
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
            ));
        }
        Command::Show(file) => say(show(&file.load()?).trim_end()),
        Command::Reference => say(REFERENCE.trim_end()),
    }
    Ok(())
}
