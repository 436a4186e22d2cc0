use secrecy::SecretString;

use super::error::TokenError;
use crate::clock;
use crate::model::{Token, TokenState};
use crate::store::{Saved, Store, Topic};

/// Changes a token's state in the store, whoever else does at the same time. Within a running service or beside it, which sees
/// it at the next login.
pub async fn update(
    store: &dyn Store,
    name: &str,
    change: impl Fn(TokenState) -> TokenState,
) -> Result<(), TokenError> {
    loop {
        let stored = store.token(name).await?;
        if let Saved::Done(_) = store.save(name, stored.version, &change(stored.state)).await? {
            store.touch(Topic::Token(name));
            return Ok(());
        }
    }
}

/// Imports a refresh token into the store.
pub async fn import(store: &dyn Store, token: &Token, refresh: SecretString) -> Result<(), TokenError> {
    let now = clock::now() + store.clock_ahead();
    update(store, &token.name, |state| state.imported(refresh.clone(), token.binding(), now)).await
}
