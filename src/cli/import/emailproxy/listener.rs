//! Servers of email-oauth2-proxy as listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;

use serde_json::json;

use super::found::{Certificate, Server};
use crate::cli::import::Lines;
use crate::cli::import::report::Remarks;

/// What listens, and with which certificate.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) all: Vec<Listener>,
    pub(super) certificate: Option<Certificate>,
}

pub(super) struct Listener {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) lines: Lines,
}

pub(super) fn read(servers: &[Server], file: &Path, remarks: &mut Remarks) -> Listeners {
    let mut listeners = Listeners::default();
    for server in servers {
        let mut tell = |text: &str| remarks.add(file, server.line, &server.name, text);
        let addresses = addresses(server);
        if addresses.is_empty() {
            tell("not carried over: its local_address is no address of this machine");
            continue;
        }
        if let Some(unreadable) = server.certificate.as_ref().and_then(unreadable) {
            tell(&format!("not carried over: {unreadable}; mend that, or add the listener yourself"));
            continue;
        }
        if server.certificate.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
            tell(
                "listens beyond this machine without TLS. A password is taken there from this machine alone; to take it \
                 from others, name their networks in `plaintext_auth` of the listener, or give it `tls`",
            );
        }
        if let Some(certificate) = &server.certificate {
            let first = listeners.certificate.get_or_insert_with(|| certificate.clone());
            if (&first.chain, &first.key) != (&certificate.chain, &certificate.key) {
                tell("its certificate is not carried over: all listeners have that of [tls], the first one's");
            }
        }
        let lines = lines(server, &addresses);
        listeners.all.push(Listener { addresses, lines });
    }
    listeners
}

fn lines(server: &Server, addresses: &[SocketAddr]) -> Lines {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let address = if let [one] = &texts[..] { json!(one) } else { json!(texts) };
    let tls = server.certificate.as_ref().map(|certificate| if certificate.starttls { "starttls" } else { "implicit" });
    let lines = [("protocol", json!(server.protocol.name())), ("address", address)];
    lines.into_iter().chain(tls.map(|tls| ("tls", json!(tls)))).collect()
}

/// Without an address, and by a name, the proxy listens on both kinds.
fn addresses(server: &Server) -> Vec<SocketAddr> {
    let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let ips = match server.local.as_deref() {
        None | Some("" | "::") => all.to_vec(),
        Some("localhost") => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Some(text) => match text.parse() {
            Ok(ip) => return vec![SocketAddr::new(ip, server.port)],
            Err(_) => resolved(text),
        },
    };
    let possible = ips.into_iter().filter(|ip| ip.is_ipv4() || has_ipv6());
    possible.map(|ip| SocketAddr::new(ip, server.port)).collect()
}

fn resolved(name: &str) -> Vec<IpAddr> {
    let mut ips: Vec<_> =
        (name, 0).to_socket_addrs().map(|all| all.map(|address| address.ip()).collect()).unwrap_or_default();
    ips.sort_unstable();
    ips.dedup();
    ips
}

/// A listener that cannot be opened keeps the service from starting.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn unreadable(certificate: &Certificate) -> Option<String> {
    [&certificate.chain, &certificate.key].into_iter().find_map(|path| {
        let fault = std::fs::File::open(path).err()?;
        Some(format!("{} cannot be read: {fault}", path.display()))
    })
}
