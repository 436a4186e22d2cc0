use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::super::providers::Provider;
use super::super::reader::Table;
use super::super::secret;
use super::super::words::nearest;
use crate::model::{Family, Grant, ServiceAccount};

const GRANTS: [&str; 7] = [
    "authorization_code",
    "device_code",
    "client_credentials",
    "service_account",
    "refresh_token",
    "password",
    "app_password",
];

/// What some grants ask for.
pub(super) const KEYS: [&str; 3] = ["service_account", "password", "allow_password_grant"];

/// How the token is obtained, with what that takes.
pub(super) fn read(table: &Table<'_>, provider: Option<&Provider>) -> Option<Grant> {
    let all = GRANTS.map(|grant| format!("{grant:?}")).join(", ");
    let text = table.required("grant", &all)?;
    impossible(table, provider, &text)?;
    let grant = match text.as_str() {
        "authorization_code" => Grant::AuthorizationCode,
        "device_code" => Grant::DeviceCode,
        "refresh_token" => Grant::RefreshToken,
        "client_credentials" => Grant::ClientCredentials,
        "service_account" => Grant::ServiceAccount(Arc::new(service_account(table)?)),
        "password" => Grant::Password(password_grant(table)?),
        "app_password" => Grant::AppPassword(password(table, "the app password that the provider made")?),
        other => {
            let hint = nearest(other, &GRANTS).map(|near| format!("did you mean {near:?}?"));
            table.error("grant", format!("found {other:?}"), Some(all), hint);
            return None;
        }
    };
    Some(grant)
}

/// What a provider never grants is said now, not when somebody waits for it.
fn impossible(table: &Table<'_>, provider: Option<&Provider>, grant: &str) -> Option<()> {
    let Some(provider) = provider else { return Some(()) };
    let (problem, instead) = match (grant, provider.family) {
        ("device_code", Family::Google) => (
            "Google's device flow does not give the mail scope",
            "\"authorization_code\" (`gatepost token authorize NAME --paste` works without a browser on this machine)",
        ),
        ("password", Family::Google) => ("Google has no password grant", "\"app_password\""),
        ("client_credentials", Family::Google) => ("Google has no client_credentials for mail", "\"service_account\""),
        ("service_account", Family::Microsoft) => ("Microsoft has no service accounts", "\"client_credentials\""),
        ("client_credentials" | "password", _) if provider.personal => {
            ("personal accounts have to sign in", "\"authorization_code\" or \"device_code\"")
        }
        _ => return Some(()),
    };
    table.error("grant", format!("{grant:?} cannot work: {problem}"), Some(instead.into()), None);
    None
}

fn service_account(table: &Table<'_>) -> Option<ServiceAccount> {
    let what = "the JSON key, { file = \"service-account.json\" }";
    if table.absent("service_account") {
        table.error("service_account", "`service_account` is missing".into(), Some(what.into()), None);
        return None;
    }
    let json = secret::read(table, "service_account")?;
    ServiceAccount::parse(json.expose_secret())
        .inspect_err(|unusable| table.error("service_account", unusable.to_string(), None, None))
        .ok()
}

fn password_grant(table: &Table<'_>) -> Option<SecretString> {
    if table.boolean("allow_password_grant") != Some(true) {
        let hint = "if there is no other way, switch it on with allow_password_grant = true".to_owned();
        let problem =
            "the password grant is switched off: RFC 9700 forbids it, and it fails with multi-factor authentication";
        table.error("grant", problem.into(), Some("another grant".into()), Some(hint));
    }
    password(table, "the password of the mailbox")
}

fn password(table: &Table<'_>, what: &str) -> Option<SecretString> {
    if table.absent("password") {
        let hint = format!("{what}, such as {{ file = \"secrets/mailbox\" }}");
        table.error("password", "`password` is missing".into(), Some(hint), None);
        return None;
    }
    let password = secret::read(table, "password")?;
    if password.expose_secret().contains(['\0', '\r', '\n']) {
        table.error("password", "the password has a line break or NUL in it".into(), None, None);
        return None;
    }
    Some(password)
}
