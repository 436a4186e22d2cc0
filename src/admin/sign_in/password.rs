//! The administrator's password: of the file, or of the store.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::secret::hashed;
use crate::config::Admin;
use crate::model::PasswordHash;
use crate::store::{Kind, Record, Saved, Store, StoreError};

/// The one password record of the store.
const NAME: &str = "administrator";

/// Shortest password, in characters: out of reach for the attempts that are let through, and for whoever gets the hash.
pub const SHORTEST: usize = 12;
/// Longest, in octets.
const LONGEST: usize = 1024;

/// Where the administrator's password is, and how it is changed.
#[derive(Clone, Debug)]
pub struct AdminPassword {
    store: Arc<dyn Store>,
    of_file: Option<(PasswordHash, String)>,
}

/// Why there is no new password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is not ours to change.
    #[error(
        "the administrator's password stands in {0}; change it there, to what `gatepost hash-password` prints, and run `gatepost reload`"
    )]
    InFile(String),
    /// Too short.
    #[error("a password of the administrator has at least {SHORTEST} characters")]
    Short,
    /// Too long.
    #[error("a password of the administrator has at most {LONGEST} octets")]
    Long,
    /// Somebody was faster.
    #[error("somebody else has set the password at the same time; sign in with that one")]
    Conflict,
    /// Of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminPassword {
    /// Of this configuration and this store.
    #[must_use]
    pub fn of(admin: &Admin, store: Arc<dyn Store>) -> Self {
        let place = admin.password_place.clone().unwrap_or_else(|| "the configuration".into());
        Self { store, of_file: admin.password_hash.clone().map(|hash| (hash, place)) }
    }

    /// Its hash, where there is one.
    pub async fn hash(&self) -> Result<Option<PasswordHash>, StoreError> {
        if let Some((hash, _)) = &self.of_file {
            return Ok(Some(hash.clone()));
        }
        let content = self.record().await?.content?;
        let unusable = |fault: String| StoreError::Inconsistent { what: "the administrator's password".into(), fault };
        content.map(|text| PasswordHash::parse(&text).map_err(|fault| unusable(fault.to_string()))).transpose()
    }

    /// Whether it can be changed here.
    pub fn changeable(&self) -> Result<(), PasswordError> {
        self.of_file.as_ref().map_or(Ok(()), |(_, place)| Err(PasswordError::InFile(place.clone())))
    }

    /// Puts a new one in the place of whatever there is.
    pub async fn replace(&self, hash: &PasswordHash) -> Result<(), PasswordError> {
        self.changeable()?;
        let record = self.record().await?;
        self.put(record, hash).await
    }

    /// Puts the first one.
    pub(super) async fn begin(&self, hash: &PasswordHash) -> Result<(), PasswordError> {
        self.changeable()?;
        let record = self.record().await?;
        if !matches!(record.content, Ok(None)) {
            return Err(PasswordError::Conflict);
        }
        self.put(record, hash).await
    }

    async fn record(&self) -> Result<Record, StoreError> {
        self.store.record(Kind::AdminPassword, NAME).await
    }

    async fn put(&self, record: Record, hash: &PasswordHash) -> Result<(), PasswordError> {
        match self.store.put(record.with(Some(hash.as_str().to_owned())), None).await? {
            Saved::Done(_) => Ok(()),
            Saved::Conflict => Err(PasswordError::Conflict),
        }
    }
}

/// Whether a text is fit for a password; nothing is asked of it but its length, which is what counts.
pub fn fit(password: &SecretString) -> Result<(), PasswordError> {
    let text = password.expose_secret();
    if text.len() > LONGEST {
        return Err(PasswordError::Long);
    }
    if text.chars().count() < SHORTEST { Err(PasswordError::Short) } else { Ok(()) }
}

/// Tells a password's hash from another without being one.
pub(super) fn fingerprint(hash: &PasswordHash) -> String {
    hashed("administrator's password", hash.as_str())
}
