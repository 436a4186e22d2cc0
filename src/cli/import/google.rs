//! `gatepost import google`: the JSON of an OAuth client or of a service account, as the Google Cloud console hands it out.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::Lines;
use super::json::octets;
use super::one::{Common, Found, add};
use super::report::Remarks;
use crate::model::{DownloadedClient, ServiceAccount};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// `client_secret_….json`, or the key of a service account; - is standard input
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn import(arguments: &Arguments) -> anyhow::Result<()> {
    let octets = octets(&arguments.file)?;
    let shown = arguments.file.display();
    let text = std::str::from_utf8(&octets).with_context(|| format!("{shown} is no text"))?;
    let (grant, key) = match (ServiceAccount::parse(text), DownloadedClient::parse(text)) {
        (Ok(_), _) => ("service_account", "service_account"),
        (_, Ok(_)) => ("authorization_code", "client_json"),
        _ => bail!("{shown} is neither the JSON of an OAuth client nor the key of a service account"),
    };
    let mailbox = arguments.common.mailbox.as_deref();
    if mailbox.is_none() && grant == "authorization_code" {
        bail!("say whose mailbox it opens: --mailbox ADDRESS");
    }
    let mut settings: Lines = vec![("provider", json!("google")), ("grant", json!(grant)), (key, json!(text))];
    settings.extend(mailbox.map(|mailbox| ("mailbox", json!(mailbox))));
    let found = Found { settings, refresh: None, access: None, program: "Google", remarks: Remarks::default() };
    add(&arguments.common, found).await
}
