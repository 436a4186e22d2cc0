use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate authority of its own (ECDSA P-256), and a server certificate by it.
pub struct Authority {
    ca_pem: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: String,
}

/// What a server shows its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// By the authority, for localhost and 127.0.0.1.
    #[default]
    Good,
    /// By the authority, for other.example.
    WrongName,
    /// By the authority, for localhost, until 2001.
    Expired,
    /// By the authority, for localhost, from the year 3000 on.
    NotYet,
    /// For localhost, by nobody but itself.
    SelfSigned,
}

impl Authority {
    /// Makes an authority and a certificate for these names or addresses.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Simulated authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params_for(names).signed_by(&key, &issuer).unwrap();
        Self { ca_pem: issuer.pem(), certificate_pem: certificate.pem(), key_pem: key.serialize_pem(), issuer }
    }

    /// The authority's certificate, for clients to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's certificate.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The server's private key.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` into a directory.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        std::fs::write(directory.join("ca.pem"), &self.ca_pem)?;
        std::fs::write(directory.join("cert.pem"), &self.certificate_pem)?;
        std::fs::write(directory.join("key.pem"), &self.key_pem)
    }

    /// What a server needs to show this certificate.
    pub(crate) fn server(&self, certificate: Certificate) -> Arc<ServerConfig> {
        let (certificate_pem, key_pem) = match certificate {
            Certificate::Good => (self.certificate_pem.clone(), self.key_pem.clone()),
            other => self.issue(other),
        };
        Arc::new(server(&certificate_pem, &key_pem))
    }

    /// A certificate and its key.
    fn issue(&self, certificate: Certificate) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params =
            params_for(&[if certificate == Certificate::WrongName { "other.example" } else { "localhost" }]);
        if certificate == Certificate::Expired {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        }
        if certificate == Certificate::NotYet {
            (params.not_before, params.not_after) = (date_time_ymd(3000, 1, 1), date_time_ymd(3001, 1, 1));
        }
        let issued = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        (issued.unwrap().pem(), key.serialize_pem())
    }

    /// A client configuration that trusts this authority and no other.
    #[must_use]
    pub fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// What a server needs to show a certificate.
pub(crate) fn server(certificate_pem: &str, key_pem: &str) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()];
    let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .unwrap()
}

fn params_for(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
}
