use anyhow::Context as _;

use crate::config::{self, Address};
use crate::net::{Inherited, Listener};

/// Opens the addresses of a listener.
pub(super) fn open(listener: &config::Listener, inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
    let mut opened = Vec::new();
    for address in &listener.addresses {
        let sockets = sockets(address, listener.unix_mode, inherited);
        opened.extend(sockets.with_context(|| format!("the listener for {}", listener.protocol))?);
    }
    Ok(opened)
}

fn sockets(address: &Address, unix_mode: u32, inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
    Ok(match address {
        Address::Tcp(address) => vec![Listener::bind(*address)?],
        Address::Unix(path) => vec![Listener::bind_unix(path, unix_mode)?],
        Address::Systemd(name) => inherited.claim(name)?,
    })
}
