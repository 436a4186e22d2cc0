//! The way out: `[egress]` for everything, `proxy` of a provider for its own traffic.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use url::Host;

use super::reader::Table;
use super::secret;
use crate::model::{Egress, Exempt, Proxy, ProxyKind};

const ADDRESS: &str = "\"socks5://host:1080\" or \"http://host:3128\", with user and password as keys of their own; of a provider also \"direct\"";
const DIRECT: &str = "hosts and networks such as \"localhost\", \".example.com\" and \"10.0.0.0/8\"";
/// What never was anywhere else than here.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

/// How a table calls its keys.
struct Keys {
    user: &'static str,
    password: &'static str,
}

/// `None`: it is wrong, which was reported.
pub(super) fn read(root: &Table<'_>) -> Option<Egress> {
    if root.absent("egress") {
        return Some(Egress::default());
    }
    let table = root.table("egress")?;
    let before = table.errors();
    let address = table.required("proxy", ADDRESS);
    let login = login(&table, &Keys { user: "user", password: "password" });
    let proxy = address.and_then(|address| proxy(&table, &address, login));
    let direct = if table.absent("direct") { loopback() } else { direct(&table) };
    table.finish();
    (table.errors() == before).then_some(Egress { proxy: proxy.map(Arc::new), direct })
}

/// A provider's own way out, where its table has one.
pub(super) fn of_provider(table: &Table<'_>) -> Option<Egress> {
    let address = table.string("proxy");
    let login = login(table, &Keys { user: "proxy_user", password: "proxy_password" });
    match address.as_deref() {
        Some("direct") | None if login.is_some() => {
            let hint = "name its address in `proxy`, or leave it out".to_owned();
            table.error("proxy_user", "this login is for no proxy".into(), None, Some(hint));
            None
        }
        Some("direct") => Some(Egress::default()),
        Some(address) => Some(Egress { proxy: Some(Arc::new(proxy(table, address, login)?)), direct: Arc::default() }),
        None => None,
    }
}

fn login(table: &Table<'_>, keys: &Keys) -> Option<(String, SecretString)> {
    let (no_user, no_password) = (table.absent(keys.user), table.absent(keys.password));
    let (user, password) = (table.string(keys.user), secret::read(table, keys.password));
    for (missing, other) in [(no_user && !no_password, keys.user), (no_password && !no_user, keys.password)] {
        if missing {
            table.error(other, format!("`{other}` is missing"), Some("user and password, or neither".into()), None);
        }
    }
    let (user, password) = (user?, password?);
    // RFC 1929 has one octet for a length; RFC 7617 ends the user at a colon.
    let fits = |text: &str| (1..=255).contains(&text.len()) && !text.contains(char::is_control);
    if !fits(&user) || user.contains(':') {
        return table.wrong(keys.user, &user, "1 to 255 octets without colons");
    }
    if !fits(password.expose_secret()) {
        return table.wrong(keys.password, "", "1 to 255 octets");
    }
    Some((user, password))
}

fn proxy(table: &Table<'_>, address: &str, login: Option<(String, SecretString)>) -> Option<Proxy> {
    let Some((kind, host, port)) = split(address) else { return table.wrong("proxy", address, ADDRESS) };
    Some(Proxy { kind, host, port, login })
}

fn split(address: &str) -> Option<(ProxyKind, String, u16)> {
    let (scheme, rest) = address.split_once("://")?;
    let kind = match scheme.to_ascii_lowercase().as_str() {
        "socks5" | "socks5h" => ProxyKind::Socks5,
        "http" => ProxyKind::Http,
        _ => return None,
    };
    let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':')?;
    let host = match Host::parse(host).ok()? {
        // Without its brackets.
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    };
    Some((kind, host, port.parse().ok().filter(|&port| port > 0)?))
}

fn loopback() -> Arc<[Exempt]> {
    LOOPBACK.iter().filter_map(|text| exempt(text)).collect()
}

fn direct(table: &Table<'_>) -> Arc<[Exempt]> {
    let texts = table.strings("direct").unwrap_or_default();
    texts.iter().filter_map(|text| exempt(text).or_else(|| table.wrong("direct", text, DIRECT))).collect()
}

fn exempt(text: &str) -> Option<Exempt> {
    let network = text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(Into::into));
    if let Some(network) = network {
        return Some(Exempt::Network(network));
    }
    let (below, name) = text.strip_prefix('.').map_or((false, text), |name| (true, name));
    let Ok(Host::Domain(name)) = Host::parse(name) else { return None };
    Some(if below { Exempt::Below(name) } else { Exempt::Name(name) })
}
