//! `gatepost import mutt`: a token file of `mutt_oauth2.py`, which is usually encrypted with gpg.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, Local, NaiveDateTime, Utc};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::Lines;
use super::json::{Members, octets};
use super::known::Known;
use super::one::{Common, Found, add, client, client_secret};
use super::report::Remarks;
use crate::cli::prompt;
use crate::model::AccessToken;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The token file; - is standard input
    file: PathBuf,
    /// The client id that stands in `mutt_oauth2.py`
    #[arg(long)]
    client_id: Option<String>,
    /// The client secret that stands in `mutt_oauth2.py`, in a file
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Microsoft: the tenant that stands in `mutt_oauth2.py`
    #[arg(long, default_value = "common")]
    tenant: String,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn import(arguments: &Arguments) -> anyhow::Result<()> {
    let octets = octets(&arguments.file)?;
    let token = match Members::parse(&octets) {
        Some(token) => token,
        None => Members::parse(&decrypted(&octets, &arguments.file)?).context("what gpg opened is no JSON object")?,
    };
    let found = read(arguments, &token)?;
    add(&arguments.common, found).await
}

/// As the script does it: from its input to its output. gpg asks on the terminal by itself.
fn decrypted(octets: &[u8], file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let shown = file.display();
    let by_hand = format!("open it yourself: gpg --decrypt {shown} | gatepost import mutt -");
    let mut gpg = Command::new("gpg")
        .arg("--decrypt")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{shown} is encrypted, and gpg cannot be run; {by_hand}"))?;
    if let Some(mut input) = gpg.stdin.take() {
        input.write_all(octets).with_context(|| format!("gpg did not read {shown}; {by_hand}"))?;
    }
    let output = gpg.wait_with_output().context("gpg did not answer")?;
    let opened = Zeroizing::new(output.stdout);
    ensure!(output.status.success(), "gpg could not open {shown} ({}); {by_hand}", output.status);
    Ok(opened)
}

fn read(arguments: &Arguments, token: &Members) -> anyhow::Result<Found> {
    let provider = match token.text("registration") {
        Some("google") => "google",
        Some("microsoft") => "microsoft",
        Some(other) => bail!(
            "its registration {other:?} is neither google nor microsoft; `gatepost token add` and `gatepost token import` take any"
        ),
        None => bail!("{} is no token file of mutt_oauth2.py", arguments.file.display()),
    };
    let mailbox = arguments.common.mailbox.as_deref().or_else(|| token.text("email"));
    let mailbox = mailbox.context("it does not say whose token it is; say --mailbox ADDRESS")?;
    let device = token.text("authflow") == Some("devicecode") && provider == "microsoft";
    let grant = if device { "device_code" } else { "authorization_code" };
    let mut settings: Lines = vec![("grant", json!(grant)), ("mailbox", json!(mailbox))];
    if provider == "microsoft" {
        let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", arguments.tenant).parse();
        let url = url.context("the tenant is no part of an address")?;
        let known = Known::of(mailbox, &url, false);
        settings.push(("provider", json!(known.map_or(provider, |known| known.preset))));
        settings.push(("tenant", json!(arguments.tenant)));
    } else {
        settings.push(("provider", json!(provider)));
    }
    let id = arguments.client_id.clone().or_else(|| token.text("client_id").map(str::to_owned));
    let id = match id {
        Some(id) => id,
        None if prompt::is_terminal() => prompt::line("Client id, as it stands in mutt_oauth2.py", None)?,
        None => bail!("say the client id that stands in mutt_oauth2.py: --client-id"),
    };
    let secret = client_secret(arguments.client_secret_file.as_deref())?.or_else(|| token.secret("client_secret"));
    settings.extend(client(Some(&id), secret.as_ref()));
    let access = token.secret("access_token").zip(token.text("access_token_expiration").and_then(local_time));
    let access = access.map(|(secret, expiry)| AccessToken::new(secret, expiry));
    let refresh = token.secret("refresh_token");
    Ok(Found { settings, refresh, access, program: "mutt_oauth2.py", remarks: Remarks::default() })
}

/// Python's `isoformat` without a zone, in that of this machine.
fn local_time(text: &str) -> Option<DateTime<Utc>> {
    let time: NaiveDateTime = text.parse().ok()?;
    time.and_local_timezone(Local).earliest().map(|time| time.to_utc())
}
