//! `gatepost token add`: declares a token in the store, from flags or by asking.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::super::arguments::told;
use super::super::password::ask;
use super::super::workshop::{Workshop, actor};
use super::super::{prompt, say, warn};
use crate::config::Settings;
use crate::model::{Grant, Token};
use crate::registry::ChangeError;

/// What a token needs; on a terminal, what is missing is asked for. A file `-` is standard input: one line
/// of a secret, all of a JSON file.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct Fields {
    /// microsoft, google, outlook.com, yahoo, fastmail, or the name of a [providers.NAME] table
    #[arg(long)]
    provider: Option<String>,
    /// How the token is obtained
    #[arg(long, value_parser = ["authorization_code", "device_code", "client_credentials", "service_account", "refresh_token", "password", "app_password"])]
    grant: Option<String>,
    /// The address of the mailbox that it opens
    #[arg(long)]
    mailbox: Option<String>,
    /// Microsoft: the Directory (tenant) ID
    #[arg(long)]
    tenant: Option<String>,
    /// Microsoft: global, usgov, dod or china
    #[arg(long)]
    cloud: Option<String>,
    /// The Application (client) ID
    #[arg(long)]
    client_id: Option<String>,
    /// The client secret, in a file
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// The day on which the client secret ends, as the portal shows it
    #[arg(long, value_name = "YYYY-MM-DD")]
    client_secret_ends: Option<String>,
    /// Google's downloaded JSON of the OAuth client
    #[arg(long, value_name = "FILE")]
    client_json: Option<PathBuf>,
    /// Certificate and key of the client, PEM or PKCS#12
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// The password of a PKCS#12 file, in a file
    #[arg(long, value_name = "FILE")]
    client_certificate_password_file: Option<PathBuf>,
    /// A federated assertion, read anew for each request
    #[arg(long, value_name = "FILE")]
    client_assertion_file: Option<PathBuf>,
    /// system, or the client id of a user-assigned identity
    #[arg(long, value_name = "ID")]
    managed_identity: Option<String>,
    /// Google's JSON key of a service account
    #[arg(long, value_name = "FILE")]
    service_account: Option<PathBuf>,
    /// The app password, or the mailbox's password, in a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Switch the password grant on, which RFC 9700 forbids
    #[arg(long)]
    allow_password_grant: bool,
    /// A scope instead of the provider's; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// smtp, imap or pop3: scopes for these only; may be repeated
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    protocols: Vec<String>,
    /// Instead of the provider's
    #[arg(long, value_name = "URL")]
    authorization_url: Option<String>,
    /// Instead of the provider's
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// Instead of the provider's
    #[arg(long, value_name = "URL")]
    device_url: Option<String>,
    /// The redirect URI that is registered, if it has to be a certain one
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
    /// Somebody else than the mailbox signs in
    #[arg(long)]
    delegate: bool,
    /// Google: the app is in Testing, its grants end after seven days
    #[arg(long)]
    testing: bool,
}

/// Keys of a token whose arguments are named otherwise.
const ARGUMENTS: [(&str, &str); 5] = [
    ("client_secret", "--client-secret-file"),
    ("client_certificate_password", "--client-certificate-password-file"),
    ("password", "--password-file"),
    ("scopes", "--scope"),
    ("protocols", "--protocol"),
];

/// Declares the token. Returns it, for what comes next.
pub(super) async fn add(shop: &Workshop, name: &str, mut fields: Fields) -> anyhow::Result<Arc<Token>> {
    let failed = |error| failed(name, error);
    shop.registry.may_add_token(name).await.map_err(failed)?;
    if prompt::is_terminal() {
        interview(shop, &mut fields)?;
    }
    let settings = settings(&fields)?;
    let token = shop.registry.add_token(&actor(), name, settings).await.map_err(failed)?;
    if matches!(token.grant, Grant::Password(_)) {
        warn(
            "RFC 9700 forbids the password grant, and it fails with multi-factor authentication; use another where you can",
        );
    }
    say(format_args!("{name}: added"))?;
    Ok(token)
}

/// Why it was not added, with the command that helps.
fn failed(name: &str, error: ChangeError) -> anyhow::Error {
    match error {
        ChangeError::Wrong(faults) => {
            let wrong: Vec<_> = faults.iter().map(|fault| told(fault, &ARGUMENTS)).collect();
            anyhow!("the token {name:?} was not added:\n  {}", wrong.join("\n  "))
        }
        ChangeError::InFile { ref place, .. } => anyhow!("there is a token {name:?} already, in {place}"),
        ChangeError::Exists { .. } => anyhow!("{error}; `gatepost token forget {name}` removes one of the store"),
        ChangeError::Unusable { .. } => anyhow!("{error}; `gatepost token forget {name}` removes it"),
        error => error.into(),
    }
}

