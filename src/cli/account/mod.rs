//! `gatepost account …`

mod add;
mod change;
mod label;
mod list;
mod told;

use clap::Subcommand;

use super::ConfigFile;
use super::workshop::{Workshop, block_on};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the accounts of file and store
    #[command(after_help = "Example:\n  gatepost account list --json")]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Add an account to the store
    #[command(
        after_help = "The password is asked for twice on a terminal; otherwise it is one line of standard input.\nA running service knows the account within a second.\n\nExample:\n  gatepost account add evmail --token support --generate"
    )]
    Add {
        /// What the program will send as its user name; case does not matter
        name: String,
        #[command(flatten)]
        fields: add::Fields,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Give an account of the store another password
    #[command(
        after_help = "It is asked for twice on a terminal; otherwise it is one line of standard input.\nWith a label it stands beside the others, or replaces the one of that label.\n\nExample:\n  gatepost account password evmail --label scanner --network 10.1.2.0/24 --generate"
    )]
    Password {
        /// The account's name
        name: String,
        /// Make one up, and print it once
        #[arg(long)]
        generate: bool,
        /// The old passwords open it too, until the next change without this; for moving programs over one by one
        #[arg(long)]
        keep_old: bool,
        #[command(flatten)]
        label: label::Fields,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Refuse an account of the store from now on
    #[command(
        after_help = "Its next login is told that it is not allowed; its sessions are ended, once a message under way is through.\n\nExample:\n  gatepost account disable evmail"
    )]
    Disable {
        /// The account's name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Let a disabled account of the store in again
    #[command(after_help = "Example:\n  gatepost account enable evmail")]
    Enable {
        /// The account's name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Remove an account from the store
    #[command(
        after_help = "It asks first. Its next login looks like that of an unknown user; its sessions are ended, once a message under way is through.\n\nExample:\n  gatepost account remove evmail --yes"
    )]
    Remove {
        /// The account's name
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
        Command::List { json, file } => block_on(async { list::list(&Workshop::open(&file).await?, json).await }),
        Command::Add { name, fields, file } => {
            block_on(async { add::add(&Workshop::open(&file).await?, name.trim(), &fields).await })
        }
        Command::Password { name, generate, keep_old, label, file } => block_on(async {
            let shop = Workshop::open(&file).await?;
            match (&label.label, &label.remove_label) {
                (Some(text), _) => label::give(&shop, &name, text, &label, generate).await,
                (None, Some(text)) => label::remove(&shop, &name, text).await,
                (None, None) => change::password(&shop, &name, generate, keep_old).await,
            }
        }),
        Command::Disable { name, file } => {
            block_on(async { change::disable(&Workshop::open(&file).await?, &name, true).await })
        }
        Command::Enable { name, file } => {
            block_on(async { change::disable(&Workshop::open(&file).await?, &name, false).await })
        }
        Command::Remove { name, yes, file } => {
            block_on(async { change::remove(&Workshop::open(&file).await?, &name, yes).await })
        }
    }
}
