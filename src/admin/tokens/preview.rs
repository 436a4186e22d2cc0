//! What settings will come to, told while they are typed: defaults that empty fields stand for, and what is worth knowing.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::draft::is_guid;
use crate::admin::Desk;
use crate::clock;
use crate::config::Settings;
use crate::consent::callback_url;
use crate::model::{Family, Grant, Token, same_scope};

/// By the names of fields.
#[derive(Debug, Default)]
pub(super) struct Preview {
    /// What an empty field stands for.
    pub(super) defaults: Vec<(&'static str, String)>,
    /// What else there is to say of a field; no mistakes.
    pub(super) notes: Vec<(&'static str, String)>,
}

/// Stands for a tenant that is not known yet.
const TENANT: &str = "TENANT-ID";

pub(super) fn preview(desk: &Desk, settings: &Settings) -> Preview {
    let mut preview = Preview::default();
    let Some(usual) = sketch(desk, settings, None, &[]) else { return preview };
    let urls = &usual.provider.oauth;
    let all = [("authorization_url", &urls.authorization), ("token_url", &urls.token), ("device_url", &urls.device)];
    for (field, url) in all {
        preview.defaults.extend(url.as_ref().map(|url| (field, url.to_string())));
    }
    preview.defaults.push(("scopes", usual.scopes.join(" ")));
    preview.defaults.extend(callback(desk).map(|url| ("redirect_uri", url)));
    preview.notes = notes(desk, settings, &usual);
    preview
}

/// Where the provider has to send browsers back to.
pub(super) fn callback(desk: &Desk) -> Option<String> {
    Some(callback_url(&desk.public_url()?).to_string())
}

impl Preview {
    pub(super) fn default_of(&self, field: &str) -> String {
        self.defaults.iter().find(|(name, _)| *name == field).map(|(_, text)| text.clone()).unwrap_or_default()
    }

    pub(super) fn note_of(&self, field: &str) -> String {
        self.notes
            .iter()
            .filter(|(name, _)| *name == field)
            .map(|(_, text)| text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A token of the same type with everything else made up, for its defaults.
fn sketch(desk: &Desk, settings: &Settings, protocols: Option<&str>, own: &[&str]) -> Option<Token> {
    let app_only = text(settings, "grant") == "client_credentials";
    let mut sketch = Settings::new();
    let mut set = |key: &str, value: Value| sketch.insert(key.to_owned(), value);
    set("grant", json!(if app_only { "client_credentials" } else { "authorization_code" }));
    set("mailbox", json!("mailbox@example.com"));
    set("client_id", json!("client"));
    set("client_secret", json!("secret"));
    for key in ["provider", "cloud", "tenant", "protocols"].iter().chain(own) {
        if let Some(value) = settings.get(*key) {
            set(key, value.clone());
        }
    }
    if let Some(protocol) = protocols {
        set("protocols", json!([protocol]));
    }
    // The tenant is missing, or wrong still; or the scopes of a provider that has none.
    let (tenant, scopes) = (("tenant", json!(TENANT)), ("scopes", json!([])));
    [vec![], vec![scopes.clone()], vec![tenant.clone()], vec![tenant, scopes]].into_iter().find_map(|made_up| {
        let mut sketch = sketch.clone();
        sketch.extend(made_up.into_iter().map(|(key, value)| (key.to_owned(), value)));
        desk.registry.check_token("sketch", &sketch).ok()
    })
}

fn notes(desk: &Desk, settings: &Settings, usual: &Token) -> Vec<(&'static str, String)> {
    let family = usual.provider.family;
    let mut notes = Vec::new();
    let mut note = |field: &'static str, text: Option<String>| notes.extend(text.map(|text| (field, text)));
    note("scopes", Some(scopes(desk, settings, usual)));
    for field in ["authorization_url", "token_url"] {
        note(field, completed(desk, settings, field));
    }
    note("grant", grant(settings, family));
    note("tenant", tenant(settings, family));
    note("client_id", client_id(settings, family));
    note("client_secret_ends", past(settings));
    let mailbox = text(settings, "mailbox");
    let odd = !mailbox.is_empty() && !mailbox.contains('@');
    note("mailbox", odd.then(|| "This is no mail address; at most providers it has to be one.".to_owned()));
    notes
}

const NO_SCOPES: &str = "This provider has none in the configuration file: type those that its manual names for mail, with \
                         offline_access for a refresh token, such as: openid email offline_access.";

/// What will be asked for, and what that does not cover.
fn scopes(desk: &Desk, settings: &Settings, usual: &Token) -> String {
    let typed = settings.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
    let typed: Vec<_> = typed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if typed.is_empty() && usual.scopes.is_empty() {
        return NO_SCOPES.to_owned();
    }
    if typed.is_empty() {
        return format!("Asked for: {}.", usual.scopes.join(" "));
    }
    let offline = |scope: &String| scope.starts_with("offline");
    let missing = !typed.iter().any(offline) && usual.scopes.iter().any(offline);
    let app_only = matches!(usual.grant, Grant::ClientCredentials);
    let told = match (missing && !app_only, usual.provider.family) {
        (true, Family::Microsoft) => " offline_access is added by itself: without it there is no refresh token.",
        (true, _) => " offline_access is missing: without it there may be no refresh token.",
        _ => "",
    };
    let protocols = settings.get("protocols").and_then(Value::as_array).cloned();
    let protocols = protocols.unwrap_or_else(|| vec![json!("smtp"), json!("imap"), json!("pop3")]);
    let uncovered = protocols.iter().filter_map(Value::as_str).filter_map(|protocol| {
        let needed = sketch(desk, settings, Some(protocol), &[])?.scopes;
        let needed = needed.into_iter().find(|scope| !offline(scope))?;
        let covered = app_only || typed.iter().any(|scope| same_scope(scope, &needed));
        (!covered).then(|| format!(" {} is not covered: it needs {needed}.", protocol.to_uppercase()))
    });
    format!("Asked for: {}.{told}{}", typed.join(" "), uncovered.collect::<String>())
}

/// A base address with what is appended to it.
fn completed(desk: &Desk, settings: &Settings, field: &'static str) -> Option<String> {
    let typed = text(settings, field);
    let token = sketch(desk, settings, None, &[field])?;
    let urls = &token.provider.oauth;
    let used = if field == "token_url" { urls.token.as_ref() } else { urls.authorization.as_ref() }?;
    (!typed.is_empty() && used.as_str() != typed).then(|| format!("Used: {used}"))
}

fn grant(settings: &Settings, family: Family) -> Option<String> {
    let told = match (text(settings, "grant"), family) {
        ("password", _) => {
            "RFC 9700 forbids this, and multi-factor authentication ends it. Take it only where nothing else is left."
        }
        ("device_code", Family::Microsoft) => {
            "Conditional Access policies block device codes at many tenants; a browser works where they do."
        }
        ("client_credentials", Family::Microsoft) => {
            "The app has to be let into each mailbox in Exchange (New-ServicePrincipal, Add-MailboxPermission), with the Object \
             ID of the enterprise application, not that of the app registration."
        }
        _ => return None,
    };
    Some(told.to_owned())
}

fn tenant(settings: &Settings, family: Family) -> Option<String> {
    let many = matches!(text(settings, "tenant"), "common" | "organizations" | "consumers");
    let told = "Works with multi-tenant apps only (else AADSTS50194). The tenant's own ID always works.";
    (many && family == Family::Microsoft).then(|| told.to_owned())
}

fn client_id(settings: &Settings, family: Family) -> Option<String> {
    let id = text(settings, "client_id");
    let told = match family {
        _ if id.is_empty() => return None,
        Family::Microsoft if !is_guid(id) => "Microsoft's client IDs look like 0c4e0000-0000-0000-0000-000000000000.",
        Family::Google if !id.ends_with(".apps.googleusercontent.com") => {
            "Google's client IDs end in .apps.googleusercontent.com."
        }
        _ => return None,
    };
    Some(told.to_owned())
}

fn past(settings: &Settings) -> Option<String> {
    let day: NaiveDate = text(settings, "client_secret_ends").parse().ok()?;
    (day <= clock::now().date_naive()).then(|| "This day is past: make a new secret at the provider.".to_owned())
}

fn text<'a>(settings: &'a Settings, key: &str) -> &'a str {
    settings.get(key).and_then(Value::as_str).unwrap_or_default()
}
