use argon2::password_hash::Error;
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

/// Compares a password with a hash, with the hash's own parameters. An error, such as a lack of memory, says nothing about
/// the password (law 2).
pub(super) fn matches(password: &SecretString, hash: &PasswordHash) -> Result<bool, Error> {
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), hash.as_str()) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What decides how much work a hash is: memory, passes, lanes.
pub(super) type Work = [u32; 3];

/// The work of a hash; none of one that cannot be read, which a [`PasswordHash`] always can.
pub(super) fn work(hash: &PasswordHash) -> Work {
    let parsed = argon2::PasswordHash::new(hash.as_str());
    let parameters = parsed.ok().and_then(|hash| argon2::Params::try_from(&hash).ok());
    parameters.map(|parameters| [parameters.m_cost(), parameters.t_cost(), parameters.p_cost()]).unwrap_or_default()
}

/// A hash that no password is known for, as much work as the model.
pub(super) fn decoy(model: &PasswordHash) -> PasswordHash {
    let unknown = model.as_str().rsplit_once('$').and_then(|(parameters, output)| {
        PasswordHash::parse(&format!("{parameters}${}", "A".repeat(output.len()))).ok()
    });
    unknown.unwrap_or_else(|| model.clone())
}

/// The decoy of a directory without any password: the work of [`hash_password`].
pub(super) fn default_decoy() -> Option<PasswordHash> {
    PasswordHash::parse(
        "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3k$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_matches() {
        let hash = hash_password(&"correct horse".into()).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$"));
        assert_eq!(matches(&"correct horse".into(), &hash), Ok(true));
        assert_eq!(matches(&"correct horse ".into(), &hash), Ok(false));
        assert_eq!(matches(&"".into(), &hash), Ok(false));
        assert_ne!(hash, hash_password(&"correct horse".into()).unwrap(), "the salt is random");
    }

    #[test]
    fn a_decoy_costs_what_its_model_costs() {
        let text = "$argon2id$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ";
        let model = PasswordHash::parse(text).unwrap();
        assert_eq!(work(&decoy(&model)), [64, 3, 1]);
        assert_ne!(decoy(&model), model);
        assert_eq!(work(&default_decoy().unwrap()), work(&hash_password(&"x".into()).unwrap()));
    }

    /// As lack of memory is not, which no test should provoke.
    #[test]
    fn what_cannot_be_computed_is_no_mismatch() {
        assert_eq!(matches(&"x".into(), &PasswordHash::that_cannot_be_computed()), Err(Error::Version));
    }
}
