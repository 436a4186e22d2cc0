use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::entry::Entry;
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
}

/// Where notices go. The store remembers which were told, so that a restart, or another process, does not repeat them.
#[derive(Clone, Debug, Default)]
pub struct Notices(Option<mpsc::Sender<Notice>>);

const NEEDS_AUTHORIZATION: &str = "needs_authorization";

impl Notices {
    /// Sends them here.
    #[must_use]
    pub const fn to(sender: mpsc::Sender<Notice>) -> Self {
        Self(Some(sender))
    }

    /// A grant has ended.
    pub(super) async fn needs_authorization(&self, store: &dyn Store, entry: &Entry, summary: &str, remedy: &str) {
        let token = &entry.token.name;
        error!(token, error = summary, remedy, "token.needs_authorization");
        self.tell_of_end(store, entry, summary, remedy).await;
    }

    /// The same where another process saw it end: one that tells nobody, such as a command, must not use up the notice.
    pub(super) async fn tell_of_end(&self, store: &dyn Store, entry: &Entry, summary: &str, remedy: &str) {
        if self.0.is_some() && first(&entry.token.name, store.announce(&entry.name, NEEDS_AUTHORIZATION).await) {
            self.send(entry, "token.needs_authorization", summary.to_owned(), remedy.to_owned(), None);
        }
    }

    /// A refresh went well; worth a word when people were told of trouble.
    pub(super) async fn recovered(&self, store: &dyn Store, entry: &Entry) {
        // Nor must a command use up the good news.
        if self.0.is_some() && first(&entry.token.name, store.withdraw(&entry.name, NEEDS_AUTHORIZATION).await) {
            self.over(entry, "it can be refreshed again".to_owned());
        }
    }

    /// Something ends in so many days or fewer.
    pub(super) async fn expires_soon(&self, store: &dyn Store, entry: &Entry, deadline: Deadline, step: i64) {
        let (token, kind) = (&entry.token.name, deadline.kind.name());
        let ends = deadline.at.format("%Y-%m-%d");
        if !first(token, store.announce(&entry.name, &format!("expires_soon:{kind}:{ends}:{step}")).await) {
            return;
        }
        let days = (deadline.at - clock::now()).num_days();
        let remedy = deadline.kind.remedy().replace("{token}", token);
        warn!(token, what = kind, ends_at = %deadline.at.to_rfc3339(), days, remedy, "token.expires_soon");
        let what = kind.replace('_', " ");
        let summary = match days {
            _ if deadline.at <= clock::now() => format!("{what} ended on {ends}"),
            0 => format!("{what} ends on {ends}, within a day"),
            1 => format!("{what} ends on {ends}, in a day"),
            _ => format!("{what} ends on {ends}, in {days} days"),
        };
        self.send(entry, "token.expires_soon", summary, remedy, Some(deadline.at));
    }

    /// It does not end soon any more.
    pub(super) async fn expires_late(&self, store: &dyn Store, entry: &Entry, kind: &'static str) {
        if first(&entry.token.name, store.withdraw(&entry.name, &format!("expires_soon:{kind}:")).await) {
            self.over(entry, format!("{} no longer ends soon", kind.replace('_', " ")));
        }
    }

    fn over(&self, entry: &Entry, summary: String) {
        info!(token = entry.token.name, summary, "token.recovered");
        self.send(entry, "token.recovered", summary, String::new(), None);
    }

    fn send(
        &self,
        entry: &Entry,
        event: &'static str,
        summary: String,
        remedy: String,
        ends_at: Option<DateTime<Utc>>,
    ) {
        let Some(sender) = &self.0 else { return };
        let (token, mailbox, provider) = (&entry.token.name, &entry.user, &entry.token.provider.name);
        let (token, mailbox, provider) = (token.clone(), mailbox.clone(), provider.clone());
        let notice = Notice { event, token, mailbox, provider, summary, remedy, ends_at, at: clock::now() };
        if sender.try_send(notice).is_err() {
            warn!(token = entry.token.name, notice = event, "notify.overloaded");
        }
    }
}

/// Whether the store says that it is new.
fn first(token: &str, answer: Result<bool, StoreError>) -> bool {
    answer.unwrap_or_else(|fault| {
        warn!(token, error = %fault, "store.failed");
        false
    })
}
