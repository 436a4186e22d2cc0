//! What has to be read of the store for a look: how all tokens are, and who can log in with them.
//!
//! It costs as much as there are tokens. Where they are many it serves the looks of many seconds, and each of those asks the
//! store only whether it is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout};

use super::picture::{Account, Accounts};
use super::tokens::{States, TokenLine, lines, serves};
use crate::registry::Declared;
use crate::store::{Answer, Store, StoreError};

/// As it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) accounts: Arc<Accounts>,
    /// Those in trouble first.
    pub(super) tokens: Arc<Vec<TokenLine>>,
}

/// One that is kept, and until when.
#[derive(Debug, Default)]
pub(super) struct Kept(Option<(Tally, Instant)>);

/// How long the store may take for what is little.
const PATIENCE: Duration = Duration::from_secs(3);
/// For each token, how long what was read is kept: it is read for a small part of the time, however many they are. Up to five
/// thousand of them each look reads them.
const KEPT: Duration = Duration::from_micros(200);
/// It is not older than this.
const OLDEST: Duration = Duration::from_secs(30);
/// For each token, how much longer the store may take.
const LONGER: Duration = Duration::from_micros(20);
/// No token is called so: the store says that it has none, which takes it a moment.
const NOBODY: &str = "";

impl Kept {
    /// What is kept, or else what is read now.
    pub(super) async fn tally(
        &mut self,
        store: &dyn Store,
        declared: &Declared,
        now: DateTime<Utc>,
    ) -> Result<Tally, String> {
        if let Some((tally, until)) = &self.0
            && Instant::now() < *until
        {
            answered(PATIENCE, store.token(NOBODY)).await?;
            return Ok(tally.clone());
        }
        self.0 = None;
        let many = many(declared);
        let states = answered(PATIENCE + LONGER * many, store.sketches()).await?;
        let tally = Tally::of(declared, &states.into_iter().collect(), now);
        self.0 = Some((tally.clone(), Instant::now() + life(many)));
        Ok(tally)
    }
}

fn many(declared: &Declared) -> u32 {
    declared.tokens.len().max(declared.accounts.len()).try_into().unwrap_or(u32::MAX)
}

fn life(many: u32) -> Duration {
    KEPT.saturating_mul(many).min(OLDEST)
}

async fn answered<T>(patience: Duration, answer: Answer<'_, T>) -> Result<T, String> {
    let answered = timeout(patience, answer).await;
    let answered = answered.map_err(|_| format!("the store did not answer within {} s", patience.as_secs()))?;
    answered.map_err(|fault: StoreError| fault.to_string())
}

impl Tally {
    fn of(declared: &Declared, states: &States, now: DateTime<Utc>) -> Self {
        let accounts = Arc::new(accounts(declared, states, now));
        Self { accounts, tokens: Arc::new(lines(&declared.tokens, states, now)) }
    }
}

/// Who can log in: an account is in trouble as soon as one of the mailboxes that it uses is.
fn accounts(declared: &Declared, states: &States, now: DateTime<Utc>) -> Accounts {
    let mut accounts = Accounts::default();
    for account in &declared.accounts {
        if account.disabled {
            accounts.disabled += 1;
            continue;
        }
        let users: BTreeSet<_> = account.protocols.iter().map(|protocol| account.upstream_user(*protocol)).collect();
        match users.into_iter().find_map(|user| serves(&account.token, user, states, now).err()) {
            None => accounts.usable += 1,
            Some(told) => {
                let (reason, remedy) = told.unwrap_or_default();
                let reason = format!("token {:?}: {reason}", account.token.name);
                let token = Some(account.token.name.clone());
                accounts.in_trouble.push(Account { name: account.name.clone(), token, reason, remedy });
            }
        }
    }
    accounts.in_trouble.extend(declared.unusable.iter().map(|name| unusable(name)));
    accounts.in_trouble.sort_by(|a, b| a.name.cmp(&b.name));
    accounts.in_trouble.dedup_by(|a, b| a.name == b.name);
    accounts
}

fn unusable(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        token: None,
        reason: "its token is not there, or its declaration cannot be read".to_owned(),
        remedy: format!("see `gatepost doctor {name}`"),
    }
}

/// As what is shared stands in a picture.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::health) fn serialize<T: Serialize, S: Serializer>(
        shared: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(shared, serializer)
    }

    pub(in crate::health) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, Provider, Token, TokenState};
    use crate::store::{Keys, SqliteStore, Version, generate_key};

    #[test]
    fn few_are_read_for_each_look_and_many_for_the_looks_of_many_seconds() {
        let second = Duration::from_secs(1);
        assert!(life(10) < second / 100 && life(5000) <= second);
        assert_eq!([100_000, 1_000_000, u32::MAX].map(life), [20, 30, 30].map(Duration::from_secs));
    }

    fn declared(tokens: u32) -> Declared {
        let provider = Arc::new(Provider::default());
        let token = |number| Arc::new(Token::bare(&format!("t{number}"), Arc::clone(&provider), Grant::RefreshToken));
        let mut declared = Declared::default();
        declared.tokens = (0..tokens).map(token).collect();
        declared
    }

    #[tokio::test]
    async fn what_is_kept_is_read_again_when_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap();
        // It is kept for half a minute.
        let (declared, mut kept, now) = (declared(150_000), Kept::default(), crate::clock::now());
        let first = kept.tally(&store, &declared, now).await.unwrap();
        assert_eq!((first.tokens.len(), first.tokens[0].state.as_str()), (150_000, "not_imported"));
        let token = &declared.tokens[0];
        let state = TokenState::default().imported("r1".into(), token.binding(), now);
        let _ = store.save(&token.name, Version::default(), &state).await.unwrap();
        let second = kept.tally(&store, &declared, now).await.unwrap();
        assert!(Arc::ptr_eq(&first.tokens, &second.tokens) && Arc::ptr_eq(&first.accounts, &second.accounts));
        kept.0.as_mut().unwrap().1 = Instant::now();
        let third = kept.tally(&store, &declared, now).await.unwrap();
        let imported = third.tokens.iter().filter(|line| line.state != "not_imported");
        assert_eq!(imported.map(|line| line.name.as_str()).collect::<Vec<_>>(), ["t0"]);
    }
}
