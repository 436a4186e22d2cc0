use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_rustls::rustls::NamedGroup;
use tokio_rustls::rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use tokio_rustls::rustls::pki_types::ServerName;

/// The TLS sessions that can be resumed.
///
/// A ticket of TLS 1.3 serves once, and many servers give one for one. The memory that comes with rustls keeps eight of a
/// server: when more programs than that log in at a time, most of them cost a whole handshake, each time anew.
pub(super) struct Tickets {
    /// The key exchange that a server likes, and its session of TLS 1.2, which serves more than once.
    others: ClientSessionMemoryCache,
    of_server: Mutex<HashMap<ServerName<'static>, Latest>>,
}

/// The latest come last.
type Latest = VecDeque<Tls13ClientSessionValue>;

/// Tickets kept of a server, each of one or two KiB: as many as programs are thought to log in at a time.
const OF_SERVER: usize = 64;

/// Servers of which there are any.
const SERVERS: usize = 32;

impl Tickets {
    pub(super) fn new() -> Self {
        Self { others: ClientSessionMemoryCache::new(8 * SERVERS), of_server: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, Latest>> {
        self.of_server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tickets are as good as keys.
impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.others.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.others.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.others.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.others.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.others.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut servers = self.lock();
        if servers.len() >= SERVERS && !servers.contains_key(&server) {
            servers.clear();
        }
        let tickets = servers.entry(server).or_default();
        if tickets.len() == OF_SERVER {
            tickets.pop_front();
        }
        tickets.push_back(ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().get_mut(server)?.pop_back()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatepost_kit::Authority;
    use tokio_rustls::rustls::client::Resumption;
    use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

    use super::*;
    use crate::net::{MinimumTls, ServerCertificate, client_config, server_config};

    fn configurations() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new(&["localhost"]);
        authority.write(directory.path()).unwrap();
        let [certificate, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| directory.path().join(name));
        let certificate = Arc::new(ServerCertificate::load(&certificate, &key).unwrap());
        (client_config(Some(&ca)).unwrap(), server_config(&certificate, MinimumTls::Tls12).unwrap())
    }

    fn begin(client: &Arc<ClientConfig>) -> ClientConnection {
        ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap()
    }

    /// A handshake to its end, the server's tickets included.
    fn finish(mut client: ClientConnection, server: &Arc<ServerConfig>) -> HandshakeKind {
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets().unwrap();
        }
        client.handshake_kind().unwrap()
    }

    fn crowd(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Vec<HandshakeKind> {
        let clients: Vec<_> = (0..OF_SERVER).map(|_| begin(client)).collect();
        clients.into_iter().map(|client| finish(client, server)).collect()
    }

    #[test]
    fn a_crowd_that_comes_again_resumes() {
        let (client, server) = configurations();
        assert_eq!(crowd(&client, &server), [HandshakeKind::Full; OF_SERVER]);
        assert_eq!(crowd(&client, &server), [HandshakeKind::Resumed; OF_SERVER]);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for_and_none_is_shown() {
        let (client, server) = configurations();
        let (store, mut client) = (Arc::new(Tickets::new()), (*client).clone());
        client.resumption = Resumption::store(Arc::<Tickets>::clone(&store));
        crowd(&Arc::new(client), &server);
        assert_eq!(store.lock().values().map(VecDeque::len).collect::<Vec<_>>(), [OF_SERVER], "of twice as many");
        let localhost = ServerName::try_from("localhost").unwrap();
        for number in 0..SERVERS {
            let ticket = store.take_tls13_ticket(&localhost).unwrap();
            store.insert_tls13_ticket(format!("{number}.example.com").try_into().unwrap(), ticket);
            assert!(store.lock().len() <= SERVERS);
        }
        assert_eq!(format!("{store:?}"), "Tickets { .. }");
    }
}
