use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tracing::warn;

use crate::store::{Store, StoreError, Use};

/// When passwords were last used. It is in the store at most a minute later.
#[derive(Debug, Default)]
pub struct Uses {
    known: Mutex<HashMap<String, HashMap<String, Last>>>,
    /// There is something that the store does not know yet.
    news: Notify,
}

/// When something was last done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastUse {
    /// A client was let in.
    pub login: Option<DateTime<Utc>>,
    /// A message was accepted.
    pub message: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    last: LastUse,
    /// The store does not know yet.
    news: bool,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Login,
    Message,
}

impl Uses {
    /// An account was used, by the password of this label.
    pub(super) fn note(&self, account: Option<&str>, label: Option<&str>, what: What, now: DateTime<Utc>) {
        let Some(account) = account else { return };
        let mut uses = self.lock();
        let last = place(&mut uses, account, label.unwrap_or_default());
        last.news = true;
        match what {
            What::Login => last.last.login = Some(now),
            What::Message => last.last.message = Some(now),
        }
        drop(uses);
        self.news.notify_one();
    }

    /// When an account was last used, by whichever password.
    #[must_use]
    pub fn last(&self, account: &str) -> LastUse {
        let uses = self.lock();
        let of = uses.get(account).into_iter().flat_map(HashMap::values);
        of.fold(LastUse::default(), |all, one| all.or_later(one.last))
    }

    /// When a password of an account last let someone in; those without a label are one.
    #[must_use]
    pub fn password(&self, account: &str, label: Option<&str>) -> Option<DateTime<Utc>> {
        self.lock().get(account)?.get(label.unwrap_or_default())?.last.login
    }

    /// Forgets the accounts that are gone: whoever gets the name later has not used it.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|account, _| is_there(account));
    }

    /// Learns what the store knows of what was used since.
    pub async fn load(&self, store: &dyn Store, since: DateTime<Utc>) -> Result<(), StoreError> {
        self.learn(store.uses(since).await?);
        Ok(())
    }

    /// The same of one account, where others may have seen it: people are told the newest.
    pub async fn look_up(&self, store: &dyn Store, account: &str) {
        if store.is_shared() {
            match store.uses_of(account).await {
                Ok(stored) => self.learn(stored),
                Err(fault) => warn!(account, error = %fault, "store.failed"),
            }
        }
    }

    fn learn(&self, stored: Vec<Use>) {
        let mut uses = self.lock();
        for Use { account, password, login, message } in stored {
            let known = place(&mut uses, &account, &password);
            known.last = known.last.or_later(LastUse { login, message });
        }
    }

    /// Ends when there is something that the store does not know yet.
    pub(super) async fn noted(&self) {
        self.news.notified().await;
    }

    /// Lets the store know what is new.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let news = self.news();
        if news.is_empty() {
            return Ok(());
        }
        let written = store.used(news.clone()).await;
        if written.is_err() {
            let mut uses = self.lock();
            for Use { account, password, .. } in news {
                place(&mut uses, &account, &password).news = true;
            }
            self.news.notify_one();
        }
        written
    }

    fn news(&self) -> Vec<Use> {
        let mut news = Vec::new();
        for (account, passwords) in self.lock().iter_mut() {
            for (password, last) in passwords.iter_mut().filter(|(_, last)| last.news) {
                last.news = false;
                let LastUse { login, message } = last.last;
                news.push(Use { account: account.clone(), password: password.clone(), login, message });
            }
        }
        news
    }

    #[cfg(test)]
    pub(super) fn news_is_told(&self) -> bool {
        self.news().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Last>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place<'a>(uses: &'a mut HashMap<String, HashMap<String, Last>>, account: &str, label: &str) -> &'a mut Last {
    let passwords = uses.entry(account.to_owned()).or_default();
    passwords.entry(label.to_owned()).or_default()
}

impl LastUse {
    fn or_later(self, other: Self) -> Self {
        Self { login: self.login.max(other.login), message: self.message.max(other.message) }
    }
}
