use std::net::SocketAddr;

use ipnet::IpNet;

use super::reader::Table;
use super::tls::{self, MinimumTls};
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
    /// The lowest version of TLS that it takes.
    pub minimum_tls: MinimumTls,
    /// Where a password may be sent without TLS.
    pub plaintext_auth: Vec<IpNet>,
    /// What ends a line of its clients.
    pub newline: Newline,
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
        // Port 0 is a free one each time.
        if listener.address.port() != 0 && listeners.iter().any(|other| other.address == listener.address) {
            table.error("address", format!("{} is listened on twice", listener.address), None, None);
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
    let what = "an address and port such as \"127.0.0.1:1587\" or \"[::1]:1587\"";
    let address = table
        .required("address", what)
        .and_then(|text| text.parse().ok().or_else(|| table.wrong("address", &text, what)));
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
    table.finish();
    Some(Listener {
        protocol: protocol?,
        address: address?,
        tls: tls?,
        minimum_tls: minimum_tls?,
        plaintext_auth: plaintext_auth?,
        newline: newline?,
    })
}
