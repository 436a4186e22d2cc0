use secrecy::SecretString;

use super::error::TokenError;
use super::flight::in_attempts;
use crate::clock;
use crate::model::{Token, TokenState};
use crate::store::{Saved, Store, StoreError, Topic};

/// Changes a token's state in the store, whoever else does at the same time. Within a running service or beside it, which sees
/// it at the next login. A store that is away for a moment is asked again: what a person has just given is not thrown away. So
/// the change may be made twice, and has to come to the same.
pub async fn update(
    store: &dyn Store,
    name: &str,
    change: impl Fn(TokenState) -> TokenState,
) -> Result<(), TokenError> {
    let _touched = Touched { store, name };
    Ok(in_attempts(|fault, _| fault.is_absence(), || changed(store, name, &change)).await?)
}

/// Compare-and-swap until it holds.
async fn changed(store: &dyn Store, name: &str, change: impl Fn(TokenState) -> TokenState) -> Result<(), StoreError> {
    loop {
        let stored = store.token(name).await?;
        if let Saved::Done(_) = store.save(name, stored.version, &change(stored.state)).await? {
            return Ok(());
        }
    }
}

/// Whoever uses the token looks again at the end, however it came: what is not known to be saved may be, and who asked for it may
/// have gone.
struct Touched<'a> {
    store: &'a dyn Store,
    name: &'a str,
}

impl Drop for Touched<'_> {
    fn drop(&mut self) {
        self.store.touch(Topic::Token(self.name));
    }
}

/// Imports a refresh token into the store.
pub async fn import(store: &dyn Store, token: &Token, refresh: SecretString) -> Result<(), TokenError> {
    let now = clock::now() + store.clock_ahead();
    update(store, &token.name, |state| state.imported(refresh.clone(), token.binding(), now)).await
}
