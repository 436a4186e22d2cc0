//! One token of another program, which goes into the store with its secrets.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::report::{Imported, Remarks, Report, State};
use super::{Lines, keep};
use crate::cli::ConfigFile;
use crate::cli::workshop::{Workshop, actor};
use crate::config::Settings;
use crate::model::AccessToken;
use crate::registry::ChangeError;
use crate::store::Kind;

/// What these imports have in common.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The name of the token here; by default the mailbox
    #[arg(long)]
    name: Option<String>,
    /// The address of the mailbox that it opens
    #[arg(long)]
    pub(super) mailbox: Option<String>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// A token as it was found.
pub(super) struct Found {
    pub(super) settings: Lines,
    pub(super) refresh: Option<SecretString>,
    pub(super) access: Option<AccessToken>,
    /// The program that it comes from.
    pub(super) program: &'static str,
    pub(super) remarks: Remarks,
}

impl Found {
    fn text(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(found, _)| *found == key)?.1.as_str()
    }

    fn state(&self) -> State {
        match (&self.refresh, self.text("grant")) {
            (Some(_), _) => State::Taken,
            (None, Some("service_account")) => State::ByItself,
            (None, _) => State::NeedsAuthorization,
        }
    }
}

/// Declares the token in the store and saves what it held; or neither.
pub(super) async fn add(common: &Common, found: Found) -> anyhow::Result<()> {
    let shop = Workshop::open(&common.config).await?;
    let mailbox = || found.text("mailbox").map(str::to_owned);
    let name = &common.name.clone().or_else(mailbox).context("say what it is to be called: --name")?;
    let settings: Settings = found.settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    shop.registry.may_add_token(name).await.map_err(|error| failed(name, error))?;
    let token = shop.registry.check_token(name, &settings);
    let token = token.map_err(|faults| failed(name, ChangeError::Wrong(faults)))?;
    if !common.dry_run {
        // First what it holds: a declaration that has to be taken back would take along what was there before.
        let is_new = match &found.refresh {
            Some(refresh) => keep(&shop, &token, refresh, found.access.as_ref())
                .await
                .with_context(|| format!("{name}: not imported"))?,
            None => false,
        };
        if let Err(error) = shop.registry.add_token(&actor(), name, settings).await {
            if is_new {
                // The reason why it is taken back is told, not this.
                drop(shop.store.forget(name).await);
            }
            return Err(failed(name, error));
        }
        if found.refresh.is_some() {
            shop.registry.note(&actor(), Kind::Token, "token.imported", name, &format!("from {}", found.program)).await;
        }
    }
    report(common, name, found, &shop).print(common.json)
}

fn failed(name: &str, error: ChangeError) -> anyhow::Error {
    match error {
        ChangeError::Wrong(faults) => {
            let wrong: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.text)).collect();
            anyhow!("the token {name:?} was not imported:\n  {}", wrong.join("\n  "))
        }
        error => anyhow!("{error}; it is left as it is. Say another --name, or drop it: gatepost token forget {name}"),
    }
}

fn report(common: &Common, name: &str, found: Found, shop: &Workshop) -> Report {
    let config = common.config.config.display();
    let account = shop.declared.accounts.iter().any(|account| account.token.name == name);
    let consent = format!("gatepost token authorize {name} --config {config}");
    let add = format!("gatepost account add {name} --token {name} --generate --config {config}");
    let doctor = format!("gatepost doctor --config {config}");
    let end = format!("stop {}: of two programs with the same refresh token one may end the other's", found.program);
    let state = found.state();
    let steps =
        [(state == State::Taken, end), (state == State::NeedsAuthorization, consent), (!account, add), (true, doctor)];
    let text = |key| found.text(key).unwrap_or_default().to_owned();
    let imported = Imported { name: name.to_owned(), provider: text("provider"), grant: text("grant"), state };
    Report {
        accounts: vec![imported],
        written: vec![shop.config.store.path.clone()],
        next: steps.into_iter().filter(|(wanted, _)| *wanted).map(|(_, step)| step).collect(),
        dry: common.dry_run,
        remarks: found.remarks,
    }
}

/// A client secret that stands in a file of its own.
pub(super) fn client_secret(file: Option<&Path>) -> anyhow::Result<Option<SecretString>> {
    let Some(file) = file else { return Ok(None) };
    let octets = super::json::octets(file)?;
    let text = std::str::from_utf8(&octets).ok().map(|text| text.trim_end_matches(['\r', '\n']));
    let text = text.with_context(|| format!("{} is no text", file.display()))?;
    ensure!(!text.is_empty(), "{} is empty", file.display());
    Ok(Some(text.into()))
}

/// The lines of a client, as far as it is known.
pub(super) fn client(id: Option<&str>, secret: Option<&SecretString>) -> Lines {
    let id = id.map(|id| ("client_id", json!(id)));
    id.into_iter().chain(secret.map(|secret| ("client_secret", json!(secret.expose_secret())))).collect()
}
