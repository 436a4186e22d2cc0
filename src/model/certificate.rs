use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// A certificate and its key, by which an OAuth client proves itself.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key: PKCS#8 (or PKCS#1) in PEM.
    pub key: SecretString,
    /// How the key signs.
    pub algorithm: SigningAlgorithm,
    /// When the certificate ends.
    pub ends: DateTime<Utc>,
}

/// How a JWT is signed (RFC 7518, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSA with PSS, what Microsoft documents.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}
