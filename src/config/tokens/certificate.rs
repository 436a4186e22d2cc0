//! A client's certificate and key, as PEM or PKCS#12, checked to belong together.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::super::reader::Table;
use super::super::secret;
use crate::model::{ClientCertificate, SigningAlgorithm};

const CERTIFICATE: &str = "client_certificate";

/// `client_certificate`, with `client_key` where the key stands elsewhere, or `client_certificate_password` for PKCS#12.
pub(super) fn read(table: &Table<'_>) -> Option<ClientCertificate> {
    let octets = secret::octets(table, CERTIFICATE);
    let key = if table.absent("client_key") { None } else { secret::read(table, "client_key") };
    let password = if table.absent("client_certificate_password") {
        None
    } else {
        secret::read(table, "client_certificate_password")
    };
    let octets = octets?;
    let octets = unwrapped(&octets).unwrap_or(octets);
    let parsed = if octets.windows(11).any(|window| window == b"-----BEGIN ") {
        pem(&octets, key.as_ref())
    } else {
        pkcs12(&octets, password.as_ref())
    };
    parsed.and_then(fitting).inspect_err(|problem| table.error(CERTIFICATE, (*problem).to_owned(), None, None)).ok()
}

/// PKCS#12 in base64, where only text can be given: a variable, or the store.
fn unwrapped(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect::<Vec<_>>();
    STANDARD.decode(Zeroizing::new(text)).ok().filter(|octets| !octets.is_empty()).map(Zeroizing::new)
}

struct Pair {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn pem(octets: &[u8], key: Option<&SecretString>) -> Result<Pair, &'static str> {
    let certificate = CertificateDer::from_pem_slice(octets).map_err(|_| "there is no certificate in it (PEM)")?;
    let key = key.map_or(octets, |key| key.expose_secret().as_bytes());
    if String::from_utf8_lossy(key).contains("ENCRYPTED") {
        return Err(
            "its key is encrypted; decrypt it (openssl pkey -in KEY -out PLAIN), or use PKCS#12 with client_certificate_password",
        );
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| "there is no private key in it (PEM); name it in client_key")?;
    Ok(Pair { certificate, key })
}

fn pkcs12(octets: &[u8], password: Option<&SecretString>) -> Result<Pair, &'static str> {
    let password = password.map_or("", |password| password.expose_secret());
    let store = KeyStore::from_pkcs12(octets, password, Pkcs12ImportPolicy::Relaxed)
        .map_err(|_| "it is neither PEM nor a PKCS#12 file that client_certificate_password opens")?;
    let (_, chain) = store.private_key_chain().ok_or("there is no private key in it (PKCS#12)")?;
    let certificate = chain.certs().first().ok_or("there is no certificate in it (PKCS#12)")?;
    let key = PrivateKeyDer::try_from(chain.key().as_der().to_vec()).map_err(|_| "its key cannot be used")?;
    Ok(Pair { certificate: certificate.as_der().to_vec().into(), key })
}

/// Certificate and key belong together, and can sign what a provider takes.
fn fitting(pair: Pair) -> Result<ClientCertificate, &'static str> {
    let Pair { certificate, key } = pair;
    let (algorithm, ends) = facts(&certificate)?;
    let pem = armoured(&key, algorithm)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    match CertifiedKey::from_der(vec![certificate.clone()], key, &provider) {
        Err(rustls::Error::InconsistentKeys(_)) => Err("its key belongs to another certificate"),
        Err(_) => Err("its key cannot be used"),
        Ok(_) => Ok(ClientCertificate { certificate: certificate.to_vec(), key: pem, algorithm, ends }),
    }
}

fn facts(certificate: &CertificateDer<'_>) -> Result<(SigningAlgorithm, DateTime<Utc>), &'static str> {
    use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION};
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| "its certificate cannot be read")?;
    let ends =
        DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0).ok_or("its certificate has no end")?;
    let kind = &parsed.public_key().algorithm;
    let curve = kind.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let algorithm = if kind.algorithm == OID_PKCS1_RSAENCRYPTION {
        SigningAlgorithm::Ps256
    } else if kind.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256) {
        SigningAlgorithm::Es256
    } else {
        return Err("its key is neither RSA nor on the curve P-256");
    };
    Ok((algorithm, ends))
}

fn armoured(key: &PrivateKeyDer<'_>, algorithm: SigningAlgorithm) -> Result<SecretString, &'static str> {
    let (label, der) = match (key, algorithm) {
        (PrivateKeyDer::Pkcs8(key), _) => ("PRIVATE KEY", key.secret_pkcs8_der()),
        (PrivateKeyDer::Pkcs1(key), SigningAlgorithm::Ps256) => ("RSA PRIVATE KEY", key.secret_pkcs1_der()),
        _ => return Err("its key is not PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out PLAIN"),
    };
    let body = Zeroizing::new(STANDARD.encode(der));
    Ok(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.as_str()).into())
}
