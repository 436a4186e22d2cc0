use std::net::SocketAddr;

use url::Url;

use super::reader::Table;
use crate::model::PasswordHash;

/// The administration address. This version checks it and does not open it yet.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where pages, health and metrics are served.
    pub address: SocketAddr,
    /// How a browser reaches it.
    pub public_url: Option<Url>,
    /// The administrator's password.
    pub password_hash: Option<PasswordHash>,
}

pub(super) fn read(table: &Table<'_>) -> Option<Admin> {
    let address = if table.absent("address") {
        Some(SocketAddr::from(([127, 0, 0, 1], 8590)))
    } else {
        table.parsed("address", "an address and port such as \"127.0.0.1:8590\"")
    };
    let public_url = table.parsed("public_url", "a URL such as \"http://localhost:8590/\"");
    let password_hash = super::accounts::hashes(table, "password_hash").and_then(|hashes| hashes.into_iter().next());
    table.finish();
    Some(Admin { address: address?, public_url, password_hash })
}
