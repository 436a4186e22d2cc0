//! What was told lately, and what is told now. Without scripts the page is loaded again; with them it follows.

mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tracing::Level;
use url::form_urlencoded;

use super::figures::exact;
use super::page::{Badge, Page, Section, Tone, shown};
use super::visitor::Visitor;
use super::{Desk, replicas};
use crate::activity::{Event, Filter, KEPT};
use crate::model::Account;
use crate::registry::Declared;

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/events", get(events)).route("/events/stream", get(stream::stream))
}

/// Which events are wanted, as the form says it. What is not understood asks for everything.
#[derive(Clone, Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    account: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    most: String,
}

/// How many rows there are at first, and how many there may be.
const FEW: usize = 100;

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    page: Page,
    wanted: Wanted,
    levels: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    most: usize,
    all: usize,
    /// Where more of these are, if not all are shown.
    more: Option<String>,
    /// What follows, from where.
    stream: String,
    /// Whose events these are, where there may be others.
    replica: Option<String>,
}

/// An event as a row, on the page and in the stream.
#[derive(Serialize)]
struct Row {
    id: u64,
    at: String,
    tone: &'static str,
    mark: &'static str,
    level: String,
    name: String,
    account: String,
    token: String,
    details: Vec<(&'static str, String)>,
}

const LEVELS: [(&str, &str); 3] = [("info", "Everything"), ("warn", "Warnings and errors"), ("error", "Errors alone")];

impl Wanted {
    fn filter(&self) -> Filter {
        let part = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let level = match self.level.as_str() {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            _ => Level::INFO,
        };
        let most = self.most.parse().unwrap_or(FEW).clamp(1, KEPT);
        Filter { account: part(&self.account), token: part(&self.token), level, most }
    }

    /// As a query, with something more in it.
    fn query(&self, key: &str, value: &str) -> String {
        let own = [("account", &self.account), ("token", &self.token), ("level", &self.level)];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(own.into_iter().filter(|(_, value)| !value.is_empty())).append_pair(key, value);
        query.finish()
    }
}

async fn events(State(desk): State<Desk>, visitor: Visitor, Query(wanted): Query<Wanted>) -> Response {
    let filter = wanted.filter();
    // All of those there are, to say so; the number of the last tells the stream where to go on.
    let (latest, found) =
        (desk.activity.events.latest(), desk.activity.events.recent(&Filter { most: KEPT, ..filter.clone() }));
    let page = visitor.page(&desk, Section::Events, "Events");
    let address = |path: &str, key: &str, value: String| format!("{}{path}?{}", page.root, wanted.query(key, &value));
    let more = (found.len() > filter.most).then(|| address("/events", "most", KEPT.to_string()));
    let stream = address("/events/stream", "after", stream::mark(&desk, latest));
    let names = names(&desk.registry.declared());
    let who = |typed: &str| names.get(&Account::folded(typed)).cloned();
    let replica = replicas::own(&desk);
    let rows: Vec<_> =
        found.iter().rev().take(filter.most).map(|event| Row::of(event, who, replica.as_deref())).collect();
    let (levels, all, most) = (LEVELS.to_vec(), found.len(), filter.most);
    shown(StatusCode::OK, &Events { page, wanted, levels, rows, most, all, more, stream, replica })
}

/// The accounts by all that their programs may send as a user name.
fn names(declared: &Declared) -> HashMap<String, String> {
    let of = |account: &Account| {
        account.names().map(|name| (Account::folded(name), account.name.clone())).collect::<Vec<_>>()
    };
    declared.accounts.iter().flat_map(of).collect()
}

impl Row {
    /// `names` knows who is meant by a user name.
    fn of(event: &Event, names: impl Fn(&str) -> Option<String>, replica: Option<&str>) -> Self {
        let Badge { tone, text: level } = badge(event.level);
        let own = ["account", "token"];
        let mut details: Vec<_> =
            event.fields.iter().filter(|(name, value)| !own.contains(name) && !value.is_empty()).cloned().collect();
        details.extend(replica.map(|replica| ("replica", replica.to_owned())));
        // Whoever was not let in stands as `user` among the details, and here where it is the name of an account.
        let known = event.fields.iter().any(|(name, _)| *name == "account");
        let account = event.account.as_deref();
        let account = if known { account.map(str::to_owned) } else { account.and_then(names) };
        Self {
            id: event.id,
            at: exact(event.at),
            tone: tone.name(),
            mark: tone.mark(),
            level,
            name: event.name.clone(),
            account: account.unwrap_or_default(),
            token: event.token.clone().unwrap_or_default(),
            details,
        }
    }
}

fn badge(level: Level) -> Badge {
    match level {
        Level::ERROR => Badge::new(Tone::Bad, "error"),
        Level::WARN => Badge::new(Tone::Warn, "warning"),
        _ => Badge::new(Tone::Idle, "info"),
    }
}
