//! `gatepost admin …`: who may use the pages and the API.

mod key;

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};

use super::workshop::{actor, block_on};
use super::{ConfigFile, password, say, store as kept};
use crate::account::hash_password;
use crate::admin::sign_in::{AdminPassword, base, fit, link_unless_given, new_link};
use crate::clock;
use crate::config::{Admin, Config};
use crate::net::Address;
use crate::registry::Actor;
use crate::store::{Deed, Store};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set the administrator's password
    #[command(
        after_help = "Asks twice on a terminal; otherwise reads one line from standard input. At least 12 characters.\nEverybody who is signed in to the pages is signed out. It works beside a running service.\n\nExample:\n  gatepost admin password --generate"
    )]
    Password {
        /// Make up a strong password and print it, once
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Print a link by which the first password is set in a browser
    #[command(
        after_help = "It is good once, for an hour, while there is no password, and replaces the link from before. The service prints one when\nit starts without a password. It works beside a running service.\n\nExample:\n  gatepost admin link"
    )]
    Link {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Add, list and remove keys of the API
    #[command(subcommand, after_help = "Example:\n  gatepost admin key add monitoring --scope read")]
    Key(key::Command),
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Password { generate, file } => set(&file, generate),
        Command::Link { file } => link(&file),
        Command::Key(command) => key::run(command),
    }
}

fn set(file: &ConfigFile, generate: bool) -> anyhow::Result<()> {
    let (admin, store) = opened(file)?;
    let record = AdminPassword::of(&admin, Arc::clone(&store));
    // Nothing is asked for in vain.
    record.changeable()?;
    let password = password::new(generate)?;
    fit(&password)?;
    let hash = hash_password(&password)?;
    block_on(async {
        record.replace(&hash).await?;
        note(store.as_ref(), "admin.password_changed").await
    })?;
    say("the administrator's password is set; whoever was signed in to the pages is signed out")?;
    password::tell(&password, generate)
}

fn link(file: &ConfigFile) -> anyhow::Result<()> {
    let (admin, store) = opened(file)?;
    let record = AdminPassword::of(&admin, Arc::clone(&store));
    let port = admin.address.port();
    if port == 0 && admin.public_url.is_none() {
        bail!("[admin] address has port 0, so that nobody knows where the pages are; write `public_url`");
    }
    let base = base(&admin, port).context("[admin] address makes no URL; write `public_url`")?;
    let link = block_on(async {
        if record.hash().await?.is_some() {
            bail!("there is a password, and links are for the first one; `gatepost admin password` sets another");
        }
        note(store.as_ref(), "admin.link_made").await?;
        Ok(new_link(store.as_ref(), &base).await?)
    })?;
    say(link.expose_secret())
}

fn opened(file: &ConfigFile) -> anyhow::Result<(Admin, Arc<dyn Store>)> {
    let config = file.load_for_command()?;
    let admin = config.admin.clone();
    let admin = admin.context("there is no [admin] table, and so there are no pages; add one (it may be empty)")?;
    Ok((admin, block_on(kept::open(&config))?))
}

async fn note(store: &dyn Store, what: &str) -> anyhow::Result<()> {
    let Actor { who, from } = actor();
    let (subject, detail) = (String::new(), String::new());
    Ok(store.note(Deed { at: clock::now(), who, from, what: what.into(), subject, detail }).await?)
}

/// Whether there are pages and no administrator's password yet. Beyond loopback they are not served then: whoever came first would
/// be the administrator.
pub(super) async fn guarded(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<bool> {
    let Some(admin) = &config.admin else { return Ok(false) };
    let record = AdminPassword::of(admin, Arc::clone(store));
    if record.hash().await?.is_some() {
        return Ok(false);
    }
    if admin.is_beyond_loopback() {
        let address = admin.address;
        bail!(
            "[admin] address {address} is beyond loopback, and there is no administrator's password; set one with `gatepost admin password`"
        );
    }
    Ok(true)
}

/// How the first password comes to be set.
#[derive(Debug)]
pub(super) enum Invitation {
    /// By this link.
    Link(SecretString),
    /// By the one that another replica has printed.
    Elsewhere,
}

/// For pages at this address. Of several replicas one makes the link: each would end those of the others.
pub(super) async fn invitation(
    config: &Config,
    store: &dyn Store,
    address: Option<&Address>,
) -> anyhow::Result<Option<Invitation>> {
    let (Some(admin), Some(address)) = (&config.admin, address.and_then(Address::tcp)) else { return Ok(None) };
    let Some(base) = base(admin, address.port()) else { return Ok(None) };
    if !store.is_shared() {
        return Ok(Some(Invitation::Link(new_link(store, &base).await?)));
    }
    let link = link_unless_given(store, &base).await?;
    Ok(Some(link.map_or(Invitation::Elsewhere, Invitation::Link)))
}

/// Said to whoever starts the service, on standard output: the log is on standard error, for others to read and keep, and programs
/// take its lines apart.
pub(super) fn invite(invitation: &Invitation) {
    const WAYS: &str = "gatepost: `gatepost admin link` prints a fresh link, `gatepost admin password` sets one here.";
    let way = match invitation {
        Invitation::Link(link) => {
            format!("Choose one in a browser within an hour, at\n\n    {}\n", link.expose_secret())
        }
        Invitation::Elsewhere => {
            "A link to choose one by was printed within this hour, here or by another replica.".into()
        }
    };
    let text = format!("gatepost: no administrator's password is set. {way}\n{WAYS}");
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
