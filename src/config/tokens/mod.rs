//! Declared tokens.

mod certificate;
mod client;
mod grant;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::providers::{Known, Provider};
use super::reader::Table;
use crate::model::{self, DownloadedClient, Grant, Protocol, Token};

/// Declared tokens by name; `None` is one with errors, which have been reported.
pub(super) type Declared = BTreeMap<String, Option<Arc<Token>>>;

pub(super) fn read(root: &Table<'_>, providers: &Known) -> Declared {
    let read = |(name, table): (String, Option<Table<'_>>)| {
        let token = table.and_then(|table| token(&name, &table, providers)).map(Arc::new);
        (name, token)
    };
    root.named("tokens").into_iter().map(read).collect()
}

pub(super) fn token(name: &str, table: &Table<'_>, providers: &Known) -> Option<Token> {
    let before = table.errors();
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        table.error(
            "",
            format!("{name:?} is no name for a token"),
            Some("a name without control characters".into()),
            None,
        );
    }
    let template = provider::chosen(table, providers);
    let grant = grant::read(table, template);
    if grant.is_none() || template.is_none() {
        // What they would have asked for is no second mistake.
        for key in grant::KEYS.into_iter().chain(provider::KEYS) {
            table.absent(key);
        }
    }
    let mailbox = mailbox(table, grant.as_ref());
    let downloaded = client::downloaded(table);
    let client = client::read(table, grant.as_ref(), downloaded.as_ref());
    let provider = provider::concrete(table, template, grant.as_ref(), downloaded.as_ref());
    let scopes = scopes(table, template, grant.as_ref());
    let redirect_uri = client::redirect_uri(table);
    let delegate = table.boolean("delegate").unwrap_or(false);
    let testing = table.boolean("testing").unwrap_or(false);
    let disabled = table.boolean("disabled").unwrap_or(false);
    let secret_ends = date(table, "client_secret_ends");
    table.finish();
    if table.errors() != before {
        return None;
    }
    let (client_id, client_authentication) = client?;
    let grant = grant?;
    warn_of(name, table, &grant);
    Some(Token {
        name: name.to_owned(),
        provider: Arc::new(provider?),
        grant,
        mailbox: mailbox?,
        client_id,
        client_authentication,
        scopes: scopes?,
        redirect_uri,
        delegate,
        testing,
        secret_ends,
        disabled,
    })
}

/// Whose mailbox it is. What opens any mailbox needs none: its accounts name theirs.
fn mailbox(table: &Table<'_>, grant: Option<&Grant>) -> Option<String> {
    let any = matches!(grant, Some(Grant::ClientCredentials | Grant::ServiceAccount(_)));
    if any && table.absent("mailbox") {
        return Some(String::new());
    }
    let mailbox = table.required("mailbox", "the address of the mailbox that it opens");
    mailbox.and_then(|mailbox| printable(table, "mailbox", mailbox))
}

/// Its own scopes, or the provider's for the protocols that it is for; none that cannot work.
fn scopes(table: &Table<'_>, provider: Option<&Provider>, grant: Option<&Grant>) -> Option<Vec<String>> {
    let own = table.strings("scopes");
    let protocols = protocols(table, provider);
    let (provider, grant) = (provider?, grant?);
    if matches!(grant, Grant::AppPassword(_)) {
        return Some(Vec::new());
    }
    let is_own = own.is_some();
    let mut scopes = own.unwrap_or_else(|| provider.scopes(grant, &protocols));
    if scopes.is_empty() && !is_own && grant.asks_a_person() {
        let problem = format!("`scopes` is missing: the provider {:?} has none of its own", provider.name);
        let allowed =
            "what the provider wants for mail, such as [\"openid\", \"email\", \"offline_access\"]; [] for none";
        table.error("scopes", problem, Some(allowed.into()), None);
        return None;
    }
    if let Some(objection) = model::object(provider.family, grant, &scopes) {
        let problem = format!("the scope {:?} cannot work: {}", objection.scope, objection.why);
        table.error("scopes", problem, Some(objection.instead), None);
        return None;
    }
    // Without it there is no refresh token.
    let offline = "offline_access".to_owned();
    if provider.family == model::Family::Microsoft && grant.lives_by_refresh() && !scopes.contains(&offline) {
        scopes.push(offline);
    }
    Some(scopes)
}

fn protocols(table: &Table<'_>, provider: Option<&Provider>) -> Vec<Protocol> {
    let served = provider.map(Provider::protocols).unwrap_or_default();
    let Some(texts) = table.strings("protocols") else { return served };
    let word = |text: &String| {
        let found = Protocol::ALL.into_iter().find(|protocol| protocol.name() == text);
        found.or_else(|| table.wrong("protocols", text, "\"smtp\", \"imap\", \"pop3\""))
    };
    texts.iter().filter_map(word).collect()
}

/// A day, by whose beginning the thing has to be replaced.
fn date(table: &Table<'_>, key: &'static str) -> Option<DateTime<Utc>> {
    let text = table.text_or_date(key)?;
    let day = NaiveDate::parse_from_str(text.split('T').next().unwrap_or(&text), "%Y-%m-%d").ok();
    let day = day.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|| table.wrong(key, &text, "a day such as \"2027-01-31\", as the provider's portal shows it"))
}

fn warn_of(name: &str, table: &Table<'_>, grant: &Grant) {
    if matches!(grant, Grant::Password(_)) {
        table.warn(format!(
            "token {name:?} uses grant = \"password\": RFC 9700 forbids it, and it fails with multi-factor authentication; \
             use authorization_code or client_credentials where you can"
        ));
    }
}

/// What a downloaded client file says, where a token names one.
type Downloaded<'a> = Option<&'a DownloadedClient>;

/// A SASL user: control characters in it would write SASL fields.
pub(super) fn printable(table: &Table<'_>, key: &'static str, text: String) -> Option<String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return table.wrong(key, &text, "an address without control characters");
    }
    Some(text)
}
