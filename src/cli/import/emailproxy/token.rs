//! An account of email-oauth2-proxy as a token of Gatepost.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::found::{Account, Options};
use super::open::Opened;
use crate::cli::import::Lines;
use crate::cli::import::known::{Known, tenant, usual};

/// Why an account cannot be carried over.
pub(super) type Unfit = String;

/// The grant of an account, by the rules of the proxy: where there is a `permission_url`, a person signs in.
pub(super) fn grant(account: &Account) -> Result<&'static str, Unfit> {
    match (&account.permission_url, account.flow.as_deref()) {
        (Some(_), Some("device")) => Ok("device_code"),
        (Some(_), _) => Ok("authorization_code"),
        (None, Some("client_credentials")) => Ok("client_credentials"),
        (None, Some("service_account")) => Ok("service_account"),
        (None, Some("password")) => Ok("password"),
        (None, _) if account.refresh_token.is_some() => Ok("refresh_token"),
        (None, Some(flow)) => Err(format!("its oauth2_flow {flow:?} needs a permission_url")),
        (None, None) => Err("it has neither a permission_url nor an oauth2_flow".to_owned()),
    }
}

/// What every account of the proxy needs, and is not an example.
pub(super) fn token_url(account: &Account) -> Result<Url, Unfit> {
    const EXAMPLE: &str = "*** your";
    let text = account.token_url.as_deref().ok_or("it has no token_url")?;
    let texts = [Some(text), account.client_id.as_deref(), account.permission_url.as_deref()];
    let secret = account.client_secret.as_ref().map(SecretString::expose_secret);
    if texts.into_iter().chain([secret]).flatten().any(|text| text.contains(EXAMPLE)) {
        return Err("it still has the values of the example".to_owned());
    }
    text.parse().map_err(|_| "its token_url is no URL".to_owned())
}

/// The token without what its password opens: for all that can be said before.
pub(super) fn settings(account: &Account, grant: &str, provider: &str, known: Option<Known>, token_url: &Url) -> Lines {
    let mut lines = vec![("provider", json!(provider)), ("grant", json!(grant)), ("mailbox", json!(account.name))];
    if let Some(known) = known.filter(|known| known.is_microsoft()) {
        microsoft(account, known, grant, token_url, &mut lines);
    }
    if let Some(id) = account.client_id.as_ref().filter(|_| grant != "service_account") {
        lines.push(("client_id", json!(id)));
    }
    let scopes: Vec<_> = account.scope.iter().flat_map(|scope| scope.split_whitespace()).collect();
    if !scopes.is_empty() || account.resource.is_some() {
        lines.push(("scopes", json!(scopes)));
    }
    let loopback = ["http://localhost", "http://localhost/"];
    let redirect = account.redirect_uri.as_ref().filter(|uri| !loopback.contains(&uri.as_str()));
    if let Some(uri) = redirect.filter(|_| grant == "authorization_code") {
        lines.push(("redirect_uri", json!(uri)));
    }
    if grant == "password" {
        lines.push(("allow_password_grant", json!(true)));
    }
    lines
}

/// The tenant, and any address that is none of the usual.
fn microsoft(account: &Account, known: Known, grant: &str, token_url: &Url, lines: &mut Lines) {
    let tenant = tenant(known, token_url, lines);
    let (key, end) =
        if grant == "device_code" { ("device_url", "devicecode") } else { ("authorization_url", "authorize") };
    let Some(url) = &account.permission_url else { return };
    let same = url.parse().ok().and_then(|url| usual(&url, end)).is_some_and(|found| Some(found) == tenant);
    if !same {
        lines.push((key, json!(url)));
    }
}

/// The secrets of the token, now that they are open.
pub(super) fn secrets(
    account: &Account,
    grant: &str,
    options: Options,
    password: &SecretString,
    opened: &Opened,
) -> Result<Lines, Unfit> {
    let secret = account.client_secret.as_ref().or(opened.client_secret.as_ref());
    let line = |key, secret: &SecretString| vec![(key, json!(secret.expose_secret()))];
    let mut lines = match (grant, secret, &account.certificate) {
        ("service_account", _, _) => return service_account(account, secret),
        (_, Some(secret), _) => line("client_secret", secret),
        (_, None, Some((chain, key))) => {
            let pem = Zeroizing::new([read(chain)?.as_str(), "\n", read(key)?.as_str()].concat());
            vec![("client_certificate", json!(pem.as_str()))]
        }
        ("client_credentials", None, None) if options.password_is_client_secret => line("client_secret", password),
        _ => Lines::new(),
    };
    if grant == "password" {
        lines.extend(line("password", password));
    }
    Ok(lines)
}

/// The key's text, wherever it stands.
fn service_account(account: &Account, secret: Option<&SecretString>) -> Result<Lines, Unfit> {
    let secret = secret.ok_or("its client_secret, the key of the service account, is missing")?.expose_secret();
    let json = match account.client_id.as_deref() {
        Some("file") => read(Path::new(secret))?,
        Some("key") => Zeroizing::new(secret.to_owned()),
        _ => return Err("its client_id is neither `file` nor `key`".to_owned()),
    };
    Ok(vec![("service_account", json!(json.as_str()))])
}

fn read(path: &Path) -> Result<Zeroizing<String>, Unfit> {
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|fault| {
        // Where a key is pasted in the place of a path, it is not shown.
        let shown = path.display().to_string();
        let shown = if shown.len() > 256 || shown.contains('\n') { "the file that it names" } else { &shown };
        format!("{shown} cannot be read: {fault}")
    })
}
