use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::{error, info, warn};

use super::entry::Entry;
use super::flight::in_time;
use crate::clock;
use crate::model::Deadline;
use crate::store::{Store, StoreError};

/// What concerns people: they are told of it once.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// `token.needs_authorization`, `token.expires_soon` or `token.recovered`.
    pub event: &'static str,
    /// The token.
    pub token: String,
    /// Its mailbox, where it has one.
    pub mailbox: String,
    /// Its provider.
    pub provider: String,
    /// What happened.
    pub summary: String,
    /// The next step; empty after a recovery.
    pub remedy: String,
    /// When something ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// When this was noticed.
    pub at: DateTime<Utc>,
    /// What the store remembers of it.
    #[serde(skip)]
    pub announced: Option<Announced>,
}

/// A notice as the store remembers it.
#[derive(Clone, Debug)]
pub struct Announced {
    state: String,
    notice: String,
}

impl Announced {
    /// Nobody could be told: it counts as new when deadlines are looked at again.
    pub async fn take_back(&self, store: &dyn Store) {
        if let Err(fault) = store.withdraw(&self.state, &self.notice).await {
            warn!(error = %fault, "store.failed");
        }
    }
}

/// Where notices go. The store remembers which were told, so that a restart, or another process, does not repeat them.
#[derive(Clone, Debug, Default)]
pub struct Notices(Option<Outlet>);

#[derive(Clone, Debug)]
struct Outlet {
    sender: mpsc::Sender<Notice>,
    /// Whether anybody is told at present.
    heard: Arc<AtomicBool>,
}

const NEEDS_AUTHORIZATION: &str = "needs_authorization";

impl Notices {
    /// Sends them here.
    #[must_use]
    pub fn to(sender: mpsc::Sender<Notice>) -> Self {
        Self(Some(Outlet { sender, heard: Arc::new(AtomicBool::new(true)) }))
    }

    /// Whether anybody is told from now on: what nobody hears is not used up.
    pub fn hear(&self, heard: bool) {
        if let Some(outlet) = &self.0 {
            outlet.heard.store(heard, Ordering::Relaxed);
        }
    }

    fn outlet(&self) -> Option<&mpsc::Sender<Notice>> {
        self.0.as_ref().filter(|outlet| outlet.heard.load(Ordering::Relaxed)).map(|outlet| &outlet.sender)
    }

    /// A grant has ended.
    pub(super) async fn needs_authorization(&self, store: &dyn Store, entry: &Entry, summary: &str, remedy: &str) {
        let token = &entry.token.name;
        error!(token, error = summary, remedy, "token.needs_authorization");
        self.tell_of_end(store, entry, summary, remedy).await;
    }

    /// The same where another process saw it end: one that tells nobody, such as a command, must not use up the notice.
    pub(super) async fn tell_of_end(&self, store: &dyn Store, entry: &Entry, summary: &str, remedy: &str) {
        if self.outlet().is_some()
            && first(&entry.token.name, in_time(store.announce(&entry.name, NEEDS_AUTHORIZATION)).await)
        {
            let announced = Announced { state: entry.name.clone(), notice: NEEDS_AUTHORIZATION.to_owned() };
            let notice = notice(entry, "token.needs_authorization", summary.to_owned(), remedy.to_owned());
            self.send(store, Notice { announced: Some(announced), ..notice }).await;
        }
    }

    /// A refresh went well; worth a word when people were told of trouble.
    pub(super) async fn recovered(&self, store: &dyn Store, entry: &Entry) {
        // Nor must a command use up the good news.
        if self.outlet().is_some()
            && first(&entry.token.name, in_time(store.withdraw(&entry.name, NEEDS_AUTHORIZATION)).await)
        {
            self.over(store, entry, "it can be refreshed again".to_owned()).await;
        }
    }

    /// Something ends in so many days or fewer.
    pub(super) async fn expires_soon(&self, store: &dyn Store, entry: &Entry, deadline: Deadline, step: i64) {
        let (token, kind) = (&entry.token.name, deadline.kind.name());
        let ends = deadline.at.format("%Y-%m-%d");
        let announced = Announced { state: entry.name.clone(), notice: format!("expires_soon:{kind}:{ends}:{step}") };
        if !first(token, store.announce(&announced.state, &announced.notice).await) {
            return;
        }
        // By the same clock that the deadline was reckoned with.
        let now = clock::now() + store.clock_ahead();
        let days = (deadline.at - now).num_days();
        let remedy = deadline.kind.remedy().replace("{token}", token);
        warn!(token, what = kind, ends_at = %deadline.at.to_rfc3339(), days, remedy, "token.expires_soon");
        let what = kind.replace('_', " ");
        let summary = match days {
            _ if deadline.at <= now => format!("{what} ended on {ends}"),
            0 => format!("{what} ends on {ends}, within a day"),
            1 => format!("{what} ends on {ends}, in a day"),
            _ => format!("{what} ends on {ends}, in {days} days"),
        };
        let notice = notice(entry, "token.expires_soon", summary, remedy);
        self.send(store, Notice { ends_at: Some(deadline.at), announced: Some(announced), ..notice }).await;
    }

    /// It does not end soon any more.
    pub(super) async fn expires_late(&self, store: &dyn Store, entry: &Entry, kind: &'static str) {
        if first(&entry.token.name, store.withdraw(&entry.name, &format!("expires_soon:{kind}:")).await) {
            self.over(store, entry, format!("{} no longer ends soon", kind.replace('_', " "))).await;
        }
    }

    async fn over(&self, store: &dyn Store, entry: &Entry, summary: String) {
        info!(token = entry.token.name, summary, "token.recovered");
        self.send(store, notice(entry, "token.recovered", summary, String::new())).await;
    }

    async fn send(&self, store: &dyn Store, notice: Notice) {
        let Some(sender) = self.outlet() else { return };
        if let Err(TrySendError::Full(notice) | TrySendError::Closed(notice)) = sender.try_send(notice) {
            warn!(token = notice.token, notice = notice.event, "notify.overloaded");
            if let Some(announced) = &notice.announced {
                announced.take_back(store).await;
            }
        }
    }
}

fn notice(entry: &Entry, event: &'static str, summary: String, remedy: String) -> Notice {
    let (token, mailbox, provider) = (&entry.token.name, &entry.user, &entry.token.provider.name);
    let (token, mailbox, provider) = (token.clone(), mailbox.clone(), provider.clone());
    Notice { event, token, mailbox, provider, summary, remedy, ends_at: None, at: clock::now(), announced: None }
}

/// Whether the store says that it is new.
fn first(token: &str, answer: Result<bool, StoreError>) -> bool {
    answer.unwrap_or_else(|fault| {
        warn!(token, error = %fault, "store.failed");
        false
    })
}
