//! What is typed into a mail program.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use crate::admin::Desk;
use crate::config::{Address, Config, Listener, ListenerTls};
use crate::model::{Account, Protocol};

/// A server, in the words of mail programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) purpose: &'static str,
    pub(super) host: String,
    pub(super) port: String,
    pub(super) security: &'static str,
    /// What there is to mind.
    pub(super) notes: Vec<String>,
}

/// Every listener that an account may use.
pub(super) fn servers(desk: &Desk, account: &Account) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
        let listeners = desk.config.listeners.iter().filter(|listener| listener.protocol == protocol);
        let speaking = listeners.filter(|_| account.protocols.contains(&protocol));
        for (listener, address) in speaking.flat_map(|one| one.addresses.iter().map(move |address| (one, address))) {
            let server = server(desk, listener, address);
            // One for IPv4 and one for IPv6 are the same to a mail program.
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    servers
}

/// What the account is for, and nobody listens for.
pub(super) fn unserved(config: &Config, account: &Account) -> Vec<Protocol> {
    let served = |protocol| config.listeners.iter().any(|listener| listener.protocol == protocol);
    account.protocols.iter().copied().filter(|protocol| !served(*protocol)).collect()
}

fn server(desk: &Desk, listener: &Listener, address: &Address) -> Server {
    let (host, port, mut notes) = match address {
        Address::Tcp(address) => tcp(desk, *address),
        Address::Unix(path) => {
            let note = "A socket file, for programs of that machine that can use one.";
            (path.display().to_string(), "none".to_owned(), vec![note.to_owned()])
        }
        Address::Systemd(name) => {
            let note = format!("systemd opens this socket: its unit with the socket name {name:?} says the port.");
            (public(desk).unwrap_or_else(|| desk.hostname.to_string()), "see below".to_owned(), vec![note])
        }
    };
    notes.extend(without_tls(listener, address));
    if !listener.proxy_protocol.is_empty() {
        let note =
            "It is behind a proxy (PROXY protocol): programs connect to the proxy, by the proxy's host and port.";
        notes.push(note.to_owned());
    }
    let (purpose, security) = (purpose(listener.protocol), security(listener.tls));
    Server { purpose, host, port, security, notes }
}

fn tcp(desk: &Desk, address: SocketAddr) -> (String, String, Vec<String>) {
    let (ip, port) = (address.ip(), address.port().to_string());
    if ip.is_loopback() {
        let note = "Only programs on the machine that Gatepost runs on reach it. For others, give the listener an \
                    address of the network.";
        return (ip.to_string(), port, vec![note.to_owned()]);
    }
    match public(desk) {
        Some(host) if ip.is_unspecified() => (host, port, Vec::new()),
        Some(host) if host == ip.to_string() => (host, port, Vec::new()),
        Some(host) => (host, port, vec![format!("The name has to lead to {ip}, where it listens.")]),
        None if ip.is_unspecified() => (desk.hostname.to_string(), port, Vec::new()),
        None => (ip.to_string(), port, Vec::new()),
    }
}

/// The name that this machine is known by, as far as somebody has said so.
fn public(desk: &Desk) -> Option<String> {
    let url = desk.config.admin.as_ref().and_then(|admin| admin.public_url.as_ref());
    let of_pages = url.and_then(Url::host).filter(|host| !is_here(host)).map(|host| match host {
        Host::Ipv6(ip) => ip.to_string(),
        other => other.to_string(),
    });
    desk.config.hostname.clone().or(of_pages)
}

fn is_here(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::from(*ip).is_loopback(),
    }
}

/// Where a listener takes passwords without TLS, if that is not from everywhere that reaches it.
fn without_tls(listener: &Listener, address: &Address) -> Option<String> {
    let local = matches!(address, Address::Unix(_)) || matches!(address, Address::Tcp(at) if at.ip().is_loopback());
    let everywhere = listener.plaintext_auth.iter().any(|network| network.prefix_len() == 0);
    if listener.tls != ListenerTls::None || local || everywhere {
        return None;
    }
    let networks: Vec<_> = listener.plaintext_auth.iter().map(ToString::to_string).collect();
    if networks.is_empty() {
        let note = "It has no TLS and takes passwords from nowhere: nobody can log in. Give the listener TLS.";
        return Some(note.to_owned());
    }
    Some(format!("It has no TLS and takes passwords from {} only.", networks.join(", ")))
}

const fn purpose(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Imap => "Incoming mail (IMAP)",
        Protocol::Pop3 => "Incoming mail (POP3)",
        Protocol::Smtp => "Outgoing mail (SMTP)",
    }
}

const fn security(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::None => "None",
        ListenerTls::Starttls => "STARTTLS",
        ListenerTls::Implicit => "SSL/TLS",
    }
}
