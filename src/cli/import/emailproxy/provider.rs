//! Which provider an account belongs to. email-oauth2-proxy ties accounts to no server: the port that a program connects to
//! leads to one. Here a provider has its servers, and accounts are of a provider.

use serde_json::{Value, json};
use url::Url;

use super::found::{Account, Server};
use crate::cli::import::Lines;
use crate::cli::import::known::{ALL, Known};
use crate::config::preset_servers;
use crate::model::{Endpoint, Protocol, UpstreamTls};

/// The server of each protocol that an account is most likely used with, and whether others could be meant.
pub(super) struct Servers<'a> {
    pub(super) of: Vec<&'a Server>,
    pub(super) doubtful: Vec<&'a Server>,
}

impl<'a> Servers<'a> {
    pub(super) fn of(account: &Account, token_url: &Url, known: Option<Known>, all: &'a [Server]) -> Self {
        let mut servers = Self { of: Vec::new(), doubtful: Vec::new() };
        for protocol in Protocol::ALL {
            let candidates = all.iter().filter(|server| server.protocol == protocol);
            let mut ranked: Vec<_> =
                candidates.filter_map(|server| Some((rank(server, account, token_url, known)?, server))).collect();
            ranked.sort_by_key(|(rank, _)| *rank);
            let Some(&(best, first)) = ranked.first() else { continue };
            let rivals = ranked.iter().filter(|(rank, server)| *rank == best && !same(server, first));
            if rivals.count() > 0 {
                servers.doubtful.push(first);
            }
            servers.of.push(first);
        }
        servers
    }
}

fn same(one: &Server, two: &Server) -> bool {
    (&one.host, one.host_port, one.starttls) == (&two.host, two.host_port, two.starttls)
}

/// The lower, the likelier; nothing for one that cannot be meant.
fn rank(server: &Server, account: &Account, token_url: &Url, known: Option<Known>) -> Option<u8> {
    let ends = |hosts: &[&str]| hosts.iter().any(|host| below(&server.host, host));
    let of_other = ALL.iter().any(|hosts| ends(hosts) && known.is_none_or(|known| known.hosts != *hosts));
    let kin = |name: &str| domain(name) == domain(&server.host);
    match known {
        Some(known) if ends(known.hosts) => Some(0),
        _ if of_other => None,
        _ if token_url.host_str().is_some_and(kin) => Some(1),
        _ if account.name.rsplit('@').next().is_some_and(kin) => Some(2),
        _ => Some(3),
    }
}

fn below(host: &str, domain: &str) -> bool {
    let host = host.to_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Its last two parts.
fn domain(host: &str) -> String {
    let parts: Vec<_> = host.rsplit('.').take(2).collect();
    parts.join(".").to_lowercase()
}

/// Providers that the import makes; the same settings share one.
#[derive(Default)]
pub(super) struct Providers {
    /// Names that are taken.
    pub(super) taken: Vec<String>,
    pub(super) made: Vec<(String, Lines)>,
}

impl Providers {
    /// The preset itself where nothing differs, or else a provider for it.
    pub(super) fn named(
        &mut self,
        account: &Account,
        token_url: &Url,
        known: Option<Known>,
        servers: &Servers<'_>,
    ) -> String {
        let presets = known.and_then(|known| preset_servers(known.preset)).unwrap_or_default();
        let differs = |server: &&&Server| presets.of(server.protocol) != Some(&endpoint(server));
        let own: Vec<_> =
            servers.of.iter().filter(differs).map(|server| (server.protocol.name(), upstream(server))).collect();
        let resource = account.resource.as_ref().map(|resource| ("token_parameters", json!({ "resource": resource })));
        match known {
            Some(known) if own.is_empty() && resource.is_none() => known.preset.to_owned(),
            Some(known) => {
                let lines = [("preset", json!(known.preset))].into_iter().chain(resource).chain(own).collect();
                self.shared(&format!("{}-imported", known.preset), lines)
            }
            None => {
                let lines = urls(account).into_iter().chain(resource).chain(own).collect();
                self.shared(token_url.host_str().unwrap_or("imported"), lines)
            }
        }
    }

    fn shared(&mut self, wish: &str, lines: Lines) -> String {
        if let Some((name, _)) = self.made.iter().find(|(_, made)| *made == lines) {
            return name.clone();
        }
        let numbered = (2..).map(|number| format!("{wish}-{number}"));
        let mut names = std::iter::once(wish.to_owned()).chain(numbered);
        let is_free = |name: &String| !self.taken.contains(name) && self.made.iter().all(|(made, _)| made != name);
        let name = names.find(is_free).unwrap_or_default();
        self.made.push((name.clone(), lines));
        name
    }
}

/// Of a provider that nothing is known of.
fn urls(account: &Account) -> Lines {
    let device = account.flow.as_deref() == Some("device");
    let permission = if device { "device_url" } else { "authorization_url" };
    let permission = account.permission_url.as_ref().map(|url| (permission, json!(url)));
    permission.into_iter().chain(account.token_url.as_ref().map(|url| ("token_url", json!(url)))).collect()
}

fn endpoint(server: &Server) -> Endpoint {
    let tls = if server.starttls { UpstreamTls::Starttls } else { UpstreamTls::Implicit };
    Endpoint { host: server.host.clone(), port: server.host_port, tls }
}

fn upstream(server: &Server) -> Value {
    let tls = if server.starttls { "starttls" } else { "implicit" };
    json!({ "host": server.host, "port": server.host_port, "tls": tls })
}
