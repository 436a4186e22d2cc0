use std::net::SocketAddr;

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
}

const HASH: &str = "an Argon2id hash; make one with `gatepost hash-password`";

pub(super) fn read(table: &Table<'_>) -> Option<Admin> {
    let address = if table.absent("address") {
        Some(SocketAddr::from(([127, 0, 0, 1], 8590)))
    } else {
        table.parsed("address", "an address and port such as \"127.0.0.1:8590\"")
    };
    let public_url = public_url(table);
    let password_hash = table
        .string("password_hash")
        .and_then(|text| PasswordHash::parse(&text).ok().or_else(|| table.wrong("password_hash", &text, HASH)));
    table.finish();
    Some(Admin { address: address?, public_url, password_hash })
}

fn public_url(table: &Table<'_>) -> Option<Url> {
    let text = table.string("public_url")?;
    let url = text.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bare = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
    bare.or_else(|| table.wrong("public_url", &text, "a URL such as \"http://localhost:8590/\""))
}
