//! Providers: presets as data, each overridden by its `[providers.NAME]` table, and all others.

mod limits;
mod presets;
mod urls;

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use url::Host;

use super::egress;
use super::reader::Table;
use crate::model::{
    Egress, Endpoint, Endpoints, Family, Grant, MailboxLimits, Manners, Protocol, SaslMechanism, UpstreamTls,
};

pub(super) use presets::CLOUD_PRESETS;
pub(super) use urls::{Which, is_safe, overridden};

/// A provider before a token makes it concrete: its URLs may hold `{tenant}`, its scopes depend on grant and protocols.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) family: Family,
    /// What has to be appended to a base URL.
    pub(super) kind: Option<Kind>,
    pub(super) issuer: Option<String>,
    pub(super) authorization_url: Option<String>,
    pub(super) token_url: Option<String>,
    pub(super) device_url: Option<String>,
    pub(super) admin_consent_url: Option<String>,
    /// The tenant where a token names none.
    pub(super) tenant: Option<String>,
    /// Personal accounts of Microsoft: people sign in, nothing else works.
    pub(super) personal: bool,
    pub(super) scopes: Scopes,
    /// Scopes for app-only access, where they differ.
    pub(super) app_scopes: Option<Vec<String>>,
    pub(super) sasl: SaslMechanism,
    pub(super) ca: Option<PathBuf>,
    pub(super) endpoints: Endpoints,
    pub(super) manners: Manners,
    pub(super) egress: Egress,
    pub(super) limits: MailboxLimits,
}

/// Paths of the endpoints below a base URL, as some products' manuals give it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    authorization: &'static str,
    token: &'static str,
    device: &'static str,
}

/// Scopes for access in a user's name.
#[derive(Clone, Debug, Default)]
pub(super) struct Scopes {
    pub(super) smtp: Vec<String>,
    pub(super) imap: Vec<String>,
    pub(super) pop3: Vec<String>,
    pub(super) always: Vec<String>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            name: String::new(),
            family: Family::Other,
            kind: None,
            issuer: None,
            authorization_url: None,
            token_url: None,
            device_url: None,
            admin_consent_url: None,
            tenant: None,
            personal: false,
            scopes: Scopes::default(),
            app_scopes: None,
            sasl: SaslMechanism::Xoauth2,
            ca: None,
            endpoints: Endpoints::default(),
            manners: Manners::default(),
            egress: Egress::default(),
            limits: MailboxLimits::default(),
        }
    }
}

impl Provider {
    /// Default scopes for a grant and the protocols that the token is for.
    pub(super) fn scopes(&self, grant: &Grant, protocols: &[Protocol]) -> Vec<String> {
        if let (Grant::ClientCredentials, Some(scopes)) = (grant, &self.app_scopes) {
            return scopes.clone();
        }
        let of = |protocol: &Protocol| match protocol {
            Protocol::Smtp => &self.scopes.smtp,
            Protocol::Imap => &self.scopes.imap,
            Protocol::Pop3 => &self.scopes.pop3,
        };
        let mut scopes: Vec<String> = protocols.iter().flat_map(of).chain(&self.scopes.always).cloned().collect();
        let mut seen = std::collections::HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        scopes
    }

    /// The protocols that it has servers for.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        Protocol::ALL.into_iter().filter(|protocol| self.endpoints.of(*protocol).is_some()).collect()
    }
}

/// Providers by name; `None` is one with errors, which have been reported.
pub(super) type Known = BTreeMap<String, Option<Provider>>;

/// The mail servers of a preset, as it is without a table of its own.
#[must_use]
pub fn preset_servers(name: &str) -> Option<Endpoints> {
    presets::all().into_iter().find(|preset| preset.name == name).map(|preset| preset.endpoints)
}

/// Presets, each overridden by its table where there is one, and all others.
pub(super) fn read(root: &Table<'_>, egress: Option<&Egress>) -> Known {
    let nothing = Provider { egress: egress.cloned().unwrap_or_default(), ..Provider::default() };
    let preset = |preset: Provider| (preset.name.clone(), Some(Provider { egress: nothing.egress.clone(), ..preset }));
    let presets = presets::all().into_iter().map(preset);
    let mut providers: Known = presets.collect();
    for (name, table) in root.named("providers") {
        let provider = table.and_then(|table| provider(&name, &providers, &nothing, &table));
        providers.insert(name, provider);
    }
    providers
}

const SASL: [(&str, SaslMechanism); 2] =
    [("xoauth2", SaslMechanism::Xoauth2), ("oauthbearer", SaslMechanism::Oauthbearer)];

fn provider(name: &str, known: &Known, nothing: &Provider, table: &Table<'_>) -> Option<Provider> {
    let before = table.errors();
    let base = base(name, known, nothing, table)?;
    let urls = urls::read(table, &base);
    let scopes = table.strings("scopes");
    let ca = table.file("ca");
    if let Some(fault) = ca.as_ref().and_then(|path| std::fs::metadata(path).err()) {
        table.error("ca", format!("cannot read it: {fault}"), Some("a PEM file of certificates".into()), None);
    }
    let own = scopes.is_some();
    let mut by_protocol = scopes.map_or(base.scopes, |always| Scopes { always, ..Scopes::default() });
    let endpoints = Endpoints {
        smtp: server(table, "smtp", &mut by_protocol.smtp).or(base.endpoints.smtp),
        imap: server(table, "imap", &mut by_protocol.imap).or(base.endpoints.imap),
        pop3: server(table, "pop3", &mut by_protocol.pop3).or(base.endpoints.pop3),
    };
    let provider = Provider {
        name: name.to_owned(),
        issuer: urls.issuer,
        authorization_url: urls.authorization,
        token_url: urls.token,
        device_url: urls.device,
        scopes: by_protocol,
        app_scopes: if own { None } else { base.app_scopes },
        sasl: table.choice("sasl", &SASL).unwrap_or(base.sasl),
        ca: ca.or(base.ca),
        endpoints,
        manners: manners(table, base.manners),
        egress: egress::of_provider(table).unwrap_or(base.egress),
        limits: limits::read(table, base.limits),
        ..base
    };
    table.finish();
    (table.errors() == before).then_some(provider)
}

/// What a table is laid over: the preset of its name, the one that it names, or nothing.
fn base(name: &str, known: &Known, nothing: &Provider, table: &Table<'_>) -> Option<Provider> {
    let Some(preset) = table.string("preset") else {
        return Some(known.get(name).cloned().flatten().unwrap_or_else(|| nothing.clone()));
    };
    let names: Vec<_> = presets::all().into_iter().map(|preset| preset.name).collect();
    let found = names.contains(&preset).then(|| known.get(&preset).cloned().flatten()).flatten();
    found.or_else(|| table.wrong("preset", &preset, &names.join(", ")))
}

fn manners(table: &Table<'_>, base: Manners) -> Manners {
    let idle = table.integer("refresh_idle_days", &(1..=3650)).and_then(|days| u32::try_from(days).ok());
    Manners {
        authorization_parameters: table.pairs("authorization_parameters").unwrap_or(base.authorization_parameters),
        token_parameters: table.pairs("token_parameters").unwrap_or(base.token_parameters),
        identity_scopes: table.strings("identity_scopes").unwrap_or(base.identity_scopes),
        refresh_idle_days: idle.or(base.refresh_idle_days),
        ..base
    }
}

fn server(outer: &Table<'_>, key: &'static str, scopes: &mut Vec<String>) -> Option<Endpoint> {
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
    if let Some(own) = table.strings("scopes") {
        *scopes = own;
    }
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
