use std::net::SocketAddr;

use ipnet::IpNet;

use super::reader::Table;

/// What a monitor may read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// An address of its own, without TLS and login, beside that of the pages.
    pub address: Option<SocketAddr>,
    /// From where metrics and reasons are read without a key.
    pub networks: Vec<IpNet>,
}

impl Default for Metrics {
    /// This machine.
    fn default() -> Self {
        let networks = ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect();
        Self { address: None, networks }
    }
}

pub(super) fn read(root: &Table<'_>) -> Option<Metrics> {
    let Some(table) = root.table("metrics") else { return Some(Metrics::default()) };
    let address = if table.absent("address") {
        Some(None)
    } else {
        table.parsed("address", "an address and port such as \"127.0.0.1:9590\"").map(Some)
    };
    let networks =
        if table.absent("networks") { Some(Metrics::default().networks) } else { table.networks("networks") };
    table.finish();
    Some(Metrics { address: address?, networks: networks? })
}