/// Asks for what was not said and is always needed.
fn interview(shop: &Workshop, fields: &mut Fields) -> anyhow::Result<()> {
    if fields.provider.is_none() {
        let known = shop.config.provider_names();
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        fields.provider = Some(prompt::choice("Provider", &known, "microsoft")?);
    }
    if fields.grant.is_none() {
        let grants = [
            "authorization_code",
            "device_code",
            "client_credentials",
            "service_account",
            "refresh_token",
            "app_password",
        ];
        fields.grant = Some(prompt::choice("Grant", &grants, "authorization_code")?);
    }
    if fields.mailbox.is_none() {
        fields.mailbox = Some(prompt::line("Mailbox (its primary address)", None)?);
    }
    let (provider, grant) =
        (fields.provider.as_deref().unwrap_or_default(), fields.grant.as_deref().unwrap_or_default());
    let has_client = !matches!(grant, "service_account" | "app_password");
    if fields.tenant.is_none() && provider.starts_with("microsoft") && has_client {
        fields.tenant = Some(prompt::line("Directory (tenant) ID", None)?);
    }
    if fields.client_id.is_none() && fields.client_json.is_none() && fields.managed_identity.is_none() && has_client {
        fields.client_id = Some(prompt::line("Application (client) ID", None)?);
    }
    Ok(())
}

/// The settings as a file would have them. Secrets are read where they are, and never come from the arguments.
fn settings(fields: &Fields) -> anyhow::Result<Settings> {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            settings.insert(key.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.as_ref().map(|text| json!(text));
    let list = |values: &Vec<String>| (!values.is_empty()).then(|| json!(values));
    let flag = |value: bool| value.then_some(json!(true));
    set("provider", text(&fields.provider));
    set("grant", text(&fields.grant));
    set("mailbox", text(&fields.mailbox));
    set("tenant", text(&fields.tenant));
    set("cloud", text(&fields.cloud));
    set("client_id", text(&fields.client_id));
    set("client_secret_ends", text(&fields.client_secret_ends));
    set("managed_identity", text(&fields.managed_identity));
    set("authorization_url", text(&fields.authorization_url));
    set("token_url", text(&fields.token_url));
    set("device_url", text(&fields.device_url));
    set("redirect_uri", text(&fields.redirect_uri));
    set("scopes", list(&fields.scopes));
    set("protocols", list(&fields.protocols));
    set("allow_password_grant", flag(fields.allow_password_grant));
    set("delegate", flag(fields.delegate));
    set("testing", flag(fields.testing));
    set("client_secret", secret(fields.client_secret_file.as_deref())?.or(asked_secret(fields)?));
    set("client_json", whole(fields.client_json.as_deref())?);
    set("service_account", whole(fields.service_account.as_deref())?);
    set("password", secret(fields.password_file.as_deref())?.or(asked_password(fields)?));
    set("client_certificate_password", secret(fields.client_certificate_password_file.as_deref())?);
    set(
        "client_certificate",
        fields.client_certificate.as_deref().map(absolute).transpose()?.map(|path| json!({ "file": path })),
    );
    set("client_assertion_file", fields.client_assertion_file.as_deref().map(absolute).transpose()?.map(Into::into));
    Ok(settings)
}

/// On a terminal, a client that has shown no other proof is asked for its secret; an empty one is a public client.
fn asked_secret(fields: &Fields) -> anyhow::Result<Option<Value>> {
    let other_proof = fields.client_secret_file.is_some()
        || fields.client_json.is_some()
        || fields.client_certificate.is_some()
        || fields.client_assertion_file.is_some()
        || fields.managed_identity.is_some();
    let none = matches!(fields.grant.as_deref(), Some("service_account" | "app_password"));
    if other_proof || none || !prompt::is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password("Client secret (its Value; empty for a public client): ")
        .context("cannot read from the terminal")?;
    Ok((!typed.is_empty()).then(|| json!(typed)))
}

fn asked_password(fields: &Fields) -> anyhow::Result<Option<Value>> {
    let needed = matches!(fields.grant.as_deref(), Some("password" | "app_password")) && fields.password_file.is_none();
    if !needed || !prompt::is_terminal() {
        return Ok(None);
    }
    Ok(Some(json!(ask("Password: ")?.expose_secret())))
}

/// One line: a secret that an editor ended with a line break.
fn secret(file: Option<&Path>) -> anyhow::Result<Option<Value>> {
    let Some(file) = file else { return Ok(None) };
    let secret: SecretString = if file == Path::new("-") {
        ask("Secret: ")?
    } else {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        text.trim_end_matches(['\r', '\n']).into()
    };
    Ok(Some(json!(secret.expose_secret())))
}

/// Octets of a JSON file on standard input; Google's have three thousand.
const LONGEST: u64 = 64 * 1024;

fn whole(file: Option<&Path>) -> anyhow::Result<Option<Value>> {
    let Some(file) = file else { return Ok(None) };
    if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().take(LONGEST).read_to_string(&mut text);
        read.context("cannot read standard input")?;
        return Ok(Some(json!(text)));
    }
    Ok(Some(json!(std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?)))
}

/// The service may run in another directory.
fn absolute(file: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))?;
    path.into_os_string().into_string().ok().context("the path is not UTF-8")
}
