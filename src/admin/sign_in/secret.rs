//! Random secrets that a browser or a program keeps, and what the service keeps of them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::store::{SealError, StoreError};

/// 256 bits, as a text that needs no escaping anywhere.
pub(in crate::admin) fn random() -> Result<SecretString, StoreError> {
    let mut octets = Zeroizing::new([0; 32]);
    let filled = rand::fill(octets.as_mut());
    filled.map_err(|_| StoreError::Sealed { what: "a new secret".into(), fault: SealError::NoRandomness })?;
    Ok(URL_SAFE_NO_PAD.encode(octets.as_ref()).into())
}

/// What is kept of a secret: who reads it cannot make the secret of it. The purpose keeps hashes of one for another apart.
/// (Plain SHA-256 is enough for what is random: nobody can try 2^256 of them.)
pub(in crate::admin) fn hashed(purpose: &str, secret: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(purpose.as_bytes());
    context.update(b"\0");
    context.update(secret.as_bytes());
    URL_SAFE_NO_PAD.encode(context.finish())
}

/// Compares without telling by its time where two differ.
pub(in crate::admin) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn secrets_are_random_and_hashes_are_apart() {
        let (one, two) = (random().unwrap(), random().unwrap());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(one.expose_secret(), two.expose_secret());
        let hash = hashed("session", one.expose_secret());
        assert_ne!(hash, hashed("csrf", one.expose_secret()));
        assert!(same(&hash, &hashed("session", one.expose_secret())));
        assert!(!same(&hash, &hashed("session", two.expose_secret())) && !same("", &hash) && same("", ""));
    }
}
