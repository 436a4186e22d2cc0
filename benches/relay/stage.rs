use std::path::{Path, PathBuf};

use gatepost_kit::bench::{Apart, Errand, Ports, Protocol};

use crate::choice::Choice;
use crate::peers::{Kind, Peer};

/// The upstream, and the place where peers are started.
pub(crate) struct Stage {
    pub(crate) upstream: Apart,
    directory: tempfile::TempDir,
    peers: Vec<Kind>,
}

/// The local password of every user.
pub(crate) const PASSWORD: &str = "bench-pass-word";
/// Users whom every peer knows.
pub(crate) const USERS: usize = 64;

impl Stage {
    /// Says who is missing.
    pub(crate) fn new(choice: &Choice) -> Self {
        let directory = tempfile::Builder::new().prefix("gatepost-bench-").tempdir().unwrap();
        // Servers that change their user read their files there.
        open_to_all(directory.path());
        let upstream = Apart::start(directory.path(), choice.size()).unwrap();
        let pair = upstream.authority.certificate_pem().to_owned() + upstream.authority.key_pem();
        std::fs::write(directory.path().join("pair.pem"), pair).unwrap();
        let mut peers = Vec::new();
        for kind in Kind::all().filter(|kind| choice.wants(*kind)) {
            match kind.missing() {
                None => peers.push(kind),
                Some(what) if choice.rehearsal => println!("*** SKIPPED: the bench beside {kind}: {what} ***"),
                Some(what) => eprintln!("without {kind}: {what}"),
            }
        }
        Self { upstream, directory, peers }
    }

    /// Those that were chosen and are installed.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.peers.iter().copied()
    }

    /// Starts all of them but those that are not meant, and has some users log in; says who does not start.
    pub(crate) async fn peers(&self, choice: &Choice, meant: impl Fn(Kind) -> bool) -> Vec<Peer> {
        let mut started = Vec::new();
        for kind in self.kinds().filter(|kind| meant(*kind)) {
            let Some(peer) = self.peer(kind).await else { continue };
            warm(&peer, choice).await;
            started.push(peer);
        }
        started
    }

    /// Starts one; says so when it does not start.
    pub(crate) async fn peer(&self, kind: Kind) -> Option<Peer> {
        let peer = Peer::start(kind, &self.ground(self.upstream.ports)).await;
        peer.inspect_err(|fault| eprintln!("without {kind}: {fault}")).ok()
    }

    /// Where a peer stands, with these ports for the upstream's.
    pub(crate) fn ground(&self, ports: Ports) -> Ground<'_> {
        Ground { upstream: &self.upstream, ports, directory: self.directory.path(), accounts: USERS }
    }
}

/// All that a peer needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) upstream: &'a Apart,
    pub(crate) ports: Ports,
    pub(crate) directory: &'a Path,
    /// How many Gatepost has.
    pub(crate) accounts: usize,
}

impl Ground<'_> {
    /// A directory of the peer's own, which may be there.
    pub(crate) fn own(&self, kind: Kind) -> PathBuf {
        let own = self.directory.join(kind.to_string());
        std::fs::create_dir_all(&own).unwrap();
        open_to_all(&own);
        own
    }

    /// A file of certificates: `ca.pem`, `cert.pem`, `key.pem`, and `pair.pem`, which is the latter two.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// Every visitor has logged in once: passwords are verified, tokens there.
pub(crate) async fn warm(peer: &Peer, choice: &Choice) {
    for program in
        [Protocol::Imap, Protocol::Smtp, Protocol::Pop3].into_iter().filter_map(|protocol| peer.program(protocol))
    {
        for number in 0..choice.visitors() {
            // Whoever cannot log in now is told of when it counts.
            drop(program.visit(number, Errand::Login).await);
        }
    }
}

/// The user of a number.
pub(crate) fn user(number: usize) -> String {
    format!("user{number}@example.com")
}

fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
}
