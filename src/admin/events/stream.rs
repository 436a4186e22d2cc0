//! Events as they happen, as server-sent events (WHATWG HTML, 9.2).
//!
//! A browser that lost its connection says which event it has seen last, and hears the rest. One that is too slow, or comes
//! back too late, is told how many it has missed. No stream lasts for ever: the browser comes again by itself, and each time it
//! has to be signed in. It is not somebody who is there: looking on keeps no session alive.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event as Message, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::super::visitor::Visitor;
use super::super::{Desk, accounts, replicas};
use super::{Row, Wanted};
use crate::activity::{Event, Filter, Watch};

/// How often something is said when there is nothing to say, and whether the administrator is still signed in is looked up.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long one stream lasts; less than a connection may.
const LIFE: Duration = Duration::from_mins(4);
/// How soon a browser may come again.
const AGAIN: Duration = Duration::from_secs(1);
/// Proxies that collect what an answer says would collect for ever.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

#[derive(Deserialize)]
pub(super) struct After {
    /// The last event that the page shows.
    after: Option<String>,
}

/// What one browser is told.
struct Telling {
    desk: Desk,
    visitor: Visitor,
    filter: Filter,
    watch: Watch,
    due: VecDeque<Arc<Event>>,
    /// How many were left out.
    missed: u64,
    /// The number of the last event that was heard, wanted or not.
    heard: u64,
    heartbeat: Interval,
    until: Instant,
    over: bool,
}

pub(super) async fn stream(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let after = last.or(after).and_then(|mark| marked(&desk, &mark));
    let Some(watch) = desk.activity.events.watch(after) else { return full() };
    let telling = Telling::new(desk, visitor, wanted.filter(), watch);
    ([UNBUFFERED], Sse::new(telling.messages())).into_response()
}

/// How a browser says which event it has seen last. Each replica counts its own.
pub(super) fn mark(desk: &Desk, number: u64) -> String {
    let replicas = desk.health.replicas();
    if replicas.are_several() { format!("{number}@{}", replicas.instance()) } else { number.to_string() }
}

/// The number of ours. Of another replica's there is nothing to go on from: what is told from now on is heard.
fn marked(desk: &Desk, mark: &str) -> Option<u64> {
    let replicas = desk.health.replicas();
    match mark.split_once('@') {
        Some((number, instance)) if instance == replicas.instance() => number.parse().ok(),
        Some(_) => None,
        None => mark.parse().ok(),
    }
}

fn full() -> Response {
    let text =
        "Too many pages follow the events already. Close one of them, or load this page again to see what is new.";
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")], text).into_response()
}

impl Telling {
    fn new(desk: Desk, visitor: Visitor, filter: Filter, mut watch: Watch) -> Self {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (due, missed) = (std::mem::take(&mut watch.due), watch.missed);
        let heard = watch.after;
        Self { desk, visitor, filter, watch, due, missed, heard, heartbeat, until: Instant::now() + LIFE, over: false }
    }

    fn messages(self) -> impl Stream<Item = Result<Message, Infallible>> {
        unfold(self, |mut telling| async move { Some((Ok(telling.next().await?), telling)) })
    }

    /// None is the end.
    async fn next(&mut self) -> Option<Message> {
        if self.over {
            return None;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            return Some(Message::default().event("left-out").retry(AGAIN).data(missed.to_string()));
        }
        while let Some(event) = self.due.pop_front() {
            self.heard = event.id;
            if let Some(message) = self.told(&event) {
                return Some(message);
            }
        }
        self.wait().await
    }

    async fn wait(&mut self) -> Option<Message> {
        loop {
            tokio::select! {
                biased;
                () = self.desk.stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                _ = self.heartbeat.tick() => return Some(self.beat().await),
                heard = self.watch.live.recv() => match heard {
                    Ok(event) => {
                        self.heard = event.id;
                        if let Some(message) = self.told(&event) {
                            return Some(message);
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        return Some(Message::default().event("left-out").data(missed.to_string()));
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// A number alone: a browser that comes again goes on from there.
    async fn beat(&mut self) -> Message {
        match self.desk.porter.is_in(&self.visitor).await {
            Ok(false) => {
                self.over = true;
                Message::default().event("over").data("signed out")
            }
            // What cannot be looked up now is looked up again.
            Ok(true) | Err(_) => Message::default().id(mark(&self.desk, self.heard)).retry(AGAIN),
        }
    }

    fn told(&self, event: &Arc<Event>) -> Option<Message> {
        if !self.filter.takes(event) {
            return None;
        }
        let message = Message::default().id(mark(&self.desk, event.id));
        let declared = self.desk.registry.declared();
        let who = |typed: &str| accounts::address::find(&declared, typed).map(|account| account.name.clone());
        let replica = replicas::own(&self.desk);
        message.json_data(Row::of(event, who, replica.as_deref())).ok()
    }
}
