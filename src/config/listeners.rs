use ipnet::IpNet;

use super::address::{ADDRESSES, Address};
use super::anonymous::{self, Anonymous};
use super::reader::Table;
use super::tls::{self, MinimumTls};
use crate::model::Protocol;

/// Addresses that are served in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where.
    pub addresses: Vec<Address>,
    /// Who may connect to the socket files among them, as the bits of a file mode.
    pub unix_mode: u32,
    /// How TLS comes to it.
    pub tls: ListenerTls,
    /// The lowest version of TLS that it takes.
    pub minimum_tls: MinimumTls,
    /// Where a password may be sent without TLS.
    pub plaintext_auth: Vec<IpNet>,
    /// SMTP: clients that may send without a login.
    pub anonymous: Option<Anonymous>,
    /// What ends a line of its clients.
    pub newline: Newline,
    /// Which peers are proxies that begin with a PROXY header.
    pub proxy_protocol: Vec<IpNet>,
}

/// What ends a line of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newline {
    /// CRLF and nothing else.
    #[default]
    Strict,
    /// A bare LF as well, which is mended.
    Lenient,
}

/// How TLS comes to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerTls {
    /// Not at all.
    None,
    /// When the client asks.
    Starttls,
    /// From the first byte.
    Implicit,
}

pub(super) const PROTOCOLS: [(&str, Protocol); 3] =
    [("smtp", Protocol::Smtp), ("imap", Protocol::Imap), ("pop3", Protocol::Pop3)];
/// The lowest version beside the certificate, where there is one.
type Certificate = Option<MinimumTls>;

const TLS: [(&str, ListenerTls); 3] =
    [("none", ListenerTls::None), ("starttls", ListenerTls::Starttls), ("implicit", ListenerTls::Implicit)];
const NEWLINES: [(&str, Newline); 2] = [("strict", Newline::Strict), ("lenient", Newline::Lenient)];

pub(super) fn read(root: &Table<'_>, certificate: Certificate) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for table in root.tables("listeners") {
        let Some(listener) = listener(&table, certificate) else { continue };
        let others: Vec<_> = listeners.iter().flat_map(|other| &other.addresses).collect();
        for (index, address) in listener.addresses.iter().enumerate() {
            let mut before = others.iter().copied().chain(&listener.addresses[..index]);
            if let Some(other) = before.find(|other| address.is_the_same(other)) {
                let by = if address == other { String::new() } else { format!(", as it goes with {other}") };
                let hint = "leave one of them out, or give it another port".to_owned();
                table.error("address", format!("{address} is listened on twice{by}"), None, Some(hint));
            }
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(table: &Table<'_>, certificate: Certificate) -> Option<Listener> {
    let protocol = match table.required("protocol", "\"smtp\", \"imap\" or \"pop3\"") {
        Some(_) => table.choice("protocol", &PROTOCOLS),
        None => None,
    };
    let addresses = addresses(table);
    let unix_mode = unix_mode(table, addresses.as_deref());
    let tls = if table.absent("tls") { Some(ListenerTls::None) } else { table.choice("tls", &TLS) };
    if matches!(tls, Some(ListenerTls::Starttls | ListenerTls::Implicit)) && certificate.is_none() {
        let hint = "name `certificate` and `key` in a [tls] table".to_owned();
        table.error("tls", "TLS needs a certificate".into(), None, Some(hint));
    }
    let minimum_tls = tls::minimum(table, "minimum_tls", certificate.unwrap_or_default());
    if tls == Some(ListenerTls::None) && !table.absent("minimum_tls") {
        let hint = "give it `tls`, or leave `minimum_tls` out".to_owned();
        table.error("minimum_tls", "this listener has no TLS".into(), None, Some(hint));
    }
    let loopback = || ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect();
    let plaintext_auth =
        if table.absent("plaintext_auth") { Some(loopback()) } else { table.networks("plaintext_auth") };
    let newline = if table.absent("newline") { Some(Newline::default()) } else { table.choice("newline", &NEWLINES) };
    let proxy_protocol = proxy_protocol(table);
    // Behind a proxy, clients are wherever it says.
    let local = table.absent("proxy_protocol") && addresses.iter().flatten().all(Address::is_local);
    let anonymous =
        if table.absent("anonymous") { Some(None) } else { anonymous::read(table, protocol, local).map(Some) };
    table.finish();
    Some(Listener {
        protocol: protocol?,
        addresses: addresses?,
        unix_mode: unix_mode?,
        tls: tls?,
        minimum_tls: minimum_tls?,
        plaintext_auth: plaintext_auth?,
        newline: newline?,
        proxy_protocol: proxy_protocol?,
        anonymous: anonymous?,
    })
}

fn addresses(table: &Table<'_>) -> Option<Vec<Address>> {
    if table.absent("address") {
        table.error("address", "`address` is missing".into(), Some(ADDRESSES.into()), None);
        return None;
    }
    let texts = table.strings("address")?;
    if texts.is_empty() {
        table.error("address", "the list is empty".into(), Some(ADDRESSES.into()), None);
        return None;
    }
    let directory = table.directory("address");
    let read = |text: &String| Address::read(text, &directory).or_else(|| table.wrong("address", text, ADDRESSES));
    // Each wrong one is told of.
    let all: Vec<_> = texts.iter().map(read).collect();
    all.into_iter().collect()
}

/// The service's own user alone: what is let in is for the administrator to say.
const OWNER_ALONE: u32 = 0o600;

fn unix_mode(table: &Table<'_>, addresses: Option<&[Address]>) -> Option<u32> {
    const WHAT: &str = "an octal file mode such as \"0600\" or \"0660\"";
    if table.absent("unix_mode") {
        return Some(OWNER_ALONE);
    }
    let text = table.string("unix_mode")?;
    if addresses.is_some_and(|addresses| !addresses.iter().any(Address::is_unix)) {
        let hint = "the mode of a socket of systemd is SocketMode= in its unit".to_owned();
        let problem = "no address of this listener is a file that could have a mode".to_owned();
        table.error("unix_mode", problem, Some("a \"unix:…\" among `address`".into()), Some(hint));
        return None;
    }
    let octal = text.chars().all(|c| c.is_digit(8)).then(|| u32::from_str_radix(&text, 8).ok()).flatten();
    octal.filter(|mode| *mode <= 0o777).or_else(|| table.wrong("unix_mode", &text, WHAT))
}

fn proxy_protocol(table: &Table<'_>) -> Option<Vec<IpNet>> {
    if table.absent("proxy_protocol") {
        return Some(Vec::new());
    }
    let networks = table.networks("proxy_protocol")?;
    if let Some(all) = networks.iter().find(|network| network.prefix_len() == 0) {
        table.warn(format!("`proxy_protocol` of a listener has {all}: anyone may claim to be any client"));
    }
    Some(networks)
}
