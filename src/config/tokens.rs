use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::providers::{Known, Provider};
use super::reader::{Table, nearest};
use super::secret;
use crate::model::{self, ClientAuthentication, Grant, Token};

/// Declared tokens by name; `None` is one with errors, which have been reported.
pub(super) type Declared = BTreeMap<String, Option<Arc<Token>>>;

pub(super) fn read(root: &Table<'_>, providers: &Known) -> Declared {
    let read = |(name, table): (String, Option<Table<'_>>)| {
        let token = table.and_then(|table| token(&name, &table, providers)).map(Arc::new);
        (name, token)
    };
    root.named("tokens").into_iter().map(read).collect()
}

fn token(name: &str, table: &Table<'_>, providers: &Known) -> Option<Token> {
    let before = table.errors();
    let provider = provider(table, providers);
    let grant = grant(table);
    let mailbox = table.required("mailbox", "the address of the mailbox that it opens");
    let mailbox = mailbox.and_then(|mailbox| printable(table, "mailbox", mailbox));
    let tenant = tenant(table, provider, grant);
    let client_id = table.required("client_id", "the id of the client that is registered at the provider");
    let authentication = authentication(table, grant);
    let scopes = table.strings("scopes");
    table.finish();
    if table.errors() != before {
        return None;
    }
    let (provider, grant) = (provider?, grant?);
    let token_url = provider.token_url.replace("{tenant}", &tenant?);
    let Ok(token_url) = token_url.parse() else { return table.wrong("tenant", &token_url, "a tenant id or a domain") };
    Some(Token {
        name: name.to_owned(),
        scopes: scopes.unwrap_or_else(|| provider.scopes(grant)),
        provider: Arc::new(model::Provider {
            name: provider.name.clone(),
            token_url,
            sasl: provider.sasl,
            ca: provider.ca.clone(),
            endpoints: provider.endpoints.clone(),
        }),
        grant,
        mailbox: mailbox?,
        client_id: client_id?,
        client_authentication: authentication?,
    })
}

fn provider<'p>(table: &Table<'_>, providers: &'p Known) -> Option<&'p Provider> {
    let what = "\"microsoft\", \"google\", or the name of a [providers.NAME] table";
    let name = table.required("provider", what)?;
    let found = providers.get(&name);
    if found.is_none() {
        let names: Vec<_> = providers.keys().map(String::as_str).collect();
        let hint = nearest(&name, &names).map(|near| format!("did you mean \"{near}\"?"));
        table.error("provider", format!("there is no provider {name:?}"), Some(names.join(", ")), hint);
    }
    found?.as_ref()
}

fn grant(table: &Table<'_>) -> Option<Grant> {
    const LATER: [&str; 5] = ["authorization_code", "device_code", "service_account", "password", "app_password"];
    let text = table.required("grant", "\"client_credentials\" or \"refresh_token\"")?;
    if LATER.contains(&text.as_str()) {
        let hint = "get a refresh token elsewhere, set grant = \"refresh_token\" and run `gatepost token import NAME`";
        let problem = format!("the grant {text:?} is not in this version");
        table.error("grant", problem, Some("\"client_credentials\", \"refresh_token\"".into()), Some(hint.into()));
        return None;
    }
    table.choice("grant", &[("client_credentials", Grant::ClientCredentials), ("refresh_token", Grant::RefreshToken)])
}

/// Fills `{tenant}` of the token URL; a provider without one needs none.
fn tenant(table: &Table<'_>, provider: Option<&Provider>, grant: Option<Grant>) -> Option<String> {
    let needed = provider.is_some_and(|provider| provider.token_url.contains("{tenant}"));
    if table.absent("tenant") && !needed {
        return Some(String::new());
    }
    let tenant = table.required("tenant", "the Directory (tenant) ID of the app registration")?;
    if grant == Some(Grant::ClientCredentials) && ["common", "consumers", "organizations"].contains(&tenant.as_str()) {
        let problem = format!("client_credentials does not work on {tenant:?} (AADSTS9001023)");
        table.error("tenant", problem, Some("the Directory (tenant) ID of the app registration".into()), None);
        return None;
    }
    let plain = tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if plain { Some(tenant) } else { table.wrong("tenant", &tenant, "a tenant id or a domain") }
}

fn authentication(table: &Table<'_>, grant: Option<Grant>) -> Option<ClientAuthentication> {
    let basic = table.choice("client_auth", &[("post", false), ("basic", true)]).unwrap_or(false);
    if table.absent("client_secret") {
        if grant == Some(Grant::ClientCredentials) {
            table.required("client_secret", "the secret of the client; client_credentials does not work without");
        }
        return Some(ClientAuthentication::Public);
    }
    let secret: SecretString = secret::read(table, "client_secret")?;
    Some(if basic { ClientAuthentication::SecretBasic(secret) } else { ClientAuthentication::SecretPost(secret) })
}

/// A SASL user: control characters in it would write SASL fields.
pub(super) fn printable(table: &Table<'_>, key: &'static str, text: String) -> Option<String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return table.wrong(key, &text, "an address without control characters");
    }
    Some(text)
}
