use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, CertificateError, CipherSuite, ClientConfig, Error, RootCertStore, ServerConfig};
use tokio_rustls::{TlsConnector, TlsStream};

use super::tickets::Tickets;
use super::{ServerCertificate, Socket, Stream};

/// What is wrong with TLS material or a handshake; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that cannot be read or holds nothing of use.
    #[error("cannot use {}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// Certificate and key do not make a server configuration.
    #[error("certificate {} and key {} do not fit: {fault}; name the key that the certificate was made for", certificate.display(), key.display())]
    Pair {
        /// The certificate chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
        /// What rustls said.
        fault: Error,
    },
    /// The configured host is no name a certificate could bear.
    #[error("{0:?} is not a host name or address that a certificate could bear")]
    Name(String),
    /// The handshake with an upstream failed.
    #[error("TLS with {host} failed: {fault}{}", hint(fault))]
    Handshake {
        /// Who it was tried with.
        host: String,
        /// What rustls said.
        fault: io::Error,
    },
}

/// Why a handshake failed, as far as someone can do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFlaw {
    /// The certificate is not good yet, by this machine's clock.
    NotYet {
        /// Its beginning.
        begins: DateTime<Utc>,
    },
    /// The certificate has ended, by this machine's clock.
    Expired {
        /// Its end.
        ended: DateTime<Utc>,
    },
    /// The certificate is for other names.
    WrongName {
        /// Those that it bears.
        bears: Vec<String>,
    },
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// The other side does not speak TLS, at least not at once.
    NotTls,
    /// The other side fell silent.
    Silent,
    /// Anything else.
    Other,
}

impl TlsError {
    /// What is wrong with the other side.
    #[must_use]
    pub fn flaw(&self) -> TlsFlaw {
        let Self::Handshake { fault, .. } = self else { return TlsFlaw::Other };
        match cause(fault) {
            Some(Error::InvalidCertificate(fault)) => certificate_flaw(fault),
            Some(Error::InvalidMessage(_)) => TlsFlaw::NotTls,
            _ if fault.kind() == io::ErrorKind::TimedOut => TlsFlaw::Silent,
            _ => TlsFlaw::Other,
        }
    }
}

fn certificate_flaw(fault: &CertificateError) -> TlsFlaw {
    match fault {
        CertificateError::NotValidYetContext { not_before, .. } => TlsFlaw::NotYet { begins: time(*not_before) },
        CertificateError::ExpiredContext { not_after, .. } => TlsFlaw::Expired { ended: time(*not_after) },
        CertificateError::NotValidForNameContext { presented, .. } => TlsFlaw::WrongName { bears: presented.clone() },
        CertificateError::NotValidForName => TlsFlaw::WrongName { bears: Vec::new() },
        // An authority that was made anew bears the same name and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFlaw::UnknownIssuer,
        _ => TlsFlaw::Other,
    }
}

fn time(time: UnixTime) -> DateTime<Utc> {
    i64::try_from(time.as_secs()).ok().and_then(|time| DateTime::from_timestamp(time, 0)).unwrap_or_default()
}

pub(super) fn cause(fault: &io::Error) -> Option<&Error> {
    fault.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The next step for the two mistakes that people make.
fn hint(fault: &io::Error) -> &'static str {
    match cause(fault) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; if its authority is your own, name the PEM file in the provider's `ca`"
        }
        Some(Error::InvalidMessage(_)) => "; is the port right, and its `tls` (implicit or starttls)?",
        _ => "",
    }
}

/// The lowest version of TLS that a listener takes; rustls has none below 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumTls {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The configuration of listeners: a certificate that may be replaced at any time, and the versions from `minimum` on.
pub fn server_config(certificate: &Arc<ServerCertificate>, minimum: MinimumTls) -> Result<Arc<ServerConfig>, TlsError> {
    let versions: &[_] = match minimum {
        MinimumTls::Tls12 => &[&TLS13, &TLS12],
        MinimumTls::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(crypto()).with_protocol_versions(versions);
    let builder = builder.map_err(|fault| unusable(certificate.file(), &fault))?;
    let resolver = Arc::clone(certificate) as Arc<dyn ResolvesServerCert>;
    Ok(Arc::new(builder.with_no_client_auth().with_cert_resolver(resolver)))
}

/// The configuration of upstream legs: the system's roots (or, where there are none, Mozilla's) and one's own authority.
/// Share it: it holds the sessions that can be resumed.
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = ca {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|fault| unusable(path, &fault))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(crypto()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| TlsError::File { path: PathBuf::new(), fault: fault.to_string() })?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(Tickets::new()));
    Ok(Arc::new(config))
}

/// Performs the client's handshake; certificate and name are checked.
pub async fn connect_tls(
    socket: impl Into<Socket>,
    host: &str,
    config: &Arc<ClientConfig>,
    limit: Duration,
) -> Result<Stream, TlsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
    let failed = |fault| TlsError::Handshake { host: host.to_owned(), fault };
    let connecting = TlsConnector::from(Arc::clone(config))
        .connect_with(name, socket.into(), |connection| connection.set_buffer_limit(Some(BUFFERED)));
    let tls = timeout(limit, connecting).await.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
    Ok(Stream::Tls(Box::new(TlsStream::Client(tls))))
}

/// Ciphertext that a stalled peer can make us hold, in octets: one record.
pub(super) const BUFFERED: usize = 16 * 1024;

/// AES-128 is offered before AES-256, whose SHA-384 few processors know by heart: it costs a login more than all its ciphers.
/// A server that prefers another gets that.
pub(super) fn crypto() -> Arc<rustls::crypto::CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match all {
        Ok(all) if all.is_empty() => Err(unusable(path, &"no certificate in it")),
        Ok(all) => Ok(all),
        Err(fault) => Err(unusable(path, &fault)),
    }
}

pub(super) fn unusable(path: &Path, fault: &impl std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), fault: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_cipher_is_offered_first_and_none_is_left_out() {
        let suites = |provider: &rustls::crypto::CryptoProvider| {
            provider.cipher_suites.iter().map(rustls::SupportedCipherSuite::suite).collect::<Vec<_>>()
        };
        let (ours, all) = (suites(&crypto()), suites(&rustls::crypto::aws_lc_rs::default_provider()));
        assert_eq!(ours[..2], [CipherSuite::TLS13_AES_128_GCM_SHA256, CipherSuite::TLS13_AES_256_GCM_SHA384]);
        assert_eq!(ours.len(), all.len());
    }
}
