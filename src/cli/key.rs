use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::say;
use crate::store::generate_key;

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
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Generate { out } = command;
    let key = generate_key()?;
    match out {
        None => say(key.expose_secret()),
        Some(path) => {
            write(path, key.expose_secret()).with_context(|| format!("cannot make {}", path.display()))?;
            say(format_args!("{}: made. Keep a copy apart from the store's backups.", path.display()))
        }
    }
}

fn write(path: &Path, key: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}
