use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use url::{Host, Url};

use super::reader::Table;
use crate::model::{Endpoint, Endpoints, Grant, SaslMechanism, UpstreamTls};

/// A provider before a token makes it concrete: its token URL may hold `{tenant}`, its scopes depend on the grant.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) token_url: String,
    /// Scopes for access in a user's name.
    pub(super) scopes: Vec<String>,
    /// Scopes for app-only access, where they differ.
    pub(super) app_scopes: Option<Vec<String>>,
    pub(super) sasl: SaslMechanism,
    pub(super) ca: Option<PathBuf>,
    pub(super) endpoints: Endpoints,
}

impl Provider {
    /// Default scopes for a grant.
    pub(super) fn scopes(&self, grant: Grant) -> Vec<String> {
        match (grant, &self.app_scopes) {
            (Grant::ClientCredentials, Some(scopes)) => scopes.clone(),
            _ => self.scopes.clone(),
        }
    }
}

fn endpoint(host: &str, port: u16, tls: UpstreamTls) -> Endpoint {
    Endpoint { host: host.to_owned(), port, tls }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

/// learn.microsoft.com: "Authenticate an IMAP, POP or SMTP connection using OAuth". SMTP has no implicit TLS there.
fn microsoft() -> Provider {
    let resource = "https://outlook.office.com";
    let delegated = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
    let scopes = delegated.iter().map(|scope| format!("{resource}/{scope}")).chain(["offline_access".to_owned()]);
    Provider {
        name: "microsoft".into(),
        token_url: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token".into(),
        scopes: scopes.collect(),
        app_scopes: Some(texts(&["https://outlook.office365.com/.default"])),
        sasl: SaslMechanism::Xoauth2,
        ca: None,
        endpoints: Endpoints {
            smtp: Some(endpoint("smtp.office365.com", 587, UpstreamTls::Starttls)),
            imap: Some(endpoint("outlook.office365.com", 993, UpstreamTls::Implicit)),
            pop3: Some(endpoint("outlook.office365.com", 995, UpstreamTls::Implicit)),
        },
    }
}

/// developers.google.com/gmail/imap/xoauth2-protocol: one scope for all three protocols, no narrower one works.
fn google() -> Provider {
    Provider {
        name: "google".into(),
        token_url: "https://oauth2.googleapis.com/token".into(),
        scopes: texts(&["https://mail.google.com/"]),
        app_scopes: None,
        sasl: SaslMechanism::Xoauth2,
        ca: None,
        endpoints: Endpoints {
            smtp: Some(endpoint("smtp.gmail.com", 465, UpstreamTls::Implicit)),
            imap: Some(endpoint("imap.gmail.com", 993, UpstreamTls::Implicit)),
            pop3: Some(endpoint("pop.gmail.com", 995, UpstreamTls::Implicit)),
        },
    }
}

/// Presets, each overridden by its table where there is one, and all others.
pub(super) fn read(root: &Table<'_>) -> Known {
    let presets = [microsoft(), google()].map(|preset| (preset.name.clone(), Some(preset)));
    let mut providers = BTreeMap::from(presets);
    for (name, table) in root.named("providers") {
        let base = providers.get(&name).cloned().flatten();
        let provider = table.and_then(|table| provider(&name, base, &table));
        providers.insert(name, provider);
    }
    providers
}

/// Providers by name; `None` is one with errors, which have been reported.
pub(super) type Known = BTreeMap<String, Option<Provider>>;

const SASL: [(&str, SaslMechanism); 2] =
    [("xoauth2", SaslMechanism::Xoauth2), ("oauthbearer", SaslMechanism::Oauthbearer)];

fn provider(name: &str, base: Option<Provider>, table: &Table<'_>) -> Option<Provider> {
    let before = table.errors();
    if base.is_none() {
        table.required("token_url", "the token endpoint, such as \"https://id.example.com/token\"");
    }
    let base = base.unwrap_or_else(|| Provider {
        name: name.to_owned(),
        token_url: String::new(),
        scopes: Vec::new(),
        app_scopes: None,
        sasl: SaslMechanism::Xoauth2,
        ca: None,
        endpoints: Endpoints::default(),
    });
    let token_url = url(table, "token_url");
    for later in ["authorization_url", "device_url"] {
        url(table, later);
    }
    let scopes = table.strings("scopes");
    let ca = table.file("ca");
    if let Some(fault) = ca.as_ref().and_then(|path| std::fs::metadata(path).err()) {
        table.error("ca", format!("cannot read it: {fault}"), Some("a PEM file of certificates".into()), None);
    }
    let provider = Provider {
        token_url: token_url.unwrap_or(base.token_url),
        app_scopes: if scopes.is_some() { None } else { base.app_scopes },
        scopes: scopes.unwrap_or(base.scopes),
        sasl: table.choice("sasl", &SASL).unwrap_or(base.sasl),
        ca: ca.or(base.ca),
        endpoints: Endpoints {
            smtp: server(table, "smtp").or(base.endpoints.smtp),
            imap: server(table, "imap").or(base.endpoints.imap),
            pop3: server(table, "pop3").or(base.endpoints.pop3),
        },
        name: base.name,
    };
    table.finish();
    (table.errors() == before).then_some(provider)
}

/// A URL to which secrets may be sent: HTTPS, or this machine.
fn url(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.string(key)?;
    let url = text.replace("{tenant}", "tenant").parse::<Url>().ok();
    if url.is_some_and(|url| is_safe(&url)) { Some(text) } else { table.wrong(key, &text, "an https:// URL") }
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    // A password in it would be logged with it.
    encrypted && url.has_host() && url.username().is_empty() && url.password().is_none()
}

fn server(outer: &Table<'_>, key: &'static str) -> Option<Endpoint> {
    let table = outer.table(key)?;
    let what = "a host name, such as \"mail.example.com\"";
    let is_host = |text: &String| Host::parse(text).is_ok() || text.parse::<Ipv6Addr>().is_ok();
    let host = table.required("host", what);
    let host = host.and_then(|text| if is_host(&text) { Some(text) } else { table.wrong("host", &text, what) });
    if table.absent("port") {
        table.error("port", "`port` is missing".into(), Some("a port from 1 to 65535".into()), None);
    }
    let port = table.integer("port", &(1..=65535)).and_then(|port| u16::try_from(port).ok());
    let tls = tls(&table);
    table.finish();
    Some(Endpoint { host: host?, port: port?, tls: tls? })
}

fn tls(table: &Table<'_>) -> Option<UpstreamTls> {
    if table.required("tls", "\"implicit\" or \"starttls\"")? == "none" {
        let hint = "a token never crosses a connection without TLS".to_owned();
        table.error("tls", "found \"none\"".into(), Some("\"implicit\" or \"starttls\"".into()), Some(hint));
        return None;
    }
    table.choice("tls", &[("implicit", UpstreamTls::Implicit), ("starttls", UpstreamTls::Starttls)])
}
