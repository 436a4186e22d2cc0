use chrono::{DateTime, Utc};
use tokio_rustls::rustls::ProtocolVersion;
use x509_parser::prelude::X509Certificate;

use super::Stream;

/// What the other side of a connection under TLS has shown of itself. It was checked in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The version of TLS.
    pub version: &'static str,
    /// When its certificate ends.
    pub ends: Option<DateTime<Utc>>,
    /// Who signed its certificate.
    pub issuer: Option<String>,
}

impl Stream {
    /// What the other side has shown; nothing on a connection in clear.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        let Self::Tls(tls) = self else { return None };
        let connection = tls.get_ref().1;
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            ProtocolVersion::TLSv1_3 => "TLS 1.3",
            _ => "TLS",
        };
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        let parsed = certificate.and_then(|der| Some(x509_parser::parse_x509_certificate(der).ok()?.1));
        let ends =
            parsed.as_ref().and_then(|parsed| DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0));
        Some(Shown { version, ends, issuer: parsed.as_ref().and_then(issuer) })
    }
}

/// Organisation, or else the common name.
fn issuer(certificate: &X509Certificate<'_>) -> Option<String> {
    const LONGEST: usize = 80;
    let name = certificate.issuer();
    let first = name.iter_organization().chain(name.iter_common_name()).next()?;
    Some(first.as_str().ok()?.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}
