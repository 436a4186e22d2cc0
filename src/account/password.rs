use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::PasswordHash;

/// The system gave no randomness for a salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot hash: the system gave no randomness")]
pub struct HashingFailed;

/// Hashes a password with Argon2id and a random salt (RFC 9106; OWASP's parameters). About 20 ms of work.
pub fn hash_password(password: &SecretString) -> Result<PasswordHash, HashingFailed> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes()).map_err(|_| HashingFailed)?;
    PasswordHash::parse(&hash.to_string()).map_err(|_| HashingFailed)
}

/// Compares a password with a hash, with the hash's own parameters.
pub(super) fn matches(password: &SecretString, hash: &PasswordHash) -> bool {
    Argon2::default().verify_password(password.expose_secret().as_bytes(), hash.as_str()).is_ok()
}

/// How much work a hash is: memory times passes.
pub(super) fn cost(hash: &PasswordHash) -> u64 {
    let parsed = argon2::PasswordHash::new(hash.as_str());
    let parameters = parsed.ok().and_then(|hash| argon2::Params::try_from(&hash).ok());
    parameters.map_or(0, |parameters| u64::from(parameters.m_cost()) * u64::from(parameters.t_cost()))
}

/// A hash that no password is known for, as much work as the model.
pub(super) fn decoy(model: Option<&PasswordHash>) -> PasswordHash {
    /// The default parameters of the crate, which `hash_password` uses; the output is no one's.
    const DEFAULT: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3k$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let like_model = model.and_then(|model| {
        let (parameters, output) = model.as_str().rsplit_once('$')?;
        PasswordHash::parse(&format!("{parameters}${}", "A".repeat(output.len()))).ok()
    });
    let default = || PasswordHash::parse(DEFAULT).ok();
    like_model.or_else(default).or_else(|| model.cloned()).unwrap_or_else(|| unreachable!("the constant is a hash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_matches() {
        let hash = hash_password(&"correct horse".into()).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$"));
        assert!(matches(&"correct horse".into(), &hash));
        assert!(!matches(&"correct horse ".into(), &hash) && !matches(&"".into(), &hash));
        assert_ne!(hash, hash_password(&"correct horse".into()).unwrap(), "the salt is random");
    }

    #[test]
    fn a_decoy_costs_what_its_model_costs() {
        let model =
            PasswordHash::parse("$argon2id$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ")
                .unwrap();
        assert_eq!(cost(&decoy(Some(&model))), 192);
        assert_eq!(cost(&decoy(None)), cost(&hash_password(&"x".into()).unwrap()));
    }
}
