use std::net::SocketAddr;

use ipnet::IpNet;

use super::reader::Table;
use crate::model::Protocol;

/// An address that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
    /// How TLS comes to it.
    pub tls: ListenerTls,
    /// Where a password may be sent without TLS.
    pub plaintext_auth: Vec<IpNet>,
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
const TLS: [(&str, ListenerTls); 3] =
    [("none", ListenerTls::None), ("starttls", ListenerTls::Starttls), ("implicit", ListenerTls::Implicit)];

pub(super) fn read(root: &Table<'_>, has_certificate: bool) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for table in root.tables("listeners") {
        let Some(listener) = listener(&table, has_certificate) else { continue };
        // Port 0 is a free one each time.
        if listener.address.port() != 0 && listeners.iter().any(|other| other.address == listener.address) {
            table.error("address", format!("{} is listened on twice", listener.address), None, None);
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(table: &Table<'_>, has_certificate: bool) -> Option<Listener> {
    let protocol = match table.required("protocol", "\"smtp\", \"imap\" or \"pop3\"") {
        Some(_) => table.choice("protocol", &PROTOCOLS),
        None => None,
    };
    let what = "an address and port such as \"127.0.0.1:1587\" or \"[::1]:1587\"";
    let address = table
        .required("address", what)
        .and_then(|text| text.parse().ok().or_else(|| table.wrong("address", &text, what)));
    let tls = if table.absent("tls") { Some(ListenerTls::None) } else { table.choice("tls", &TLS) };
    if matches!(tls, Some(ListenerTls::Starttls | ListenerTls::Implicit)) && !has_certificate {
        let hint = "name `certificate` and `key` in a [tls] table".to_owned();
        table.error("tls", "TLS needs a certificate".into(), None, Some(hint));
    }
    let loopback = || ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect();
    let plaintext_auth =
        if table.absent("plaintext_auth") { Some(loopback()) } else { table.networks("plaintext_auth") };
    table.finish();
    Some(Listener { protocol: protocol?, address: address?, tls: tls?, plaintext_auth: plaintext_auth? })
}
