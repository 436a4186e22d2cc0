use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::reader::Table;
use crate::model::PasswordHash;

/// The administration address.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where pages, health and metrics are served.
    pub address: SocketAddr,
    /// How a browser reaches it.
    pub public_url: Option<Url>,
    /// The administrator's password.
    pub password_hash: Option<PasswordHash>,
    /// Where that stands, `FILE:LINE`: what is in a file is changed there.
    pub password_place: Option<String>,
    /// Whether it speaks TLS, with the certificate of listeners.
    pub tls: bool,
    /// Where connections may come from, if only from declared proxies.
    pub reverse_proxy: Vec<IpNet>,
    /// How long a signed-in administrator may do nothing.
    pub session_idle: Duration,
    /// How long one stays signed in at most.
    pub session: Duration,
}

impl Admin {
    /// Whether others than this machine can reach it.
    #[must_use]
    pub fn is_beyond_loopback(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }
}

const HASH: &str = "an Argon2id hash; make one with `gatepost hash-password`";

/// Half an hour without a click, twelve hours in all.
const IDLE: u64 = 30 * 60;
const TOTAL: u64 = 12 * 60 * 60;
/// A minute to thirty days.
const SECONDS: std::ops::RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;

pub(super) fn read(table: &Table<'_>, certificate: bool) -> Option<Admin> {
    let address = if table.absent("address") {
        Some(SocketAddr::from(([127, 0, 0, 1], 8590)))
    } else {
        table.parsed("address", "an address and port such as \"127.0.0.1:8590\"")
    };
    let public_url = public_url(table);
    let password_hash = table
        .string("password_hash")
        .and_then(|text| PasswordHash::parse(&text).ok().or_else(|| table.wrong("password_hash", &text, HASH)));
    let password_place = password_hash.as_ref().and_then(|_| {
        let origin = table.origin("password_hash");
        table.layers().origin(origin.path())
    });
    let tls = if table.absent("tls") { Some(false) } else { table.boolean("tls") };
    let reverse_proxy = reverse_proxy(table);
    let session_idle = seconds(table, "session_idle_seconds", IDLE);
    let session = seconds(table, "session_seconds", TOTAL);
    table.finish();
    let admin = Admin {
        address: address?,
        public_url,
        password_hash,
        password_place,
        tls: tls?,
        reverse_proxy: reverse_proxy?,
        session_idle: session_idle?,
        session: session?,
    };
    check(table, &admin, certificate);
    Some(admin)
}

/// What would send a password in clear over a network, or takes anyone for a proxy.
fn check(table: &Table<'_>, admin: &Admin, certificate: bool) {
    let refuse = |key: &str, problem: &str, hint: &str| table.error(key, problem.into(), None, Some(hint.into()));
    if admin.tls && !certificate {
        refuse("tls", "TLS needs a certificate", "name `certificate` and `key` in a [tls] table");
    }
    let proxied = !admin.reverse_proxy.is_empty();
    if admin.is_beyond_loopback() && !admin.tls && !proxied {
        let problem = format!("{} is beyond loopback, and passwords would cross the network in clear", admin.address);
        let hint = "write `tls = true` (with the certificate of [tls]), or name the reverse proxy that does TLS: \
                    `reverse_proxy = [\"10.0.0.5/32\"]`; or else listen on 127.0.0.1";
        refuse("address", &problem, hint);
    }
    let https = admin.public_url.as_ref().map(|url| url.scheme() == "https");
    if proxied && https != Some(true) {
        let hint = "write the address that browsers know, `public_url = \"https://…/\"`";
        let key = if https.is_some() { "public_url" } else { "reverse_proxy" };
        refuse(key, "behind a reverse proxy `public_url` has to begin with https://", hint);
    } else if admin.tls && https == Some(false) {
        let hint = "write https:// there, or leave `tls` out";
        refuse("public_url", "with `tls = true` it is reached by https alone", hint);
    }
}

fn public_url(table: &Table<'_>) -> Option<Url> {
    let text = table.string("public_url")?;
    let url = text.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bare = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
    bare.or_else(|| table.wrong("public_url", &text, "a URL such as \"http://localhost:8590/\""))
}

fn reverse_proxy(table: &Table<'_>) -> Option<Vec<IpNet>> {
    if table.absent("reverse_proxy") {
        return Some(Vec::new());
    }
    let networks = table.networks("reverse_proxy")?;
    if let Some(all) = networks.iter().find(|network| network.prefix_len() == 0) {
        let hint = "name the proxies alone: whoever is one may claim any address, and sends passwords on".to_owned();
        table.error("reverse_proxy", format!("{all} is everybody"), None, Some(hint));
    }
    Some(networks)
}

fn seconds(table: &Table<'_>, key: &'static str, default: u64) -> Option<Duration> {
    let seconds = if table.absent(key) { Some(default) } else { table.integer(key, &SECONDS) };
    seconds.map(Duration::from_secs)
}
