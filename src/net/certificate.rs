use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::tls::{TlsError, certificates, crypto, unusable};

/// The certificate of listeners and its key, from PEM files that may change at any time. A handshake takes the pair of its
/// moment without waiting; a pair that cannot be used changes nothing.
#[derive(Debug)]
pub struct ServerCertificate {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// Held only by whoever looks at the files, never by a handshake.
    seen: Mutex<Seen>,
}

/// A certificate and its key that were read and do not serve yet.
#[derive(Debug)]
pub struct Pair {
    pair: CertifiedKey,
    stamps: [Option<Stamp>; 2],
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// Nothing new.
    Same,
    /// Another pair, which serves from now on.
    Replaced,
    /// What is there cannot be used; the pair from before goes on. Told once for each change of the files.
    Broken(TlsError),
    /// The files are again those from before.
    Mended,
}

#[derive(Debug, Default)]
struct Seen {
    stamps: [Option<Stamp>; 2],
    /// A pair is written one file after the other: the first look may find half of it.
    doubtful: bool,
    /// That it is broken was told.
    told: bool,
}

/// What tells one file from another without reading it: links are followed, and a rename brings another inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    /// Also rights and owners.
    changed: (i64, i64),
}

impl ServerCertificate {
    /// Reads a chain and its key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let Pair { pair, stamps } = Pair::read(certificate, key)?;
        let seen = Mutex::new(Seen { stamps, ..Seen::default() });
        Ok(Self { certificate: certificate.into(), key: key.into(), current: ArcSwap::from_pointee(pair), seen })
    }

    /// Reads the files now, whatever is known of them; nothing changes before it is [adopted](Self::adopt). Reads from a disk.
    pub fn read_again(&self) -> Result<Pair, TlsError> {
        Pair::read(&self.certificate, &self.key)
    }

    /// Serves by this from now on. Whether it is another.
    pub fn adopt(&self, Pair { pair, stamps }: Pair) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { stamps, ..Seen::default() };
        matches!(self.take(pair, false), Look::Replaced)
    }

    /// Whether it is read from these files.
    #[must_use]
    pub fn is_of(&self, certificate: &Path, key: &Path) -> bool {
        self.certificate == certificate && self.key == key
    }

    /// The file of the chain.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.certificate
    }

    /// The files of the chain and the key.
    #[must_use]
    pub fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }

    /// When the certificate that serves now began and ends.
    #[must_use]
    pub fn life(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let current = self.current.load();
        let (_, parsed) = x509_parser::parse_x509_certificate(current.cert.first()?).ok()?;
        let validity = parsed.validity();
        let time = |seconds| DateTime::from_timestamp(seconds, 0);
        Some((time(validity.not_before.timestamp())?, time(validity.not_after.timestamp())?))
    }

    /// Looks at the files, and reads them where they changed. Reads from a disk: not for threads of the runtime.
    pub fn look(&self) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what changes meanwhile is seen at the next look.
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        let changed = std::mem::replace(&mut seen.stamps, stamps) != stamps;
        if !changed && !seen.doubtful && !seen.told {
            return Look::Same;
        }
        let read = read(&self.certificate, &self.key);
        let doubted = std::mem::replace(&mut seen.doubtful, changed && read.is_err());
        match read {
            Ok(pair) => {
                let told = std::mem::take(&mut seen.told);
                self.take(pair, told)
            }
            Err(fault) if doubted && !changed => {
                seen.told = true;
                Look::Broken(fault)
            }
            Err(_) => Look::Same,
        }
    }

    fn take(&self, pair: CertifiedKey, told: bool) -> Look {
        // The key fits the certificate: with the same certificate it is the same key.
        if pair.cert != self.current.load().cert {
            self.current.store(Arc::new(pair));
            Look::Replaced
        } else if told {
            Look::Mended
        } else {
            Look::Same
        }
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamps = [stamp(certificate), stamp(key)];
        Ok(Self { pair: read(certificate, key)?, stamps })
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|fault| unusable(key, &fault))?;
    let pair = |fault| TlsError::Pair { certificate: certificate.into(), key: key.into(), fault };
    CertifiedKey::from_der(chain, private, &crypto()).map_err(pair)
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).map(|metadata| Stamp::of(&metadata)).ok()
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatepost_kit::Authority;
    use tempfile::TempDir;
    use tokio_rustls::rustls::pki_types::CertificateDer;

    use super::*;

    fn pair() -> Authority {
        Authority::new(&["localhost"])
    }

    fn served() -> (TempDir, ServerCertificate, Authority) {
        let (directory, authority) = (tempfile::tempdir().unwrap(), pair());
        authority.write(directory.path()).unwrap();
        let at = |name: &str| directory.path().join(name);
        let served = ServerCertificate::load(&at("cert.pem"), &at("key.pem")).unwrap();
        (directory, served, authority)
    }

    fn serves(served: &ServerCertificate, authority: &Authority) -> bool {
        let wanted = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
        served.current.load().cert == [wanted]
    }

    #[test]
    fn a_new_pair_is_taken_by_rename_as_well_as_in_place() {
        let (directory, served, _) = served();
        assert!(matches!(served.look(), Look::Same));
        let new = pair();
        new.write(directory.path()).unwrap();
        assert!(matches!(served.look(), Look::Replaced) && serves(&served, &new));
        let (beside, newer) = (directory.path().join("new"), pair());
        std::fs::create_dir(&beside).unwrap();
        newer.write(&beside).unwrap();
        for name in ["key.pem", "cert.pem"] {
            std::fs::rename(beside.join(name), directory.path().join(name)).unwrap();
        }
        assert!(matches!(served.look(), Look::Replaced) && serves(&served, &newer));
        assert!(matches!(served.look(), Look::Same));
    }

    /// As Kubernetes does it: the files are links into a directory that is a link.
    #[test]
    fn a_new_pair_is_taken_when_a_link_is_swapped() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let pairs = ["one", "two"].map(|name| {
            let pair = pair();
            std::fs::create_dir(at(name)).unwrap();
            pair.write(&at(name)).unwrap();
            pair
        });
        symlink("one", at("..data")).unwrap();
        symlink("..data/cert.pem", at("cert.pem")).unwrap();
        symlink("..data/key.pem", at("key.pem")).unwrap();
        let served = ServerCertificate::load(&at("cert.pem"), &at("key.pem")).unwrap();
        assert!(serves(&served, &pairs[0]));
        symlink("two", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        assert!(matches!(served.look(), Look::Replaced) && serves(&served, &pairs[1]));
    }

    #[test]
    fn a_broken_pair_changes_nothing_and_is_told_once() {
        let (directory, served, old) = served();
        let new = pair();
        // Half of it, and the rest right after: nobody is told.
        std::fs::write(directory.path().join("cert.pem"), new.certificate_pem()).unwrap();
        assert!(matches!(served.look(), Look::Same) && serves(&served, &old));
        std::fs::write(directory.path().join("key.pem"), new.key_pem()).unwrap();
        assert!(matches!(served.look(), Look::Replaced) && serves(&served, &new));
        // Half of it for long.
        std::fs::write(directory.path().join("cert.pem"), old.certificate_pem()).unwrap();
        assert!(matches!(served.look(), Look::Same));
        let Look::Broken(fault) = served.look() else { panic!("it was not told") };
        assert!(fault.to_string().contains("cert.pem") && fault.to_string().contains("key.pem"), "{fault}");
        assert!(matches!(served.look(), Look::Same) && serves(&served, &new));
        // Gone: that is another trouble. And back again.
        std::fs::remove_file(directory.path().join("key.pem")).unwrap();
        assert!(matches!(served.look(), Look::Same));
        assert!(matches!(served.look(), Look::Broken(_)));
        new.write(directory.path()).unwrap();
        assert!(matches!(served.look(), Look::Mended) && serves(&served, &new));
        assert!(matches!(served.look(), Look::Same));
    }
}
