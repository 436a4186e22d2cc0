//! Opens what email-oauth2-proxy keeps of an account, which is also how its password is checked.

use chrono::DateTime;
use secrecy::SecretString;

use super::fernet::{Opener, Unopenable};
use super::found::Account;
use crate::model::AccessToken;

/// What an account's password opens.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) refresh: Option<SecretString>,
    pub(super) access: Option<AccessToken>,
    pub(super) client_secret: Option<SecretString>,
}

impl Account {
    /// Whether there is anything to open, by which a password can be checked.
    pub(super) fn is_sealed(&self) -> bool {
        self.refresh_token.is_some() || self.access_token.is_some() || self.sealed_secret().is_some()
    }

    /// Where there are both, the proxy takes the one that anyone can read.
    fn sealed_secret(&self) -> Option<&str> {
        self.client_secret_sealed.as_deref().filter(|_| self.client_secret.is_none())
    }

    /// All of it; nothing if another password sealed it.
    pub(super) fn open(&self, password: &SecretString) -> Result<Option<Opened>, Unopenable> {
        if !self.is_sealed() {
            return Ok(Some(Opened::default()));
        }
        let opener = Opener::new(password, self.salt.as_deref(), self.rounds.as_deref())?;
        // The outer is missing, the inner wrong.
        let open =
            |sealed: Option<&str>| sealed.map(|sealed| opener.open(sealed)).map_or(Some(None), |open| open.map(Some));
        let all = || {
            let refresh = open(self.refresh_token.as_deref())?;
            let client_secret = open(self.sealed_secret())?;
            let access = open(self.access_token.as_deref())?;
            Some(Opened { refresh, access: access.and_then(|access| self.access(access)), client_secret })
        };
        Ok(all())
    }

    /// One whose end is not known is not worth keeping.
    fn access(&self, secret: SecretString) -> Option<AccessToken> {
        let expiry = self.access_token_expiry.as_deref()?.trim().parse().ok()?;
        Some(AccessToken::new(secret, DateTime::from_timestamp(expiry, 0)?))
    }
}
