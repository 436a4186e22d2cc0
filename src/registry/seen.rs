use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{Kind, Store, Topic};

/// How often others had changed what is declared, when it was read.
#[derive(Debug)]
pub(super) struct Seen([AtomicU64; 2]);

const DECLARATIONS: [Topic<'_>; 2] = [Topic::Records(Kind::Token), Topic::Records(Kind::Account)];

impl Seen {
    pub(super) fn of(store: &dyn Store) -> Self {
        Self(DECLARATIONS.map(|topic| AtomicU64::new(store.changes(topic))))
    }

    pub(super) fn set(&self, to: &Self) {
        for (count, now) in self.0.iter().zip(&to.0) {
            count.store(now.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Ends when others have changed either.
    pub(super) async fn outdated(&self, store: &dyn Store) {
        let [tokens, accounts] = &self.0;
        let [of_tokens, of_accounts] = DECLARATIONS;
        tokio::select! {
            () = store.changed(of_tokens, tokens.load(Ordering::Relaxed)) => {}
            () = store.changed(of_accounts, accounts.load(Ordering::Relaxed)) => {}
        }
    }
}
