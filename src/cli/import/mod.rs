//! `gatepost import …`: what other programs keep, taken over. Their files are only ever read.

mod emailproxy;
mod report;

use clap::Subcommand;
use serde_json::Value;
use zeroize::Zeroizing;

use super::workshop::block_on;
use crate::config::as_toml;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take over servers, accounts and tokens of email-oauth2-proxy
    #[command(
        after_help = "Each account's password, which its programs use, opens its tokens: it is asked for, and stays what it is. Its file is only read.\nWithout a configuration, one is made with a store beside it; one that is there gets a file in FILE.d.\nNothing is overwritten, and all is written or nothing. What cannot be carried over is told with its line.\n\nExample:\n  gatepost import emailproxy emailproxy.config --out gatepost.toml"
    )]
    Emailproxy(emailproxy::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Emailproxy(arguments) => block_on(emailproxy::import(&arguments)),
    }
}

/// A table of a configuration, in the order in which it is written. Its values may be secrets.
type Lines = Vec<(&'static str, Value)>;

/// `[tokens."a b"]`; a name in brackets of its own is a list's.
fn toml(path: &[&str], lines: &Lines) -> Zeroizing<String> {
    let quoted = |name: &str| Value::from(name).to_string();
    let heading = match path {
        [table, name] => format!("[{table}.{}]", quoted(name)),
        [table] => format!("[{table}]"),
        _ => String::new(),
    };
    Zeroizing::new(as_toml(&heading, lines.iter().map(|(key, value)| (*key, value))))
}
