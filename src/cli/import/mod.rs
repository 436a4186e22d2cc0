//! `gatepost import …`: what other programs keep, taken over. Their files are only ever read.

mod emailproxy;
mod google;
mod json;
mod known;
mod mutt;
mod one;
mod report;
mod sasl;

use clap::Subcommand;
use secrecy::SecretString;
use serde_json::Value;
use zeroize::Zeroizing;

use super::workshop::{Workshop, block_on};
use crate::clock;
use crate::config::as_toml;
use crate::model::{AccessToken, Token, TokenState};
use crate::store::Version;
use crate::token::{TokenError, update};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take over servers, accounts and tokens of email-oauth2-proxy
    #[command(
        after_help = "Each account's password, which its programs use, opens its tokens: it is asked for, and stays what it is. Its file is only read.\nWithout a configuration, one is made with a store beside it; one that is there gets a file in FILE.d.\nNothing is overwritten, and all is written or nothing. What cannot be carried over is told with its line.\n\nExample:\n  gatepost import emailproxy emailproxy.config --out gatepost.toml"
    )]
    Emailproxy(emailproxy::Arguments),
    /// Take over a token file of sasl-xoauth2, which Postfix uses
    #[command(
        after_help = "It becomes a token in the store. The file is only read.\n\nExample:\n  gatepost import sasl-xoauth2 /etc/tokens/support@example.com --sasl-conf /etc/sasl-xoauth2.conf"
    )]
    SaslXoauth2(sasl::Arguments),
    /// Take over a token file of `mutt_oauth2.py`
    #[command(
        after_help = "It becomes a token in the store. A file that gpg has encrypted is opened with gpg, which asks for what it needs; or send it\nopened to standard input. The file is only read.\n\nExample:\n  gatepost import mutt ~/.mutt/token --client-id 0c4e0000-0000-0000-0000-000000000000"
    )]
    Mutt(mutt::Arguments),
    /// Take over a client or a service account as Google hands it out
    #[command(
        after_help = "It becomes a token in the store. The file is only read.\n\nExample:\n  gatepost import google client_secret.json --mailbox me@gmail.com"
    )]
    Google(google::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Emailproxy(arguments) => block_on(emailproxy::import(&arguments)),
        Command::SaslXoauth2(arguments) => block_on(sasl::import(&arguments)),
        Command::Mutt(arguments) => block_on(mutt::import(&arguments)),
        Command::Google(arguments) => block_on(google::import(&arguments)),
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

/// Saves what another program kept of a token. What is in the store already goes to quarantine, as with every import. Returns
/// whether there was nothing.
async fn keep(
    shop: &Workshop,
    token: &Token,
    refresh: &SecretString,
    access: Option<&AccessToken>,
) -> Result<bool, TokenError> {
    let is_new = shop.store.token(&token.name).await?.version == Version::default();
    let now = clock::now();
    let state = |before: TokenState| TokenState {
        access: access.cloned(),
        ..before.imported(refresh.clone(), token.binding(), now)
    };
    update(shop.store.as_ref(), &token.name, state).await?;
    Ok(is_new)
}
