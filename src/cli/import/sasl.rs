//! `gatepost import sasl-xoauth2`: a token file of the plugin by which Postfix logs in, and its `sasl-xoauth2.conf`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chrono::DateTime;
use clap::Args;
use serde_json::json;
use url::Url;

use super::Lines;
use super::json::Members;
use super::known::{Known, tenant};
use super::one::{Common, Found, add, client};
use super::report::Remarks;
use crate::model::AccessToken;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The token file
    file: PathBuf,
    /// The plugin's configuration, for what the token file does not say
    #[arg(long, value_name = "FILE")]
    sasl_conf: Option<PathBuf>,
    /// The provider here, where its address does not tell: the name of a [providers.NAME] table
    #[arg(long)]
    provider: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Where it asks for tokens, if nothing else is said.
const USUAL: &str = "https://accounts.google.com/o/oauth2/token";

pub(super) async fn import(arguments: &Arguments) -> anyhow::Result<()> {
    let token = Members::read(&arguments.file)?;
    let conf = arguments.sasl_conf.as_deref().map(Members::read).transpose()?;
    let found = read(arguments, &token, conf.as_ref())?;
    add(&arguments.common, found).await
}

fn read(arguments: &Arguments, token: &Members, conf: Option<&Members>) -> anyhow::Result<Found> {
    let file = &arguments.file;
    let either = |key| token.text(key).or_else(|| conf?.text(key));
    let refresh = token.secret("refresh_token").with_context(|| format!("{} has no refresh_token", file.display()))?;
    let mailbox = arguments.common.mailbox.as_deref().or_else(|| token.text("user")).or_else(|| named(file));
    let mailbox = mailbox.context("neither the file nor its name says whose token it is; say --mailbox ADDRESS")?;
    let url: Url = either("token_endpoint").unwrap_or(USUAL).parse().context("its token_endpoint is no URL")?;
    if either("client_id").is_none() {
        bail!("the token file names no client; say --sasl-conf FILE, which is usually /etc/sasl-xoauth2.conf");
    }
    let secret = token.secret("client_secret").or_else(|| conf?.secret("client_secret"));
    let known = Known::of(mailbox, &url, false);
    let provider = arguments.provider.as_deref().or(known.map(|known| known.preset));
    let provider = provider.with_context(|| {
        let host = url.host_str().unwrap_or_default();
        format!("no provider is known that asks for tokens at {host}; describe it as [providers.NAME] and say --provider NAME")
    })?;
    let mut settings: Lines =
        vec![("provider", json!(provider)), ("grant", json!("authorization_code")), ("mailbox", json!(mailbox))];
    if let Some(known) = known.filter(|known| known.is_microsoft()) {
        tenant(known, &url, &mut settings);
        // Its own tool asks for no more, and Microsoft refuses to refresh for what was not given.
        settings.push(("protocols", json!(["smtp"])));
    }
    settings.extend(client(either("client_id"), secret.as_ref()));
    let access =
        token.secret("access_token").zip(token.number("expiry").and_then(|at| DateTime::from_timestamp(at, 0)));
    let access = access.map(|(secret, expiry)| AccessToken::new(secret, expiry));
    Ok(Found {
        settings,
        refresh: Some(refresh),
        access,
        program: "sasl-xoauth2",
        remarks: remarks(arguments, token, conf),
    })
}

/// `/etc/tokens/user@example.com`
fn named(file: &Path) -> Option<&str> {
    file.file_name()?.to_str().filter(|name| name.contains('@'))
}

fn remarks(arguments: &Arguments, token: &Members, conf: Option<&Members>) -> Remarks {
    let mut remarks = Remarks::default();
    let files = [Some((&arguments.file, token)), arguments.sasl_conf.as_ref().zip(conf)];
    for (file, members) in files.into_iter().flatten() {
        for (key, instead) in [
            ("proxy", "name it in [egress]"),
            ("ca_bundle_file", "name it as `ca` of the provider"),
            ("ca_certs_dir", "name a file of them as `ca` of the provider"),
        ] {
            if members.has(key) {
                remarks.add(file, 0, key, format!("not carried over: {instead}"));
            }
        }
    }
    remarks
}
