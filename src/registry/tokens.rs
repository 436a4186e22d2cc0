//! Changes of tokens that live in the store.

use std::sync::Arc;

use super::change::{Done, difference, readable, shown, switch};
use super::portable::portable;
use super::{Actor, ChangeError, Fault, Registry};
use crate::config::Settings;
use crate::model::Token;
use crate::store::{Kind, StoreError, Version};

/// The keys of a token's settings that hold secrets. None of them may be shown.
pub const SECRETS: [&str; 6] = [
    "client_secret",
    "client_json",
    "client_certificate",
    "client_certificate_password",
    "service_account",
    "password",
];

const TOKEN: Kind = Kind::Token;
/// Switched off, by an administrator.
pub(super) const DISABLED: &str = "disabled";

impl Registry {
    /// The settings of a token of the store, secrets included, and the version to edit them by.
    pub async fn token_settings(&self, name: &str) -> Result<Option<(Version, Settings)>, StoreError> {
        shown(self.store().record(TOKEN, name).await?)
    }

    /// What the settings make, or all that is wrong with them. Looks at nothing but them and the files that they name.
    pub fn check_token(&self, name: &str, settings: &Settings) -> Result<Token, Vec<Fault>> {
        self.config().stored_token(name, settings).map_err(|errors| Fault::all(&errors))
    }

    /// Whether a token of that name could be declared in the store.
    pub async fn may_add_token(&self, name: &str) -> Result<(), ChangeError> {
        self.not_in_the_file(name)?;
        let record = self.store().record(TOKEN, name).await?;
        let name = name.to_owned();
        match readable(&record) {
            _ if record.version == Version::default() => Ok(()),
            Ok(settings) if self.check_token(&name, &settings).is_ok() => {
                Err(ChangeError::Exists { kind: TOKEN, name })
            }
            _ => Err(ChangeError::Unusable { kind: TOKEN, name }),
        }
    }

    /// Declares a token in the store.
    pub async fn add_token(&self, by: &Actor, name: &str, settings: Settings) -> Result<Arc<Token>, ChangeError> {
        self.may_add_token(name).await?;
        let token = self.check_token(name, &settings).map_err(ChangeError::Wrong)?;
        let record = self.store().record(TOKEN, name).await?;
        if record.version != Version::default() {
            return Err(ChangeError::Conflict { kind: TOKEN, name: name.to_owned() });
        }
        let detail = [token.provider.name.as_str(), token.grant.name(), token.mailbox.as_str()].join(" ");
        let done = Done::new("token.added", detail.trim_end());
        self.swap(by, record, Some(&portable(settings, &token)), done).await?;
        Ok(self.declared_token(token))
    }

    /// Replaces the settings of a token of the store, if they are still those that were seen. Whether it is disabled stays as
    /// it is where they say nothing of it.
    pub async fn edit_token(
        &self,
        by: &Actor,
        name: &str,
        seen: Version,
        mut settings: Settings,
    ) -> Result<Arc<Token>, ChangeError> {
        self.not_in_the_file(name)?;
        let record = self.seen(TOKEN, name, seen).await?;
        // What is damaged can be mended so.
        let before = readable(&record).unwrap_or_default();
        keep(&before, &mut settings, DISABLED);
        let token = self.check_token(name, &settings).map_err(ChangeError::Wrong)?;
        let settings = portable(settings, &token);
        let changed = difference(&before, &settings);
        if !changed.is_empty() {
            self.swap(by, record, Some(&settings), Done::new("token.changed", changed.join(", "))).await?;
        }
        Ok(self.declared_token(token))
    }

    /// Switches a token of the store off, or on again.
    pub async fn disable_token(&self, by: &Actor, name: &str, disabled: bool) -> Result<(), ChangeError> {
        self.not_in_the_file(name)?;
        let what = if disabled { "token.disabled" } else { "token.enabled" };
        self.edit(by, (TOKEN, name), |settings| Ok(switch(settings, DISABLED, disabled).then(|| Done::new(what, ""))))
            .await
    }

    /// Drops what a token holds, and its declaration if it stands in the store.
    pub async fn forget_token(&self, by: &Actor, name: &str) -> Result<(), ChangeError> {
        let stored = self.store().record(TOKEN, name).await?.version != Version::default();
        if !stored && self.declared().find(name).is_err() {
            return Err(self.unknown(TOKEN, name));
        }
        for state in self.store().names().await?.iter().filter(|state| Token::of_state(state).0 == name) {
            self.store().forget(state).await?;
        }
        if stored {
            return self.drop_record(by, (TOKEN, name), || Done::new("token.forgotten", "")).await;
        }
        self.note(by, TOKEN, "token.forgotten", name, "what it held; its declaration stands in the file").await;
        Ok(())
    }

    fn not_in_the_file(&self, name: &str) -> Result<(), ChangeError> {
        let config = self.config();
        let place = config.token_place(name);
        place.map_or(Ok(()), |place| Err(ChangeError::InFile { kind: TOKEN, name: name.to_owned(), place }))
    }

    /// As everyone else has it, where nobody has changed it since.
    fn declared_token(&self, token: Token) -> Arc<Token> {
        self.declared().find(&token.name).map_or_else(|_| Arc::new(token), Arc::clone)
    }
}

/// Leaves a setting as it was, where the new ones say nothing of it.
pub(super) fn keep(before: &Settings, after: &mut Settings, key: &str) {
    if let Some(value) = before.get(key).filter(|_| !after.contains_key(key)) {
        after.insert(key.to_owned(), value.clone());
    }
}
