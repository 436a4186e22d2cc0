use std::io;
use std::net::SocketAddr;
use std::path::Path;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Address;
use super::socket_file::SocketFile;

/// Why an address cannot be listened on; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system does not let us.
    #[error("cannot listen on {address}: {fault}{}", remedy(address, fault))]
    System {
        /// Where.
        address: Address,
        /// What the system said.
        fault: io::Error,
    },
    /// Somebody listens at the socket file.
    #[error("cannot listen on {0}: another program listens there; stop it, or choose another path")]
    Alive(Address),
    /// There is a file that only its owner may remove.
    #[error("cannot listen on {0}: a file is there that is no socket; remove it, or choose another path")]
    Occupied(Address),
}

impl BindError {
    pub(super) const fn system(address: Address, fault: io::Error) -> Self {
        Self::System { address, fault }
    }
}

/// What to do about it, where that can be known.
fn remedy(address: &Address, fault: &io::Error) -> &'static str {
    match (address, fault.kind()) {
        (_, io::ErrorKind::AddrInUse) => {
            "; another program listens there (`ss -ltnp` names it): stop it, or choose another address"
        }
        (Address::Tcp(tcp), io::ErrorKind::PermissionDenied) if tcp.port() < 1024 => {
            "; ports below 1024 need a right: let systemd open the socket (address = \"systemd:NAME\"), or give \
             CAP_NET_BIND_SERVICE (AmbientCapabilities= in the unit, or `setcap cap_net_bind_service=+ep` on the program)"
        }
        (Address::Tcp(_), io::ErrorKind::AddrNotAvailable) => {
            "; no interface of this machine has this address (`ip address` lists them)"
        }
        (Address::Tcp(_), _) if fault.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            "; this machine has no IPv6: leave the address out"
        }
        (Address::Unix(_), io::ErrorKind::NotFound) => {
            "; its directory is not there: make it, or let systemd do so (RuntimeDirectory= in the unit)"
        }
        (Address::Unix(_), io::ErrorKind::PermissionDenied) => {
            "; this user may not make files there: change the directory's owner, or choose another path"
        }
        (Address::Unix(_), io::ErrorKind::InvalidInput) => "; such a path has at most 107 octets: choose a shorter one",
        _ => "",
    }
}

/// Bursts of logins wait here instead of being dropped; a backlog of 5 loses 64 of them.
const BACKLOG: i32 = 4096;

/// A socket that listens on the network; where it shall stand beside another of ours, nobody else's is let in.
pub(super) fn tcp(address: SocketAddr, beside: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::] and 0.0.0.0 can then be listed side by side, whatever the system's default.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_reuse_port(beside)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_reuse_port(false)?;
    Ok(socket)
}

/// A socket that listens at a file, which takes the place of one that nobody listens at any more.
pub(super) fn unix(path: &Path, mode: u32) -> Result<(SocketFile, Socket), BindError> {
    let failed = |fault| BindError::system(Address::Unix(path.to_owned()), fault);
    let address = SockAddr::unix(path).map_err(failed)?;
    make_room(path, &address)?;
    let socket = unix_socket().map_err(failed)?;
    socket.bind(&address).map_err(failed)?;
    let file = SocketFile::made(path).map_err(failed)?;
    // Nobody can connect before `listen`: at no time is the file open to more than the mode says.
    file.allow(mode).and_then(|()| socket.listen(BACKLOG)).map_err(failed)?;
    Ok((file, socket))
}

/// The same, taking the place of whoever listens there: at every moment somebody does.
pub(super) fn unix_over(path: &Path, mode: u32) -> Result<(SocketFile, Socket), BindError> {
    let failed = |fault| BindError::system(Address::Unix(path.to_owned()), fault);
    if SocketFile::is_socket(path).is_ok_and(|socket| !socket) {
        return Err(BindError::Occupied(Address::Unix(path.to_owned())));
    }
    let interim = path.with_file_name(format!(".{}", std::process::id()));
    let (file, socket) = unix(&interim, mode)?;
    file.moved(path).map(|file| (file, socket)).map_err(failed)
}

fn unix_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A killed service leaves its file behind; nobody can connect to it.
fn make_room(path: &Path, address: &SockAddr) -> Result<(), BindError> {
    let place = || Address::Unix(path.to_owned());
    match SocketFile::is_socket(path) {
        Ok(true) => {}
        Ok(false) => return Err(BindError::Occupied(place())),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(BindError::system(place(), fault)),
    }
    match unix_socket().and_then(|probe| probe.connect(address)) {
        Err(fault) if fault.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|fault| BindError::system(place(), fault))
        }
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => Err(BindError::system(place(), fault)),
        // Also one that has no room for another connection is alive.
        _ => Err(BindError::Alive(place())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn place() -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smtp.sock");
        (directory, path)
    }

    #[test]
    fn the_file_is_for_those_whom_the_mode_names_and_goes_with_the_listener() {
        let (_directory, path) = place();
        for mode in [0o600, 0o660] {
            let (file, _socket) = unix(&path, mode).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            UnixStream::connect(&path).unwrap();
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_that_is_not_ours_any_more_stays() {
        let (_directory, path) = place();
        let (file, _socket) = unix(&path, 0o600).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let (_directory, path) = place();
        let alive = UnixListener::bind(&path).unwrap();
        let error = unix(&path, 0o600).unwrap_err();
        assert!(matches!(error, BindError::Alive(_)), "{error}");
        drop(alive);
        assert!(path.exists());
        unix(&path, 0o600).unwrap();
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let (directory, path) = place();
        std::fs::write(&path, "precious").unwrap();
        let error = unix(&path, 0o600).unwrap_err().to_string();
        assert!(error.ends_with("a file is there that is no socket; remove it, or choose another path"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        let link = directory.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(unix(&link, 0o600), Err(BindError::Occupied(_))));
    }

    #[test]
    fn errors_say_what_to_do() {
        let told = |address: &Address, fault: io::Error| BindError::system(address.clone(), fault).to_string();
        let tcp = Address::Tcp("[::1]:25".parse().unwrap());
        let unix = Address::Unix("/run/gatepost/smtp.sock".into());
        let errors = [
            told(&tcp, io::Error::from_raw_os_error(libc::EADDRINUSE)),
            told(&tcp, io::Error::from_raw_os_error(libc::EACCES)),
            told(&tcp, io::Error::from_raw_os_error(libc::EADDRNOTAVAIL)),
            told(&tcp, io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
            told(&unix, io::Error::from_raw_os_error(libc::ENOENT)),
            told(&unix, io::Error::from_raw_os_error(libc::EACCES)),
            BindError::Alive(unix).to_string(),
        ];
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn a_long_path_is_told_as_such() {
        let path = std::path::PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        let error = unix(&path, 0o600).unwrap_err().to_string();
        assert!(error.ends_with("at most 107 octets: choose a shorter one"), "{error}");
    }
}
