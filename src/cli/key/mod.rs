//! `gatepost key …`

mod file;
mod rotate;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::{ConfigFile, say};
use crate::store::generate_key;
pub(super) use file::create;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new key
    #[command(
        after_help = "Keep a copy of it apart from the store's backups: without the key the store cannot be opened.\n\nExample:\n  gatepost key generate --out gatepost.key"
    )]
    Generate {
        /// Write it to this file, readable by its owner alone, instead of standard output; never overwrites
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Seal everything in the store with a new key
    #[command(
        after_help = "A running service goes on. After a crash, run it again: it finishes.\nBackups of the store that were made before need the old key; --keep-old keeps it.\n\nWhere the key stands in no file of its own, make the new one with `gatepost key generate`, configure it as store.key and the\nold one as store.old_key, restart the service, and run this; then store.old_key can go.\n\nExample:\n  gatepost key rotate --keep-old old.key"
    )]
    Rotate {
        /// Write the old key to this file, readable by its owner alone; never overwrites
        #[arg(long, value_name = "FILE")]
        keep_old: Option<PathBuf>,
        #[command(flatten)]
        file: ConfigFile,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Generate { out } => generate(out.as_deref()),
        Command::Rotate { keep_old, file } => rotate::rotate(file, keep_old.as_deref()),
    }
}

fn generate(out: Option<&Path>) -> anyhow::Result<()> {
    let key = generate_key()?;
    match out {
        None => say(key.expose_secret()),
        Some(path) => {
            file::create(path, key.expose_secret()).with_context(|| format!("cannot make {}", path.display()))?;
            say(format_args!("{}: made. Keep a copy apart from the store's backups.", path.display()))
        }
    }
}
