use aws_lc_rs::{digest, hmac, rand};
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::Account;

/// Keyed hash of an account, its hash list and a password.
pub(super) type Proof = [u8; 32];

/// Makes [`Proof`]s, by a key that dies with the process.
#[derive(Debug)]
pub(super) struct Proofs(hmac::Key);

impl Proofs {
    /// A fresh key. `None` where the system gives no randomness.
    pub(super) fn new() -> Option<Self> {
        hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok().map(Self)
    }

    /// Each part is prefixed with its length or has a fixed one, so that no two logins make the same message.
    pub(super) fn of(&self, user: &str, account: Option<&Account>, password: &SecretString) -> Proof {
        let name = Account::folded(account.map_or(user, |account| &account.name));
        let mut list = digest::Context::new(&digest::SHA256);
        for password in account.iter().flat_map(|account| &account.passwords) {
            list.update(password.hash.as_str().as_bytes());
            list.update(b"\0");
        }
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(list.finish().as_ref());
        context.update(password.expose_secret().as_bytes());
        let mut proof = Proof::default();
        proof.copy_from_slice(context.sign().as_ref());
        proof
    }
}
