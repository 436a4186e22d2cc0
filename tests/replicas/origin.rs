//! Which process a connection of this machine comes from, as proc(5) tells.

use std::net::SocketAddr;

/// The place of the process in the list.
pub(crate) fn of(peer: SocketAddr, own: SocketAddr, processes: &[u32]) -> Option<usize> {
    let socket = format!("socket:[{}]", inode(peer, own)?);
    processes.iter().position(|pid| {
        let mut descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.any(|descriptor| {
            std::fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == socket.as_str())
        })
    })
}

/// Of the other end's socket.
fn inode(peer: SocketAddr, own: SocketAddr) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let (local, remote) = (hex(peer)?, hex(own)?);
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut ours =
        fields.filter(|fields| fields.get(1) == Some(&local.as_str()) && fields.get(2) == Some(&remote.as_str()));
    Some((*ours.next()?.get(9)?).to_owned())
}

/// As that table writes addresses: the octets of the machine's own order.
fn hex(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port()))
}
