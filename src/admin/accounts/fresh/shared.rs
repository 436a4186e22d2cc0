//! The same where the page that shows it may come from another replica: sealed in the store, for as long, and gone with the first
//! look.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{Kept, LIFE, MOST};
use crate::admin::sign_in::hashed;
use crate::store::{Kind, Saved, Store, StoreError};

#[derive(Serialize, Deserialize)]
struct Sealed {
    label: Option<String>,
    password: String,
    at: DateTime<Utc>,
}

/// `false`: too many wait.
pub(super) async fn keep(store: &dyn Store, kept: &Kept) -> Result<bool, StoreError> {
    if store.records(Kind::FreshPassword).await?.len() >= MOST {
        return Ok(false);
    }
    let Kept { visitor, account, label, password, at } = kept;
    let sealed = Sealed { label: label.clone(), password: password.expose_secret().to_owned(), at: *at };
    let record = store.record(Kind::FreshPassword, &name(visitor, account)).await?;
    let record = record.with(serde_json::to_string(&sealed).ok());
    let saved = store.put(record, Some(LIFE.to_std().unwrap_or_default())).await?;
    Ok(matches!(saved, Saved::Done(_)))
}

pub(super) async fn has(store: &dyn Store, visitor: &str, account: &str) -> Result<bool, StoreError> {
    Ok(store.record(Kind::FreshPassword, &name(visitor, account)).await?.content?.is_some())
}

/// Of two who look at the same time, one sees it.
pub(super) async fn take(store: &dyn Store, visitor: &str, account: &str) -> Result<Option<Kept>, StoreError> {
    let record = store.record(Kind::FreshPassword, &name(visitor, account)).await?;
    let content = record.content.clone()?.map(SecretString::from);
    let Some(content) = content else { return Ok(None) };
    if store.put(record.with(None), None).await? == Saved::Conflict {
        return Ok(None);
    }
    let sealed = serde_json::from_str::<Sealed>(content.expose_secret()).ok();
    Ok(sealed.map(|Sealed { label, password, at }| {
        let (visitor, account, password) = (visitor.to_owned(), account.to_owned(), password.into());
        Kept { visitor, account, label, password, at }
    }))
}

/// Whose it is, and of which account.
fn name(visitor: &str, account: &str) -> String {
    hashed("fresh password", &format!("{visitor}\n{account}"))
}
