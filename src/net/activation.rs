use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Listener;

/// The sockets that systemd has opened for this process, by the `FileDescriptorName` of their units.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, OwnedFd)>);

/// What is wrong with them; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// The variables contradict each other, or name what is not open.
    #[error("LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES cannot be right: {0}; leave them to systemd")]
    Environment(io::Error),
    /// A listener names a socket that is not there.
    #[error("systemd gave no socket named {name:?}{}; set FileDescriptorName={name} in its .socket unit", among(given))]
    NotGiven {
        /// The name.
        name: String,
        /// The names that are there.
        given: Vec<String>,
    },
    /// A socket that no connection can come from.
    #[error("the socket {name:?} of systemd is of no use: {fault}; its unit needs ListenStream= and Accept=no")]
    Unusable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: io::Error,
    },
    /// Clients could connect there, and nobody would answer.
    #[error(
        "systemd gave sockets that no listener names: {}; add a listener with `address = \"systemd:NAME\"`, or take \
         them out of the .socket unit", .0.join(", ")
    )]
    NotNamed(Vec<String>),
}

fn among(given: &[String]) -> String {
    if given.is_empty() { ", nor any other".into() } else { format!(", only {}", given.join(", ")) }
}

impl Inherited {
    /// What was given to this process. Only the first call gets it.
    pub fn take() -> Result<Self, ActivationError> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        // It checks that they are for this process and open, and keeps them from our children.
        let named = sd_notify::listen_fds_with_names().map_err(ActivationError::Environment)?;
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(Self::default());
        }
        let owned = sd_listen_fds::get();
        let owned = owned.map_err(|fault| ActivationError::Environment(io::Error::other(fault.to_string())))?;
        Ok(Self(named.map(|(_, name)| name).zip(owned.into_iter().map(|(_, socket)| socket.into_std())).collect()))
    }

    /// Listens on all sockets of a name.
    pub fn claim(&mut self, name: &str) -> Result<Vec<Listener>, ActivationError> {
        let (claimed, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(own, _)| own == name);
        self.0 = left;
        if claimed.is_empty() {
            return Err(ActivationError::NotGiven { name: name.to_owned(), given: self.names() });
        }
        let adopt = |(name, socket)| Listener::adopt(socket).map_err(|fault| ActivationError::Unusable { name, fault });
        claimed.into_iter().map(adopt).collect()
    }

    /// Nothing must be left over.
    pub fn finish(self) -> Result<(), ActivationError> {
        if self.0.is_empty() { Ok(()) } else { Err(ActivationError::NotNamed(self.names())) }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| format!("{name:?}")).collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::net::Address;

    fn given(sockets: Vec<(&str, OwnedFd)>) -> Inherited {
        Inherited(sockets.into_iter().map(|(name, socket)| (name.to_owned(), socket)).collect())
    }

    fn tcp() -> OwnedFd {
        TcpListener::bind("127.0.0.1:0").unwrap().into()
    }

    #[tokio::test]
    async fn all_sockets_of_a_name_are_listened_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smtp.sock");
        let unix = UnixListener::bind(&path).unwrap().into();
        let mut sockets = given(vec![("smtp", tcp()), ("imap", tcp()), ("smtp", unix)]);
        let smtp = sockets.claim("smtp").unwrap();
        assert!(smtp[0].address().tcp().is_some());
        assert_eq!(*smtp[1].address(), Address::Unix(path.clone()));
        assert_eq!(sockets.claim("imap").unwrap().len(), 1);
        sockets.finish().unwrap();
        drop(smtp);
        assert!(path.exists(), "it is the unit's");
    }

    #[tokio::test]
    async fn errors_say_what_to_do() {
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap().into();
        let mut sockets = given(vec![("smtp", tcp()), ("smtp", tcp()), ("mute", deaf), ("imap", tcp())]);
        let errors = [
            sockets.claim("pop3").unwrap_err(),
            sockets.claim("mute").unwrap_err(),
            sockets.finish().unwrap_err(),
            given(vec![]).claim("smtp").unwrap_err(),
        ];
        insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"));
    }
}
